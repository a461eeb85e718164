"""The three networks with their glue, in PyTorch: uint8 frame in, alpha and foreground out (ONNX: `onnx_glue.py`)."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.geometry import BASE, MPN_SIZES, OVERSAMPLING, low_resolution
from engines.networks.mrn import HALO, stretch

# Where MPN is not sure of anybody it is wrong more often than right: curtains, statues, coats. Of a person it is sure in at
# least a patch: in noise, in the dark and in a blur of a 120th of the frame, too.
PATCH = 8  # pixels of MPN's size
# Mean of a patch: the mask around it is 0 up to the one, as it is from the other on. A power of two lies between: OpenVINO puts
# the factor behind the clamp in int8 graphs, and rounds it and the bound to bf16 there. Their product has to stay 1.
DOUBTED, TRUSTED = 59 / 64, 63 / 64


def planes(frame: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """uint8 (H,W,3) -> `dtype` (1,3,H,W) in [0, 255]."""
    return frame.permute(2, 0, 1)[None].to(dtype)


class LowResolution(NamedTuple):
    """A frame at the low resolution, and at twice that, in [0, 1]."""

    image: Tensor  # (1,3,h,w), for QUN
    doubled: Tensor  # (1,3,2h,2w), for MPN, which sees it at its own size, and MRN


def shrink(frame: Tensor, model: str = BASE) -> LowResolution:
    """The low-resolution images of a uint8 frame (H,W,3) for a model."""
    height, width = frame.shape[:2]
    return shrink_to(frame, low_resolution(height, width, model))


def shrink_to(frame: Tensor, size: tuple[int, int]) -> LowResolution:
    """The low-resolution images of a uint8 frame (H,W,3) at a size (h, w)."""
    height, width = frame.shape[:2]
    h, w = size
    image = planes(frame)
    oversampled = (OVERSAMPLING * h, OVERSAMPLING * w)
    halved = (max(height // 2, oversampled[0]), max(width // 2, oversampled[1]))
    for size in (halved, oversampled):
        image = F.interpolate(image, size=size, mode="bilinear", align_corners=False)
    doubled = image / 255
    return LowResolution(F.avg_pool2d(doubled, OVERSAMPLING), doubled)


def reach(height: int, width: int) -> int:
    """The odd number of patches, of a mask of MPN's size, in which one that is sure is looked for: half the longer side."""
    return 2 * (max(height, width) // PATCH // 4) + 1


def without_doubtful(mask: Tensor) -> Tensor:
    """Hysteresis: masks (N,1,h,w) of MPN's size, set to 0 where no patch within a quarter of the longer side is sure."""
    window = reach(*mask.shape[-2:])
    surest = F.avg_pool2d(mask, PATCH)
    for kernel in ((window, 1), (1, window)):
        surest = F.max_pool2d(surest, kernel, stride=1, padding=(kernel[0] // 2, kernel[1] // 2))
    trust = ((surest - DOUBTED) / (TRUSTED - DOUBTED)).clamp(0, 1)
    return mask * F.interpolate(trust, scale_factor=PATCH)


def seen_by_mpn(doubled: Tensor, seen: tuple[int, int]) -> Tensor:
    """Frames (N,3,2h,2w) as MPN sees them. `seen`: how finely, (height, width) of one that is not wider than high."""
    height, width = doubled.shape[-2:]
    return F.interpolate(doubled, seen[::-1] if width > height else seen, mode="bilinear", align_corners=False)


def foreground_mask(mpn: nn.Module, doubled: Tensor, seen: tuple[int, int]) -> Tensor:
    """MPN: frames (N,3,2h,2w) -> coarse foreground masks (N,1,h,w). `seen`: see `seen_by_mpn`."""
    height, width = doubled.shape[-2:]
    mask = without_doubtful(mpn(seen_by_mpn(doubled, seen))[:, :1])
    return F.interpolate(mask, (height // OVERSAMPLING, width // OVERSAMPLING), mode="bilinear", align_corners=False)


def predict(mpn: nn.Module, doubled: Tensor, model: str = BASE) -> Tensor:
    """MPN of a model: frame (1,3,2h,2w) -> coarse foreground mask (h,w)."""
    return foreground_mask(mpn, doubled, MPN_SIZES[model])[0, 0]


def doubtful(mpn: nn.Module, doubled: Tensor, model: str = BASE) -> Tensor:
    """MPN of a model: frame (1,3,2h,2w) -> its mask, of the size that it sees, before what is nowhere sure is set to 0."""
    return mpn(seen_by_mpn(doubled, MPN_SIZES[model]))[0, 0]  # type: ignore[no-any-return]


def unify(qun: nn.Module, image: Tensor, mask: Tensor) -> Tensor:
    """QUN: image (1,3,h,w), mask (h,w) -> unified mask (h,w)."""
    return qun(image, mask[None, None])[0, 0]  # type: ignore[no-any-return]


def refine(
    mrn: nn.Module, frame: Tensor, doubled: Tensor, unified: Tensor, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    """MRN: uint8 frame (H,W,3), doubled (1,3,2h,2w), unified mask (h,w) -> alpha (H,W) in [0, 1], uint8 foreground (H,W,3).

    `dtype`: of the frame as it is passed to MRN.
    """
    height, width = frame.shape[:2]
    pixels = F.pad(planes(frame, dtype) / 255, (HALO, HALO + width % 2, HALO, HALO + height % 2), mode="replicate")
    colours, alpha = mrn(doubled, unified[None, None], pixels)[0, :, :height, :width].split((3, 1))
    foreground = (colours * 255 + 0.5).clamp(0, 255).to(torch.uint8)
    return stretch(alpha[0]), foreground.permute(1, 2, 0)
