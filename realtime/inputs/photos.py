"""Reading still pictures of every kind that cameras and editors write, as upright uint8 sRGB."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from engines.engine import Frame, Mask
from engines.errors import MediaError
from realtime.choices import MAX_PIXELS
from realtime.inputs.pictures import check_pixels, open_picture, tiff_size
from realtime.pixels.colour_profile import ColourProfile, colour_profile, space, to_srgb
from realtime.pixels.opacity import flatten
from realtime.pixels.opencv_log import silence_opencv

ORIENTATION = 0x0112  # the EXIF tag
READABLE = {
    *(".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"),
}


@dataclass(frozen=True, slots=True)
class Photo:
    """A still picture.

    Attributes:
        frame: its colours in sRGB, uint8 (H, W, 3).
        alpha: float32 (H, W) in [0, 1] if the file has one.
        name: for messages.
        profile: the colour profile of the file, if that is another than sRGB's.
        stored: the colours as the file has them, in that profile, uint8 (H, W, 3).
        frames: how many pictures the file has; this is the first.
    """

    frame: Frame
    alpha: Mask | None = None
    name: str = "the photo"
    profile: ColourProfile | None = None
    stored: Frame | None = None
    frames: int = 1

    def flat(self) -> Frame:
        """Flatten onto white: uint8 (H, W, 3) sRGB."""
        return self.frame if self.alpha is None else flatten(self.frame, self.alpha)


def read_photo(path: Path, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read JPEG, PNG, WebP, AVIF, HEIC (with pi-heif), TIFF, BMP or GIF: 8 or 16 bit, grey, palette, CMYK or
    colour, with or without alpha.

    EXIF orientation is applied, and colours are converted to sRGB by the file's colour profile.
    Raises TooManyPixels before anything is decoded if there are more than `max_pixels`; MediaError if the file is missing, not
    a plain file, not a picture or broken.
    """
    try:
        try:
            with open_picture(path, max_pixels=max_pixels) as image:
                return _decode(image, path)
        except UnidentifiedImageError:
            return _read_float_tiff(path, max_pixels)
    except MediaError:
        raise
    except MemoryError as error:
        raise MediaError(f"{path}: takes more memory than there is; make it smaller") from error
    except Exception as error:  # Pillow has no error of its own
        kinds = "name a JPEG, PNG, WebP, AVIF, HEIC, TIFF, BMP or GIF file"
        raise MediaError(f"{path}: is broken or not a picture that can be read; {kinds}") from error


def _decode(image: Image.Image, path: Path) -> Photo:
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)  # MPO: a JPEG with previews
    icc: bytes = image.info.get("icc_profile") or b""
    image.load()
    orientation = _orientation(image)
    alpha = None
    if image.mode[0] in "IF":  # 16 or 32 bit, grey
        image = Image.fromarray(_eight_bits(np.asarray(image)))
    elif image.has_transparency_data:
        grey = image.mode[0] == "L"
        image = image.convert("RGBA")
        alpha = _upright(np.asarray(image.getchannel("A")), orientation).astype(np.float32) / np.float32(255)
        image = image.convert("L" if grey else "RGB")
    described = space(icc) if icc else ""
    if (image.mode, described) in {("L", "GRAY"), ("CMYK", "CMYK")}:
        image = to_srgb(image, icc)
    stored = _upright(np.array(image.convert("RGB"), np.uint8), orientation)  # a copy, which engines can share
    profile = colour_profile(icc) if described == "RGB" else None
    if profile is None:
        return Photo(stored, alpha, str(path), frames=frames)
    return Photo(profile.to_srgb(stored), alpha, str(path), profile, stored, frames)


def _read_float_tiff(path: Path, max_pixels: int) -> Photo:
    """Read the TIFF files that Pillow does not know: several channels in floating point."""
    check_pixels(path, *tiff_size(path), max_pixels)
    with silence_opencv():
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH)
    if pixels is None:
        raise MediaError(f"{path}: is broken, or a TIFF file of a kind that cannot be read; save it with 8 or 16 bits")
    return Photo(np.ascontiguousarray(_eight_bits(pixels)), name=str(path))


def _eight_bits(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Convert any depth to uint8: whole numbers as 16 bits, floating point (TIFF, HDR) from [0, 1]."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    high = 1 if pixels.dtype.kind == "f" else 65535
    levels = np.clip(np.nan_to_num(pixels), 0, high).astype(np.float32) * np.float32(255 / high)
    return np.asarray(np.rint(levels), np.uint8)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation of a picture, 1 to 8; 1, upright, if it has none that can be read."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # of many types, for many kinds of damage
        return 1


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Rotate and mirror pixels upright."""
    if orientation in {5, 6, 7, 8}:
        pixels = pixels.swapaxes(0, 1)
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
