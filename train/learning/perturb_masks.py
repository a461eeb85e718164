"""Low-resolution masks made worse than they came: what MRN learns from, so that it looks at the picture.

MPN knows the people it was trained on, so its masks of them are better than those of strangers. Some kinds change the whole
mask alike (the first five), some here this way and there that way, as a network errs on people it has not seen.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

CELLS = 5  # of a field across the shorter side of a mask


def _blurred(mask: Tensor, size: int) -> Tensor:
    return F.avg_pool2d(mask, size, 1, size // 2, count_include_pad=False)


def field(channels: int, shape: tuple[int, int], chance: float) -> Tensor:
    """A smooth random field (1,channels,h,w) around 0, its deviation about 1; the same for the same `chance` in [0, 1)."""
    generator = torch.Generator().manual_seed(int(chance * 2**31))
    cell = min(shape) / CELLS
    coarse = torch.randn(1, channels, *(max(2, round(side / cell)) for side in shape), generator=generator)
    return F.interpolate(coarse, size=shape, mode="bicubic", align_corners=True)


def _grown(mask: Tensor, size: int, _: list[float]) -> Tensor:
    return F.max_pool2d(mask, size, 1, size // 2)


def _shrunk(mask: Tensor, size: int, _: list[float]) -> Tensor:
    return -F.max_pool2d(-mask, size, 1, size // 2)


def _soft(mask: Tensor, size: int, _: list[float]) -> Tensor:
    return _blurred(mask, size)


def _hard(mask: Tensor, size: int, _: list[float]) -> Tensor:
    return (_blurred(mask, size) > 0.5).to(mask.dtype)


def _shifted(mask: Tensor, _: int, aside: list[float]) -> Tensor:
    return mask.roll([int(7 * shift) - 3 for shift in aside], (2, 3))


def _bent(mask: Tensor, size: int, aside: list[float]) -> Tensor:
    """Moved by up to a few pixels, everywhere another way."""
    h, w = mask.shape[-2:]
    pixels = field(2, (h, w), aside[0]).to(mask.device) * (size / 3)
    grid = F.affine_grid(torch.eye(2, 3, device=mask.device)[None], [1, 1, h, w], align_corners=False)
    grid = grid + pixels.permute(0, 2, 3, 1) * torch.tensor([2 / w, 2 / h], device=mask.device)
    bent = F.grid_sample(mask, grid, padding_mode="border", align_corners=False)
    return bent.clamp(mask.min(), mask.max())  # its four weights add up to 1 but for float error


def _doubted(mask: Tensor, size: int, aside: list[float]) -> Tensor:
    """Blurred, then decided anew, here for the person and there against."""
    opinion = 3 * field(1, (mask.shape[-2], mask.shape[-1]), aside[1]).to(mask.device)
    return torch.sigmoid(2 * torch.logit(_blurred(mask, size)) + opinion)


KINDS: tuple[Callable[[Tensor, int, list[float]], Tensor], ...] = (
    _grown, _shrunk, _soft, _hard, _shifted, _bent, _bent, _doubted, _doubted
)  # fmt: skip


def worsen(masks: Tensor, share: float, chance: Tensor) -> Tensor:
    """Makes a share of masks (N,1,h,w) in [0, 1] worse. Which, and how, tells `chance` (N,5) in [0, 1)."""
    results = []
    for mask, (whether, how, much, *aside) in zip(torch.split(masks, 1), chance.tolist(), strict=True):
        if whether < share:
            mask = KINDS[int(len(KINDS) * how)](mask, 2 * int(1 + 3 * much) + 1, aside)
        results.append(mask)
    return torch.cat(results)
