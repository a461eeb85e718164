"""Quality unification network (section 3.2): coarse and fine masks in, masks of one quality out."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.networks.blocks import Convolution, Residual, join, logit


class QUN(nn.Module):
    """A small U-Net over image and mask.

    forward: image (N,3,h,w) RGB in [0, 1], mask (N,1,h,w) in [0, 1] -> unified mask (N,1,h,w) in [0, 1].
    h and w are multiples of 8.
    """

    def __init__(self, widths: tuple[int, int, int] = (8, 16, 32)) -> None:
        super().__init__()
        self.dimensions = {"widths": widths}  # travel with the weights
        w2, w4, w8 = widths
        self.down2 = Convolution(4 * 4, w2)
        self.down4 = nn.Sequential(Convolution(w2, w4, stride=2), Residual(w4))
        self.down8 = nn.Sequential(Convolution(w4, w8, stride=2), Residual(w8), Residual(w8))
        self.up4 = Convolution(w8 + w4, w4)
        self.up2 = Convolution(w4 + w2, w2)
        self.head = nn.Conv2d(w2, 4, 3, padding=1)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        f2 = self.down2(F.pixel_unshuffle(torch.cat([image, mask], dim=1), 2))
        f4 = self.down4(f2)
        features = self.up4(join(self.down8(f4), f4))
        features = self.up2(join(features, f2))
        # The identity loss (equation 3) asks for little change, so the network outputs the change.
        change = F.pixel_shuffle(self.head(features), 2)
        return torch.sigmoid(change + logit(mask))
