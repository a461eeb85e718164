"""Opening still pictures: what they are and how large is known before anything is decoded."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, TiffImagePlugin

from engines.errors import MediaError

FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")  # Pillow's names
MOVING = {"AVIF", "GIF", "PNG", "WEBP"}  # in which more than one picture is an animation
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1"}
HEIF_PACKAGE = "pip install 'semantic-human-matting[heic]'"

logging.getLogger("PIL").setLevel(logging.CRITICAL)  # what is wrong with a file is in the error that is raised
_lock = threading.RLock()


def check_file(path: Path) -> None:
    """Raise MediaError unless `path` is a plain file: reading a pipe may wait, and reading a device never ends."""
    if path.is_dir():
        raise MediaError(f"{path}: is a folder; name one picture in it")
    if not path.exists():
        raise MediaError(f"{path}: no such file; check the name")
    if not path.is_file():
        raise MediaError(f"{path}: is a device or a pipe; name a picture")


@contextmanager
def open_picture(path: Path) -> Iterator[Image.Image]:
    """Open a picture, of which only the head is read: `image.size` is known, and nothing is decoded.

    Raises MediaError if it is missing, no plain file, or a HEIC that nothing here reads; an error of Pillow (of many types)
    if it is broken.
    """
    check_file(path)
    try:
        with _without_warnings(), Image.open(path, formats=_heif(path) if is_heif(path) else FORMATS) as image:
            yield image
    except PermissionError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def is_heif(path: Path) -> bool:
    """Whether a file is a HEIC picture, as phones take them; of a sequence, which is a video, it is false."""
    with path.open("rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS


def is_still(path: Path) -> bool:
    """Whether a plain file is a picture and not an animation."""
    try:
        with open_picture(path) as image:
            return image.format not in MOVING or getattr(image, "n_frames", 1) == 1
    except MediaError:
        raise
    except Exception:  # Pillow has no error of its own
        return False


def tiff_size(path: Path) -> tuple[int, int]:
    """Height and width of a TIFF file whose kind of pixels Pillow does not know; an error of many types if it is none."""
    with path.open("rb") as file:
        tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
        file.seek(tags.next)
        tags.load(file)
    return int(tags[TiffImagePlugin.IMAGELENGTH]), int(tags[TiffImagePlugin.IMAGEWIDTH])


def _heif(path: Path) -> tuple[str, ...]:
    try:
        from pi_heif import register_heif_opener
    except ModuleNotFoundError as error:
        raise MediaError(f"{path}: pi-heif, which reads HEIC pictures, is not installed; type: {HEIF_PACKAGE}") from error
    register_heif_opener()
    return ("HEIF",)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Switch off the warnings of Pillow, and its limit on pixels, for which there is one here. Both hold for all threads."""
    with _lock, warnings.catch_warnings(action="ignore"):
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit
