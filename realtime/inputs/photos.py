"""Reading still pictures of every kind that cameras and editors write, as upright uint8 RGB."""

import struct
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.engine import Frame, Mask
from engines.errors import MediaError
from realtime.pixels.opencv_log import silence_opencv

ORIENTATION = 0x0112  # the EXIF tag
READABLE = {".avif", ".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True, slots=True)
class Photo:
    """A still picture: `frame` is uint8 (H, W, 3) RGB, `alpha` float32 (H, W) in [0, 1] if the file has one."""

    frame: Frame
    alpha: Mask | None = None
    name: str = "the photo"  # for messages

    def flat(self, paper: int = 255) -> Frame:
        """Flatten onto a plain ground of one grey level, by default white: uint8 (H, W, 3) RGB."""
        if self.alpha is None:
            return self.frame
        ground = np.full_like(self.frame, paper)
        return cv2.blendLinear(self.frame, ground, self.alpha, 1 - self.alpha)  # type: ignore[return-value]


def read_photo(path: Path) -> Photo:
    """Read JPEG, PNG, WebP, AVIF, TIFF or BMP: 8 or 16 bit, grey, palette or colour, with or without alpha.

    EXIF orientation is applied. Raises MediaError if the file is missing, a folder, not a picture or broken.
    """
    if path.is_dir():
        raise MediaError(f"{path}: is a folder; name one picture in it")
    if not path.exists():
        raise MediaError(f"{path}: no such file; check the name")
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    try:
        with silence_opencv():
            pixels, kinds, blocks = cv2.imdecodeWithMetadata(data, flags=cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise MediaError(f"{path}: is broken or not a picture that can be read; name a JPEG, PNG, WebP, AVIF, TIFF or BMP file")
    exif = dict(zip(np.ravel(kinds).tolist(), blocks, strict=True)).get(cv2.IMAGE_METADATA_EXIF)
    upright = _upright(_eight_bits(np.asarray(pixels)), _orientation(b"" if exif is None else np.asarray(exif).tobytes()))
    return replace(_photo(np.ascontiguousarray(upright)), name=str(path))


def _eight_bits(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Convert any depth to uint8: uint16 over its whole range, floating point (TIFF, HDR) from [0, 1]."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    scale = 255 / 65535 if pixels.dtype == np.uint16 else 255
    levels = np.nan_to_num(pixels.astype(np.float32)) * np.float32(scale)
    return np.asarray(np.clip(np.rint(levels), 0, 255), np.uint8)


def _photo(pixels: NDArray[np.uint8]) -> Photo:
    """Convert grey, BGR or BGRA, uint8, to a Photo."""
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return Photo(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), np.uint8))
    frame = np.asarray(cv2.cvtColor(pixels[..., :3], cv2.COLOR_BGR2RGB), np.uint8)
    return Photo(frame, pixels[..., 3].astype(np.float32) / np.float32(255) if pixels.shape[2] == 4 else None)


def _orientation(exif: bytes) -> int:
    """The orientation in an EXIF block, 1 to 8; 1, upright, if it has none that can be read."""
    order = "<" if exif[:2] == b"II" else ">"
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for entry in range(count):
            tag, _, _, value = struct.unpack_from(order + "HHIH", exif, start + 2 + 12 * entry)
            if tag == ORIENTATION:
                return int(value)
    except struct.error:
        pass
    return 1


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Rotate and mirror pixels upright."""
    if orientation in {5, 6, 7, 8}:
        pixels = pixels.swapaxes(0, 1)
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    return pixels
