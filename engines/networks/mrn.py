"""Matting refinement network (section 3.3): the full-resolution image and the unified mask to foreground and alpha."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.networks.blocks import (
    Convolution,
    Residual,
    from_pixel_pairs,
    interleave_rows,
    logit,
    pixel_pairs,
    upsample_to,
)


class MatteRows(NamedTuple):
    """What MRN computes for every two rows of a frame, in pairs of pixels."""

    difference_upper: Tensor  # (N,6,H/2,W/2), to add to the colours of the upper rows
    difference_lower: Tensor
    logit_upper: Tensor  # (N,2,H/2,W/2), to add to the mask's logit in the upper rows
    logit_lower: Tensor
    logit_known: Tensor  # (N,1,H/2,W), the mask's logit for both rows, pixel by pixel


class MRN(nn.Module):
    """Encoder and decoder between 1/2 and 1/16; the mask joins the encoder at 1/4.

    The image comes in and goes out as pairs of pixels, the memory layout of a frame. The stem sees 6x6 pixels, 3 pairs in each
    of 6 rows; two heads side by side give the upper and the lower row of what one position covers.

    forward: image (N,3,H,W) RGB in [0, 1], mask (N,1,h,w) in [0, 1] of the same field of view at any lower resolution
    -> (N,4,H,W) in [0, 1]: foreground RGB, alpha. H and W are multiples of 16.
    """

    def __init__(self, widths: tuple[int, int, int, int] = (16, 16, 48, 96)) -> None:
        super().__init__()
        self.dimensions = {"widths": widths}  # travel with the weights
        w2, w4, w8, w16 = widths
        self.stem = Convolution(3 * 2, w2, kernel=(6, 3), stride=(2, 1))
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
        # Four heads: on a CPU, splitting the channels of one costs more than three more small convolutions.
        self.foreground = nn.ModuleList(nn.Conv2d(w2, 3 * 2, 1) for _row in range(2))
        self.alpha = nn.ModuleList(nn.Conv2d(w2, 2, 1) for _row in range(2))

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        rows = self.matte(pixel_pairs(image), mask)
        # The foreground is the image except where the background shines through: the network gives the difference.
        difference = from_pixel_pairs(interleave_rows(rows.difference_upper, rows.difference_lower))
        foreground = (image + difference).clamp(0, 1)
        change = from_pixel_pairs(interleave_rows(rows.logit_upper, rows.logit_lower))
        alpha = torch.sigmoid(change + rows.logit_known.repeat_interleave(2, dim=2))
        return torch.cat([foreground, alpha], dim=1)

    def matte(self, image: Tensor, mask: Tensor) -> MatteRows:
        """The matte in pairs of pixels, of an image in pairs of pixels (N,6,H,W/2).

        The mask is right nearly everywhere, so the network outputs the change to it; otherwise it blurs edges that are exact.
        """
        f2 = self.stem(image)
        f4 = self.down4(f2)
        f4 = self.fuse(torch.cat([f4, upsample_to(mask, f4)], dim=1))
        f8 = self.down8(f4)
        f16 = self.down16(f8)
        f8 = self.up8(F.relu(f8 + upsample_to(self.to8(f16), f8)))
        f4 = self.up4(F.relu(f4 + upsample_to(self.to4(f8), f4)))
        f2 = self.up2(F.relu(f2 + upsample_to(self.to2(f4), f2)))
        upper, lower = (head(f2) for head in self.foreground)
        upper_alpha, lower_alpha = (head(f2) for head in self.alpha)
        # Not added in the heads: where the rows are joined, adding it costs nothing.
        rows, columns = f2.shape[-2:]
        known = F.interpolate(logit(mask), size=(rows, 2 * columns), mode="bilinear", align_corners=False)
        return MatteRows(upper, lower, upper_alpha, lower_alpha, known)
