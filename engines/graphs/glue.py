"""The three networks with their glue, in PyTorch: uint8 frame in, alpha and foreground out (ONNX: `onnx_glue.py`)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.geometry import BASE, MASK_STRIDE, OVERSAMPLING, low_resolution, padding


def planes(frame: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """uint8 (H,W,3) -> `dtype` (1,3,H,W) in [0, 255]."""
    return frame.permute(2, 0, 1)[None].to(dtype)


def shrink(frame: Tensor, model: str = BASE) -> Tensor:
    """The low-resolution image (1,3,h,w) in [0, 1] of a uint8 frame (H,W,3)."""
    height, width = frame.shape[:2]
    h, w = low_resolution(height, width, model)
    image = planes(frame)
    oversampled = (OVERSAMPLING * h, OVERSAMPLING * w)
    halved = (max(height // 2, oversampled[0]), max(width // 2, oversampled[1]))
    for size in (halved, oversampled, (h, w)):
        image = F.interpolate(image, size=size, mode="bilinear", align_corners=False)
    return image / 255


def predict(mpn: nn.Module, image: Tensor) -> Tensor:
    """MPN: image (1,3,h,w) -> coarse foreground mask (h,w)."""
    return mpn(image)[0, 0]  # type: ignore[no-any-return]


def unify(qun: nn.Module, image: Tensor, mask: Tensor) -> Tensor:
    """QUN: image (1,3,h,w), mask (h,w) -> unified mask (h,w)."""
    return qun(image, mask[None, None])[0, 0]  # type: ignore[no-any-return]


def refine(mrn: nn.Module, frame: Tensor, unified: Tensor, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """MRN: uint8 frame (H,W,3), unified mask (h,w) -> alpha (H,W) in [0, 1], uint8 foreground (H,W,3).

    `dtype`: of the image passed to MRN.
    """
    height, width = frame.shape[:2]
    quarter = (-(-height // MASK_STRIDE), -(-width // MASK_STRIDE))
    mask = F.interpolate(unified[None, None], size=quarter, mode="bilinear", align_corners=False)
    bottom, right = padding(height), padding(width)
    mask = F.pad(mask, (0, right // MASK_STRIDE, 0, bottom // MASK_STRIDE), mode="replicate")
    image = F.pad(planes(frame, dtype) / 255, (0, right, 0, bottom), mode="replicate")
    colours, alpha = mrn(image, mask)[0, :, :height, :width].split((3, 1))
    foreground = (colours * 255 + 0.5).clamp(0, 255).to(torch.uint8)
    return alpha[0], foreground.permute(1, 2, 0)
