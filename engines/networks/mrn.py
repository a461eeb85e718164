"""Matting refinement network (section 3.3): the full-resolution image and the unified mask to foreground and alpha."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.networks.blocks import Convolution, Residual, blocks, pixels, upsample_to


class MRN(nn.Module):
    """Encoder and decoder between 1/2 and 1/16, on blocks of 2x2 pixels; the mask joins where the image has come down 4x.

    forward: image (N,3,H,W) RGB in [0, 1], mask (N,1,h,w) in [0, 1] of the same field of view at any lower resolution
    -> (N,4,H,W) in [0, 1]: foreground RGB, alpha. H and W are multiples of 16.
    """

    def __init__(self, widths: tuple[int, int, int, int] = (16, 16, 48, 96)) -> None:
        super().__init__()
        self.dimensions = {"widths": widths}  # travel with the weights
        w2, w4, w8, w16 = widths
        self.stem = Convolution(3 * 4, w2)
        self.down4 = Convolution(w2, w4 - 1, stride=2)  # the mask is the last of the w4 channels
        self.fuse = Residual(w4)
        self.down8 = nn.Sequential(Convolution(w4, w8, stride=2), Residual(w8))
        self.down16 = nn.Sequential(Convolution(w8, w16, stride=2), Residual(w16))
        self.to8 = Convolution(w16, w8, kernel=1, activation=None)
        self.up8 = Residual(w8)
        self.to4 = Convolution(w8, w4, kernel=1, activation=None)
        self.up4 = Residual(w4)
        self.to2 = Convolution(w4, w2, kernel=1, activation=None)
        self.up2 = Convolution(w2, w2)
        # Two heads: on a CPU, taking the channels of one apart costs more than a second small convolution.
        self.foreground = nn.Conv2d(w2, 3 * 4, 1)
        self.alpha = nn.Conv2d(w2, 4, 1)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        difference, logit = self.matte(blocks(image), mask)
        # The foreground is the image but where the background shines through: the network gives the difference.
        foreground = (image + pixels(difference)).clamp(0, 1)
        return torch.cat([foreground, torch.sigmoid(pixels(logit))], dim=1)

    def matte(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """In blocks of 2x2 pixels: image (N,12,H/2,W/2) -> what to add to it (N,12,H/2,W/2), alpha's logit (N,4,H/2,W/2)."""
        f2 = self.stem(image)
        f4 = self.down4(f2)
        f4 = self.fuse(torch.cat([f4, upsample_to(mask, f4)], dim=1))
        f8 = self.down8(f4)
        f16 = self.down16(f8)
        f8 = self.up8(F.relu(f8 + upsample_to(self.to8(f16), f8)))
        f4 = self.up4(F.relu(f4 + upsample_to(self.to4(f8), f4)))
        f2 = self.up2(F.relu(f2 + upsample_to(self.to2(f4), f2)))
        return self.foreground(f2), self.alpha(f2)
