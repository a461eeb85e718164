"""Reading and writing still pictures: every form that cameras and editors leave behind, made uint8 RGB the right way up."""

import contextlib
import os
import secrets
import struct
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.engine import Frame, Mask
from engines.errors import MediaError
from realtime.quiet import quiet_opencv

ORIENTATION = 0x0112  # the EXIF tag
QUALITY = 95  # of JPEG and WebP, of 100
READABLE = {".avif", ".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
WRITABLE = READABLE - {".avif"}
HOLD_ALPHA = {".png", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True, slots=True)
class Photo:
    """A still picture: `frame` is uint8 (H, W, 3) RGB, `alpha` float32 (H, W) in [0, 1] where the file has one."""

    frame: Frame
    alpha: Mask | None = None

    def flat(self, paper: int = 255) -> Frame:
        """The picture on a plain ground of one grey level, white unless told: uint8 (H, W, 3) RGB."""
        if self.alpha is None:
            return self.frame
        ground = np.full_like(self.frame, paper)
        return cv2.blendLinear(self.frame, ground, self.alpha, 1 - self.alpha)  # type: ignore[return-value]


def read_photo(path: Path) -> Photo:
    """Reads JPEG, PNG, WebP, AVIF, TIFF or BMP: 8 or 16 bit, grey, palette or colour, with or without alpha.

    EXIF orientation is applied. Raises MediaError where the file is missing, a folder, no picture or broken.
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
        with quiet_opencv():
            pixels, kinds, blocks = cv2.imdecodeWithMetadata(data, flags=cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise MediaError(f"{path}: is broken or no picture that can be read; name a JPEG, PNG, WebP, AVIF, TIFF or BMP file")
    exif = dict(zip(np.ravel(kinds).tolist(), blocks, strict=True)).get(cv2.IMAGE_METADATA_EXIF)
    upright = _turn(_eight_bits(np.asarray(pixels)), _orientation(b"" if exif is None else np.asarray(exif).tobytes()))
    return _photo(np.ascontiguousarray(upright))


def write_photo(path: Path, frame: Frame, alpha: Mask | None = None) -> None:
    """Writes uint8 RGB (H, W, 3), or grey (H, W), and with `alpha`, float32 (H, W), RGBA of straight colours.

    The form follows the suffix. Written beside and moved into place: `path` is whole or as it was.
    Raises MediaError where the suffix is unknown, the form holds no alpha, or the folder cannot be written.
    """
    check_suffix(path, alpha=alpha is not None)
    pixels: NDArray[np.uint8] = frame
    if alpha is not None:
        pixels = np.dstack([cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), cv2.convertScaleAbs(alpha, alpha=255)])
    elif frame.ndim == 3:
        pixels = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), np.uint8)
    suffix = path.suffix.lower()
    options: tuple[int, ...] = ()
    if suffix in {".jpg", ".jpeg"}:
        options = (cv2.IMWRITE_JPEG_QUALITY, QUALITY)
    elif suffix == ".webp":  # lossless (above 100) with alpha: lossy WebP smears the colours under a soft edge
        options = (cv2.IMWRITE_WEBP_QUALITY, QUALITY if alpha is None else 101)
    try:
        with quiet_opencv():
            coded = cv2.imencode(suffix, pixels, options)[1]
    except cv2.error as error:
        raise MediaError(f"{path}: {suffix} cannot hold this picture; write .png instead") from error
    write_beside(path, np.asarray(coded).tobytes())


def check_suffix(path: Path, *, alpha: bool) -> None:
    """Raises MediaError where pictures of this suffix cannot be written, or cannot hold the alpha that is asked for."""
    suffix = path.suffix.lower()
    if suffix not in WRITABLE:
        raise MediaError(f"{path}: unknown kind of picture '{path.suffix}'; end its name in {', '.join(sorted(WRITABLE))}")
    if alpha and suffix not in HOLD_ALPHA:
        raise MediaError(f"{path}: {suffix} holds no alpha; end its name in .png, or give a background with --bg")


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raises MediaError where a file cannot be made in this place, or one stands there already and is to stay."""
    if path.is_dir():
        raise MediaError(f"{path}: is a folder; name a file in it")
    if not path.parent.is_dir():
        raise MediaError(f"{path}: there is no folder {path.parent}; make it first")
    if path.exists() and not overwrite:
        raise MediaError(f"{path}: exists already; use --overwrite to replace it")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise MediaError(f"{path}: the folder {path.parent} may not be written; choose another")


def write_beside(path: Path, data: bytes) -> None:
    """Writes a file so that `path` is never half-written. Raises MediaError where its folder cannot be written."""
    beside = path.with_name(f".{secrets.token_hex(6)}.part")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        raise MediaError(f"{path}: cannot be written ({error.strerror}); choose another place") from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def _eight_bits(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Any depth made uint8: uint16 over its whole range, floating point (TIFF, HDR) from [0, 1]."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    scale = 255 / 65535 if pixels.dtype == np.uint16 else 255
    levels = np.nan_to_num(pixels.astype(np.float32)) * np.float32(scale)
    return np.asarray(np.clip(np.rint(levels), 0, 255), np.uint8)


def _photo(pixels: NDArray[np.uint8]) -> Photo:
    """Grey, BGR or BGRA, uint8, as a Photo."""
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return Photo(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), np.uint8))
    frame = np.asarray(cv2.cvtColor(pixels[..., :3], cv2.COLOR_BGR2RGB), np.uint8)
    return Photo(frame, pixels[..., 3].astype(np.float32) / np.float32(255) if pixels.shape[2] == 4 else None)


def _orientation(exif: bytes) -> int:
    """The orientation that an EXIF block asks for, 1 to 8; 1, upright, where it says nothing that can be read."""
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


def _turn(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Pixels as they lie in the file, turned upright."""
    if orientation in {5, 6, 7, 8}:
        pixels = pixels.swapaxes(0, 1)
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    return pixels
