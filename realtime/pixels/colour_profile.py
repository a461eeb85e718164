"""Colour profiles (ICC) of pictures. Networks, backgrounds and videos are in sRGB; photos are often in a wider space."""

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from engines.engine import Frame

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}  # of a Pillow mode, as a profile names it
INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
BAND = 256  # rows at a time: Pillow's pictures take a third more memory than arrays


class ColourProfile:
    """The profile of an RGB picture: `data` is the ICC profile itself."""

    def __init__(self, data: bytes) -> None:
        """Raises PyCMSError if this is not a profile by which RGB can be converted both ways."""
        self.data = data
        profile = _opened(data)
        self._to = ImageCms.buildTransform(profile, SRGB, "RGB", "RGB", INTENT, FLAGS)
        self._from = ImageCms.buildTransform(SRGB, profile, "RGB", "RGB", INTENT, FLAGS)

    def to_srgb(self, frame: Frame) -> Frame:
        """Convert uint8 RGB (H, W, 3) to sRGB. What is beyond sRGB becomes the nearest colour within."""
        return _applied(self._to, frame)

    def from_srgb(self, frame: Frame) -> Frame:
        """Convert sRGB, uint8 (H, W, 3), to this profile's values."""
        return _applied(self._from, frame)


def colour_profile(data: bytes) -> ColourProfile | None:
    """The profile of an RGB picture; None if it is that of sRGB, or cannot be used, in which case viewers take it for sRGB."""
    try:
        profile = ColourProfile(data)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    is_srgb = np.abs(profile.to_srgb(colours).astype(int) - colours).max() <= 1
    return None if is_srgb else profile


def to_srgb_by(profile: bytes, mode: str) -> Callable[[Image.Image], Image.Image]:
    """What converts grey or CMYK pictures to sRGB by a profile; by plain formulas if the profile is of no use for it."""
    try:
        transform = ImageCms.buildTransform(_opened(profile), SRGB, mode, "RGB", INTENT, FLAGS)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return lambda image: image.convert("RGB")
    return transform.apply


def space(profile: bytes) -> str:
    """The space that a profile describes: "RGB", "GRAY", "CMYK" or another; "" if it is broken."""
    try:
        return str(_opened(profile).profile.xcolor_space).strip()
    except (ImageCms.PyCMSError, OSError, ValueError):
        return ""


def _opened(data: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(data))


def _applied(transform: ImageCms.ImageCmsTransform, frame: NDArray[np.uint8]) -> Frame:
    converted = np.empty_like(frame)
    for top in range(0, len(frame), BAND):
        rows = np.s_[top : top + BAND]
        converted[rows] = np.asarray(transform.apply(Image.fromarray(frame[rows])))
    return converted
