"""Matting refinement network (section 3.3), in two depths: features of the whole frame, and details at full resolution.

The paper's encoder and decoder, where the mask joins at 1/4, see the frame at twice the mask's resolution: `features`. What
makes edges sharp sees few pixels around each one: `details`. It needs HALO pixels beyond what it gives, and no more, so that it
can run on any tile of the frame alone.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.networks.blocks import (
    Convolution,
    Residual,
    at_windows,
    from_pixel_pairs,
    interleave_rows,
    logit,
    pixel_pairs,
    upsample_to,
)

MARGIN = 1 / 128  # alphas this near to 0 and 1 are 0 and 1: a sigmoid reaches neither, and a sure pixel is not transparent
FADE = 1 / 16  # the foreground becomes the image where alpha comes this near to 1: a pixel that is opaque shows itself
HALO = 4  # pixels that `details` sees beyond what it gives, on each side


def stretch(alpha: Tensor) -> Tensor:
    """Alpha as engines give it: what is nearer than MARGIN to 0 or 1 is 0 or 1. The network is trained without."""
    return ((alpha - MARGIN) / (1 - 2 * MARGIN)).clamp(0, 1)


class MatteRows(NamedTuple):
    """What MRN computes for every two rows of H x W pixels, in pairs of pixels."""

    difference_upper: Tensor  # (N,6,H/2,W/2), to add to the colours of the upper rows
    difference_lower: Tensor
    logit_upper: Tensor  # (N,2,H/2,W/2), alpha's logit in the upper rows
    logit_lower: Tensor


class MRN(nn.Module):
    """`features` sees a whole frame at twice the mask's resolution (2h x 2w), `details` full resolution.

    The foreground is the image except where the background shines through, and the mask is right nearly everywhere: the
    network gives the differences to both. A stem that sees 6x6 pixels takes them as pairs, the memory layout of a frame, 3
    pairs in each of 6 rows; two heads side by side give the upper and the lower row of what one position covers.
    """

    enlargement: Tensor

    def __init__(self, widths: tuple[int, int, int, int] = (16, 16, 48, 96), detail: int = 16) -> None:
        super().__init__()
        self.dimensions = {"widths": widths, "detail": detail}  # travel with the weights
        w2, w4, w8, w16 = widths
        self.stem = Convolution(3, w2, kernel=6, stride=2)
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
        self.detail_stem = Convolution(3 * 2, detail, kernel=(6, 3), stride=(2, 1), padded=False, activation=None)
        self.detail_join = nn.Conv2d(w2 + 1, detail, 1)
        self.detail = Convolution(detail, detail, padded=False)
        # Four heads: on a CPU, splitting the channels of one costs more than three more small convolutions.
        self.foreground = nn.ModuleList(nn.Conv2d(w2 + detail, 3 * 2, 1) for _row in range(2))
        self.alpha = nn.ModuleList(nn.Conv2d(w2 + detail, 2, 1) for _row in range(2))
        # Bilinear enlargement to twice the size: of each position two rows of two pixels.
        phases = torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.75, 0.25]])
        self.register_buffer("enlargement", torch.einsum("ai,bj->abij", phases, phases).view(4, 1, 3, 3), persistent=False)

    def features(self, image: Tensor, mask: Tensor) -> Tensor:
        """Image (N,3,2h,2w) RGB in [0, 1], mask (N,1,h,w) in [0, 1] -> (N,C,h,w)."""
        f2 = self.stem(image)
        f4 = self.down4(f2)
        f4 = self.fuse(torch.cat([f4, upsample_to(mask, f4)], dim=1))
        f8 = self.down8(f4)
        f16 = self.down16(f8)
        f8 = self.up8(F.relu(f8 + upsample_to(self.to8(f16), f8)))
        f4 = self.up4(F.relu(f4 + upsample_to(self.to4(f8), f4)))
        up2: Tensor = self.up2(F.relu(f2 + upsample_to(self.to2(f4), f2)))
        return up2

    @staticmethod
    def with_logit(features: Tensor, mask: Tensor) -> Tensor:
        """Features (N,C,h,w) and the logit of the mask (N,1,h,w), as `details` takes them: (N,C+1,h,w)."""
        return torch.cat([features, logit(mask)], dim=1)

    @staticmethod
    def of_whole_frame(features: Tensor, pixels: Tensor) -> Tensor:
        """Features with logit (N,C,h,w) as `details` takes them where its pixels are the whole frame, its edge repeated."""
        size = (pixels.shape[2] // 2 - HALO, pixels.shape[3] - HALO)
        return F.pad(F.interpolate(features, size=size, mode="bilinear", align_corners=False), (1, 1, 1, 1), mode="replicate")

    def details(self, pixels: Tensor, features: Tensor) -> MatteRows:
        """The matte of H x W pixels, in pairs.

        pixels    (N,6,H+2*HALO,W/2+HALO) RGB in [0, 1], in pairs, with HALO more pixels on each side
        features  (N,C,H/2+2,W/2+2), at the pairs of rows and of pixels, with one more on each side; the last is the logit
        """
        joined = F.relu(self.detail_stem(pixels) + self.detail_join(features))
        inner = features[:, :, 1:-1, 1:-1]
        seen = torch.cat([inner[:, :-1], self.detail(joined)], dim=1)
        upper, lower = (head(seen) for head in self.foreground)
        upper_alpha, lower_alpha = (head(seen) for head in self.alpha)
        upper_known, lower_known = F.conv2d(features[:, -1:], self.enlargement).chunk(2, dim=1)
        return MatteRows(upper, lower, upper_alpha + upper_known, lower_alpha + lower_known)

    def forward(self, image: Tensor, mask: Tensor, pixels: Tensor, windows: Tensor | None = None) -> Tensor:
        """Foreground RGB and alpha, (N,4,H,W) in [0, 1].

        image    (N,3,2h,2w) RGB in [0, 1], the whole frame
        mask     (N,1,h,w) in [0, 1], of the same field of view
        pixels   (N,3,H+2*HALO,W+2*HALO), H and W even: the frame at full resolution, or a part of it
        windows  (N,4): where that part is with its margin, x0, y0, x1, y1 in unit coordinates; None: it is the whole frame, and
                 the margin repeats its edge
        """
        pairs, features = pixel_pairs(pixels), self.with_logit(self.features(image, mask), mask)
        if windows is None:
            features = self.of_whole_frame(features, pairs)
        else:
            features = at_windows(features, windows, (pairs.shape[2] // 2, pairs.shape[3]))[:, :, 1:-1, 1:-1]
        rows = self.details(pairs, features)
        difference = from_pixel_pairs(interleave_rows(rows.difference_upper, rows.difference_lower))
        alpha = torch.sigmoid(from_pixel_pairs(interleave_rows(rows.logit_upper, rows.logit_lower)))
        share = ((1 - stretch(alpha)) / FADE).clamp(max=1)
        foreground = (pixels[:, :, HALO:-HALO, HALO:-HALO] + share * difference).clamp(0, 1)
        return torch.cat([foreground, alpha], dim=1)
