"""Mask prediction network (section 3.1): a coarse foreground and background mask of a low-resolution image."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.networks.blocks import Convolution, join
from engines.networks.lite0 import CHANNELS, EfficientNetLite0, InvertedBottleneck

CONTEXT = 3  # blocks at 1/32 that see 7x7 positions each: together all of a frame, a load as wide as its bearer included


class MPN(nn.Module):
    """Encoder with ImageNet weights, decoder with skip connections, two output channels.

    forward: image (N,3,h,w) RGB in [0, 1] -> masks (N,2,h,w) in [0, 1]: foreground, background.
    h and w are multiples of 32; the released ones see 416x320 or 704x512 and their landscape twins. The paper has 192x160.
    """

    def __init__(self, decoder: tuple[int, int, int, int, int] = (128, 96, 64, 24, 16)) -> None:
        super().__init__()
        self.dimensions = {"decoder": decoder}  # travel with the weights
        c32, c16, c8, c4, c2 = decoder
        self.encoder = EfficientNetLite0()
        self.bottom = Convolution(CHANNELS[4], c32, kernel=1)
        self.context = nn.Sequential(*(InvertedBottleneck(c32, c32, 2, 7, 1) for _ in range(CONTEXT)))
        for block in self.context:  # begins as if it were not there
            nn.init.zeros_(block.project[2].weight)  # type: ignore[index, union-attr]
        self.up16 = Convolution(c32 + CHANNELS[3], c16)
        self.up8 = Convolution(c16 + CHANNELS[2], c8)
        self.up4 = Convolution(c8 + CHANNELS[1], c4)
        self.up2 = Convolution(c4 + CHANNELS[0], c2)
        self.head = nn.Conv2d(c2, 2 * 2 * 2, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        f2, f4, f8, f16, f32 = self.encoder(image)
        features = self.up16(join(self.context(self.bottom(f32)), f16))
        features = self.up8(join(features, f8))
        features = self.up4(join(features, f4))
        features = self.up2(join(features, f2))
        return torch.sigmoid(F.pixel_shuffle(self.head(features), 2))
