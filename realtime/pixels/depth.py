"""Colours of 8 and of 16 bits."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.engine import Frame

Pixels = NDArray[np.unsignedinteger[Any]]  # uint8 or uint16

WIDE = 257  # levels of 16 bits to one of 8 bits


def to_eight_bits(pixels: Pixels) -> Frame:
    """The nearest levels of 8 bits. What has 8 bits is returned as it is."""
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, np.uint8)
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=1 / WIDE), np.uint8).reshape(pixels.shape)


def to_sixteen_bits(pixels: NDArray[np.generic]) -> NDArray[np.uint16]:
    """The nearest levels of 16 bits, of uint8, of whole numbers that have them already, or of floating point from 0 to 1."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint16) * np.uint16(WIDE)
    if pixels.dtype.kind == "f":
        return np.asarray(np.rint(np.clip(np.nan_to_num(pixels), 0, 1) * np.float32(65535)), np.uint16)
    return np.asarray(np.clip(pixels, 0, 65535), np.uint16)
