"""Trimaps from true alphas: what is neither 0 nor 1 is unknown, and so is what is near it (DIM, section 4.1)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from train.evaluation.metrics import BAND_DIAMETER, BAND_UNKNOWN

RADIUS = BAND_DIAMETER // 2  # pixels, in evaluation
LARGEST = 2 * RADIUS  # in training, where radii are drawn from 1 to this


def dilate(masks: Tensor, radius: int) -> Tensor:
    """Masks (N,1,H,W) dilated by a square of 2 * radius + 1 pixels."""
    rows = F.max_pool2d(masks, (2 * radius + 1, 1), 1, (radius, 0))
    return F.max_pool2d(rows, (1, 2 * radius + 1), 1, (0, radius))


def trimaps(alphas: Tensor, random: Tensor | None = None, scale: float = 1.0) -> Tensor:
    """Foreground, background, unknown (N,3,H,W), each 0 or 1, of true alphas (N,1,H,W).

    `random` (N,) in [0, 1) draws the radius of each; None: that of the evaluation. `scale`: of radii, in a smaller picture.
    """
    low, high = BAND_UNKNOWN
    fractional = ((alphas > low) & (alphas < high)).float()
    radii = [RADIUS] * len(alphas) if random is None else [1 + int(LARGEST * each) for each in random.tolist()]
    unknown = torch.cat(
        [dilate(mask, max(1, round(scale * radius))) for mask, radius in zip(torch.split(fractional, 1), radii, strict=True)]
    )
    foreground = (1 - unknown) * (alphas > 0.5)
    return torch.cat([foreground, 1 - unknown - foreground, unknown], dim=1)


def as_one_channel(trimap: Tensor) -> Tensor:
    """Foreground, background, unknown (N,3,H,W) as DIM takes them (N,1,H,W): 1, 0 and 0.5."""
    return trimap[:, :1] + 0.5 * trimap[:, 2:]
