"""How blurred a frame is, as in `engines.focus`, on a PyTorch device."""

import torch
import torch.nn.functional as F
from torch import Tensor

from engines.focus import BLURRED, COARSER, FLAT, SHARP


def blur(image: Tensor) -> Tensor:
    """How blurred an image of (1, 3, h, w) in [0, 1] is at most, along its rows or its columns: from 0, sharp, to 1."""
    grey = image.mean(dim=1, keepdim=True)
    coarse = F.avg_pool2d(grey, COARSER)
    steps = [(_steps(grey, axis), _steps(coarse, axis)) for axis in (2, 3)]
    ratios = [torch.where(far > FLAT, fine / far, SHARP) for fine, far in steps]
    return ((SHARP - torch.minimum(*ratios)) / (SHARP - BLURRED)).clamp(0, 1)


def _steps(grey: Tensor, axis: int) -> Tensor:
    return grey.diff(dim=axis).pow(4).mean().pow(0.25)


def take_where_blurred(mask: Tensor, image: Tensor, other: Tensor) -> None:
    """Blend, in place, another mask into one (h, w) in [0, 1], as far as the image, of (1, 3, h, w) in [0, 1], is blurred.

    `other`: of the same field of view and any size.
    """
    there = F.interpolate(other[None, None], mask.shape, mode="bilinear", align_corners=False)[0, 0]
    mask.add_((blur(image) * (there - mask)).to(mask.dtype))
