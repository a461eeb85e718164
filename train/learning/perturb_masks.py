"""Perturbed low-resolution masks: MRN is trained on them so that it looks at the picture instead of trusting its mask.

MPN's masks of the people it was trained on are better than those of strangers. The first five perturbations change the whole
mask alike; the others differ from place to place, as a network errs on people it has not seen.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

CELLS = 5  # of a random field across the shorter side of a mask


def _box_blur(mask: Tensor, size: int) -> Tensor:
    return F.avg_pool2d(mask, size, 1, size // 2, count_include_pad=False)


def smooth_field(channels: int, shape: tuple[int, int], seed: float) -> Tensor:
    """A smooth random field (1,channels,h,w), zero mean, deviation about 1, determined by `seed` in [0, 1)."""
    generator = torch.Generator().manual_seed(int(seed * 2**31))
    cell = min(shape) / CELLS
    coarse = torch.randn(1, channels, *(max(2, round(side / cell)) for side in shape), generator=generator)
    return F.interpolate(coarse, size=shape, mode="bicubic", align_corners=True)


def _dilate(mask: Tensor, size: int, _: list[float]) -> Tensor:
    return F.max_pool2d(mask, size, 1, size // 2)


def _erode(mask: Tensor, size: int, _: list[float]) -> Tensor:
    return -F.max_pool2d(-mask, size, 1, size // 2)


def _blur(mask: Tensor, size: int, _: list[float]) -> Tensor:
    return _box_blur(mask, size)


def _binarise(mask: Tensor, size: int, _: list[float]) -> Tensor:
    return (_box_blur(mask, size) > 0.5).to(mask.dtype)


def _shift(mask: Tensor, _: int, random: list[float]) -> Tensor:
    return mask.roll([int(7 * number) - 3 for number in random], (2, 3))


def _warp(mask: Tensor, size: int, random: list[float]) -> Tensor:
    """Displace by up to a few pixels, along a smooth field."""
    h, w = mask.shape[-2:]
    pixels = smooth_field(2, (h, w), random[0]).to(mask.device) * (size / 3)
    grid = F.affine_grid(torch.eye(2, 3, device=mask.device)[None], [1, 1, h, w], align_corners=False)
    grid = grid + pixels.permute(0, 2, 3, 1) * torch.tensor([2 / w, 2 / h], device=mask.device)
    warped = F.grid_sample(mask, grid, padding_mode="border", align_corners=False)
    return warped.clamp(mask.min(), mask.max())  # its four weights sum to 1 up to float error


def _shift_logits(mask: Tensor, size: int, random: list[float]) -> Tensor:
    """Blur, then add a smooth field to the logits: unsure pixels turn to person in some places, to background in others."""
    shift = 3 * smooth_field(1, (mask.shape[-2], mask.shape[-1]), random[1]).to(mask.device)
    return torch.sigmoid(2 * torch.logit(_box_blur(mask, size)) + shift)


PERTURBATIONS: tuple[Callable[[Tensor, int, list[float]], Tensor], ...] = (
    _dilate, _erode, _blur, _binarise, _shift, _warp, _warp, _shift_logits, _shift_logits
)  # fmt: skip


def perturb_masks(masks: Tensor, share: float, random: Tensor) -> Tensor:
    """Perturb a share of masks (N,1,h,w) in [0, 1]. `random` (N,5), uniform in [0, 1), decides which and how."""
    results = []
    for mask, (whether, kind, strength, *rest) in zip(torch.split(masks, 1), random.tolist(), strict=True):
        if whether < share:
            mask = PERTURBATIONS[int(len(PERTURBATIONS) * kind)](mask, 2 * int(1 + 3 * strength) + 1, rest)
        results.append(mask)
    return torch.cat(results)
