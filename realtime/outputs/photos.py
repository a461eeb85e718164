"""Writing still pictures."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.atomic import replacing
from engines.engine import Frame, Mask
from engines.errors import MediaError
from realtime.outputs.target import check_suffix
from realtime.pixels.opencv_log import silence_opencv

QUALITY = 95  # of JPEG and WebP, of 100
WRITABLE = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
WITH_ALPHA = {".png", ".tif", ".tiff", ".webp"}
WITH_PROFILE = {".jpeg", ".jpg", ".png", ".webp"}  # in which a colour profile can be stored here


def write_photo(path: Path, frame: Frame, alpha: Mask | None = None, *, profile: bytes = b"", overwrite: bool = True) -> None:
    """Write uint8 RGB (H, W, 3) or grey (H, W); with `alpha`, float32 (H, W), RGBA of straight colours.

    The suffix decides the format. The file appears, or is replaced, only when it is complete. `profile` is the colour profile
    (ICC) that RGB is in, by default sRGB; only files whose suffix is in WITH_PROFILE hold one.
    Raises MediaError if the suffix is unknown, the format cannot hold alpha, or the file cannot be written; FileAppeared
    without `overwrite` if there is one, and what was written is beside it.
    """
    check_photo_suffix(path, alpha=alpha is not None)
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
        with silence_opencv():
            kinds, blocks = ([cv2.IMAGE_METADATA_ICCP], [np.frombuffer(profile, np.uint8)]) if profile else ([], [])
            encoded = cv2.imencodeWithMetadata(suffix, pixels, kinds, blocks, options)[1]
    except cv2.error as error:
        raise MediaError(f"{path}: {suffix} cannot hold this picture; write .png instead") from error
    try:
        with replacing(path, overwrite=overwrite) as unfinished:
            unfinished.write_bytes(np.asarray(encoded).tobytes())
    except OSError as error:
        raise MediaError(f"{path}: cannot be written ({error.strerror}); choose another place") from error


def check_photo_suffix(path: Path, *, alpha: bool) -> None:
    """Raise MediaError if pictures of this suffix cannot be written, or cannot hold the alpha that is asked for."""
    check_suffix(path, sorted(WRITABLE), "picture")
    if alpha and path.suffix.lower() not in WITH_ALPHA:
        raise MediaError(f"{path}: {path.suffix} holds no alpha; end its name in {', '.join(sorted(WITH_ALPHA))}")
