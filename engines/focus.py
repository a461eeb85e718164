"""How blurred a frame is, by a lens out of focus or by motion. There the base model finds people whom the large one loses.

From pixel to pixel a sharp frame has steps of half the height that it has at an eighth of the size, and a blurred one of an
eighth. `backends/gpu/focus.py` does the same on a GPU.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.engine import Mask

COARSER = 8  # times
# Steps at full size, in those at an eighth: the other mask counts fully up to the one, and not at all from the other on.
BLURRED, SHARP = 0.16, 0.22
FLAT = 0.004  # steps of a picture, in [0, 1], with nothing in it to be sharp


def blur(image: NDArray[np.float32]) -> float:
    """How blurred an image of (3, h, w) in [0, 1] is at most, along its rows or its columns: from 0, sharp, to 1."""
    grey = image.mean(axis=0)
    height, width = grey.shape
    size = width // COARSER, height // COARSER
    coarse: NDArray[np.float32] = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)
    steps = [(_steps(grey, axis), _steps(coarse, axis)) for axis in (0, 1)]
    ratio = min((fine / far for fine, far in steps if far > FLAT), default=SHARP)
    return float(np.clip((SHARP - ratio) / (SHARP - BLURRED), 0, 1))


def _steps(grey: NDArray[np.float32], axis: int) -> float:
    """How high the steps along an axis are: a mean in which high ones count most, as those are edges."""
    squares = np.square(np.diff(grey, axis=axis)).ravel()
    return float((squares @ squares / squares.size) ** 0.25)


def take_where_blurred(mask: Mask, image: NDArray[np.float32], other: Callable[[], Mask]) -> None:
    """Blend, in place, another mask into one, float32 (h, w) in [0, 1], as far as an image (3, h, w) in [0, 1] is blurred.

    `other`: makes that mask, of the same field of view and any size. It is not asked where the image is sharp.
    """
    share = blur(image)
    if share > 0:
        mask += share * (cv2.resize(other(), mask.shape[::-1], interpolation=cv2.INTER_LINEAR) - mask)
