"""The alpha of pictures that have it: what is clear in them shows what is behind."""

from typing import TYPE_CHECKING, Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.engine import Frame, Mask
from realtime.pixels.depth import to_eight_bits

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter

Pixels = TypeVar("Pixels", bound=NDArray[Any])

PAPER = 255  # level of the ground that shows through what is clear: white
BAND = 256  # rows at a time: floating point takes much more memory than the picture


def opacity_of(frame: "VideoFrame", size: tuple[int, int], converter: "VideoReformatter") -> NDArray[np.uint8] | None:
    """The alpha of a decoded frame, uint8 (H, W), scaled to `size` (H, W), or None where nothing in it is clear."""
    if not any(component.is_alpha for component in frame.format.components):
        return None
    height, width = size
    kind = "rgba" if frame.format.components[-1].bits <= 8 else "rgba64le"  # of 16 bits FFmpeg's scaler makes wrong ones of 8
    opacity = to_eight_bits(
        np.ascontiguousarray(converter.reformat(frame, width, height, format=kind, threads=1).to_ndarray()[..., 3])
    )
    return None if opacity.min() == 255 else opacity


def flatten(frame: Frame, alpha: Mask) -> Frame:
    """Lay a picture, uint8 (H, W, 3), with its alpha, float32 (H, W), on white."""
    return np.asarray(cv2.blendLinear(frame, np.full_like(frame, PAPER), alpha, 1 - alpha), np.uint8)


def without_paper(foreground: Frame, frame: Frame, alpha: Mask, colours: Frame | None = None) -> Frame:
    """The foreground of a picture that `flatten` laid on white, uint8 (H, W, 3), without the white that shines through.

    Where `alpha`, that of the picture itself, is between 0 and 1, it gets the picture's own colours: `colours`, or what they
    must have been by `frame`, which lies on white.
    """
    own = foreground
    for top in range(0, len(frame), BAND):
        rows = np.s_[top : top + BAND]
        partly = (alpha[rows] > 0) & (alpha[rows] < 1)
        if not partly.any():
            continue
        if own is foreground:
            own = foreground.copy()
        if colours is not None:
            own[rows][partly] = colours[rows][partly]
        else:
            levels = PAPER - (PAPER - frame[rows][partly].astype(np.float32)) / alpha[rows][partly][:, None]
            own[rows][partly] = np.rint(np.clip(levels, 0, 255))
    return own


def premultiply(pixels: Pixels, alpha: Mask) -> Pixels:
    """Multiply a picture (H, W, 3) of uint8, uint16 or int16 by its alpha, float32 (H, W)."""
    depth = {np.uint8: cv2.CV_8U, np.uint16: cv2.CV_16U, np.int16: cv2.CV_16S}[pixels.dtype.type]
    return cast(Pixels, cv2.multiply(pixels, cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB), dtype=depth))
