"""Opening still pictures: what they are and how large is known before anything is decoded."""

import ctypes
import logging
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from importlib import import_module
from numbers import Integral
from pathlib import Path
from typing import NamedTuple

from PIL import Image, TiffImagePlugin, _imaging

from engines.errors import MediaError, TooManyPixels
from engines.geometry import SMALLEST, Size
from realtime.addresses import refuse_missing
from realtime.pixels.jpeg_xl import is_jpeg_xl, jpeg_xl_size, require_jpeg_xl

FORMATS: tuple[str, ...] = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")  # Pillow's names
# Its readers of them. Left to itself, Pillow imports all that it has, five times as many, at the first that is not there yet.
PLUGINS = ("Avif", "Bmp", "Gif", "Jpeg", "Jpeg2K", "Png", "Ppm", "Tiff", "WebP")
MOVING = {"AVIF", "GIF", "PNG", "WEBP"}  # in which more than one picture is an animation
HEAD = 21  # bytes that tell a format from others
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1"}
OPENEXR = b"\x76\x2f\x31\x01"  # begins such a file
SPECIAL = 0x1A00  # bits of its version: tiles, deep pixels, several parts
ROWS = (1, 1, 1, 16, 32, 16, 32, 32, 32, 256)  # of a block in it, by the number of its compression
LONGEST, LARGEST = 4 << 20, 1 << 62  # bytes of its header, and of a file
HEIF_PACKAGE = "pip install 'semantic-human-matting[heic]'"

# What is wrong with a file is in the error that is raised; Pillow and its libtiff would print lines of their own.
logging.getLogger("PIL").setLevel(logging.CRITICAL)
with suppress(AttributeError, OSError):  # where libtiff is no library by itself
    ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)
_lock = threading.RLock()


def check_file(path: Path) -> None:
    """Raise MediaError unless `path` is a plain file: reading a pipe may wait, and reading a device never ends."""
    if path.is_dir():
        raise MediaError(f"{path}: is a folder; name one picture in it")
    refuse_missing(path)
    if not path.is_file():
        raise MediaError(f"{path}: is a device or a pipe; name a picture")


def check_pixels(name: object, height: int, width: int, max_pixels: int) -> None:
    """Raise TooManyPixels if a picture or frame of this size has more pixels than the limit."""
    if height * width > max_pixels:
        megapixels = -(-height * width // 1_000_000)
        size = f"{Size(height, width)} is {megapixels} megapixels, over the limit of {float(max_pixels) / 1_000_000:g}"
        raise TooManyPixels(f"{name}: {size}; if you trust it, raise the limit", megapixels)


def check_smallest(name: object, height: int, width: int) -> None:
    """Raise MediaError if a picture or frame of this size is smaller than the networks take."""
    if min(height, width) < SMALLEST:
        raise MediaError(f"{name}: {Size(height, width)} is too small; each side needs at least {SMALLEST} pixels")


@contextmanager
def open_picture(path: Path, *, max_pixels: int) -> Iterator[Image.Image]:
    """Open a picture, of which only the head is read: `image.size` is known, and nothing is decoded, but for JPEG XL.

    Raises MediaError if it is missing, no plain file, larger than the limit, or a HEIC or JPEG XL that nothing here reads; an
    error of Pillow (of many types) if it is broken.
    """
    check_file(path)
    for each in PLUGINS:
        import_module(f"PIL.{each}ImagePlugin")
    try:
        formats = FORMATS
        if is_heif(path):
            _require_heif(path)
            formats = ("HEIF",)
        elif is_jpeg_xl(_head(path)):
            require_jpeg_xl(path)
            formats = ("JXL",)
            check_pixels(path, *jpeg_xl_size(path), max_pixels)
        with _own_limit() as set_limit, Image.open(path, formats=formats) as image:
            check_pixels(path, image.height, image.width, max_pixels)
            set_limit(max_pixels)  # a file may also claim parts that are larger than the whole
            yield image
    except PermissionError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def is_heif(path: Path) -> bool:
    """Whether a file is a HEIC picture, as phones take them; of a sequence, which is a video, it is false."""
    head = _head(path)
    return head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS


def is_openexr(path: Path) -> bool:
    """Whether a file is an OpenEXR picture, which Pillow does not know."""
    return _head(path).startswith(OPENEXR)


def is_animated_webp(path: Path) -> bool:
    """Whether a file is a WebP with several frames, which FFmpeg does not decode, and Pillow does."""
    head = _head(path)
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) == HEAD and bool(head[20] & 2)


def _head(path: Path) -> bytes:
    """The first bytes of a plain file; none where it cannot be read, which is reported where it is opened."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def is_still(path: Path, *, max_pixels: int) -> bool:
    """Whether a plain file is a picture and not an animation. Raises MediaError as `open_picture` does."""
    check_file(path)
    if is_heif(path) or is_jpeg_xl(_head(path)) or is_openexr(path):
        return True
    try:
        with open_picture(path, max_pixels=max_pixels) as image:
            return image.format not in MOVING or getattr(image, "n_frames", 1) == 1
    except MediaError:
        raise
    except Exception:  # Pillow has no error of its own
        return False


def tiff_size(path: Path) -> tuple[int, int]:
    """Height and width of a TIFF file whose kind of pixels Pillow does not know; an error of many types if it is none."""
    with _own_limit(), path.open("rb") as file:
        tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
        file.seek(tags.next)
        tags.load(file)
    return int(tags[TiffImagePlugin.IMAGELENGTH]), int(tags[TiffImagePlugin.IMAGEWIDTH])


class OpenExrHeader(NamedTuple):
    """Height and width, of the part that is shown or the part that is stored, whichever is more."""

    height: int
    width: int
    cut_off: bool  # whether pixels are missing, which FFmpeg does not say; not known of files with tiles or several parts


def openexr_header(path: Path) -> OpenExrHeader:
    """What is known of an OpenEXR file before it is decoded; an error of many types if it is damaged."""
    with path.open("rb") as file:
        head = file.read(LONGEST)
    attributes, place = {}, 8
    while head[place]:
        name, kind, rest = head[place : place + 600].split(b"\0", 2)
        start = place + len(name) + len(kind) + 6
        place = start + int.from_bytes(rest[:4], "little")
        attributes[name] = head[start:place]
    left, top, right, bottom = struct.unpack("<4i", attributes[b"dataWindow"])
    height, width = bottom - top + 1, right - left + 1
    compression = attributes[b"compression"][0]
    cut_off = False
    if not int.from_bytes(head[4:8], "little") & SPECIAL and compression < len(ROWS):
        cut_off = not _has_all_blocks(path, head, place + 1, -(-height // ROWS[compression]))
    left, top, right, bottom = struct.unpack("<4i", attributes[b"displayWindow"])
    return OpenExrHeader(max(height, bottom - top + 1), max(width, right - left + 1), cut_off)


def _has_all_blocks(path: Path, head: bytes, place: int, count: int) -> bool:
    """Whether an OpenEXR file has all of so many blocks of rows: where they begin stands at a place of its head."""
    if not 0 < count <= (len(head) - place) // 8:
        return False
    begins = struct.unpack_from(f"<{count}Q", head, place)
    with path.open("rb") as file:
        file.seek(min(max(begins), LARGEST))
        last = file.read(8)  # its row, and its length
        end = file.tell() + int.from_bytes(last[4:], "little")
    return min(begins) > 0 and len(last) == 8 and end <= path.stat().st_size


def _require_heif(path: Path) -> None:
    """Make Pillow read HEIC. Raises MediaError if the package for it is not installed."""
    try:
        from pi_heif import register_heif_opener
    except ModuleNotFoundError as error:
        raise MediaError(f"{path}: pi-heif, which reads HEIC pictures, is not installed; type: {HEIF_PACKAGE}") from error
    register_heif_opener()


@contextmanager
def _own_limit() -> Iterator[Callable[[int], None]]:
    """Switch off Pillow's warnings and limit on pixels, which hold for the process, and yield what sets another limit."""

    def set_limit(pixels: int | None) -> None:
        Image.MAX_IMAGE_PIXELS = pixels

    with _lock, warnings.catch_warnings(action="ignore"):
        before = Image.MAX_IMAGE_PIXELS
        try:
            set_limit(None)  # else Pillow would refuse a file before its size is known
            yield set_limit
        finally:
            set_limit(before)


def scaled_size(native: Size, wanted: Size | int | None) -> Size:
    """The size of frames scaled to a size, or to a height to which the width fits, in even pixels."""
    if wanted is None:
        return native
    if isinstance(wanted, Size) and all(isinstance(side, Integral) for side in wanted):
        return wanted
    if not isinstance(wanted, Integral):
        raise ValueError(f"size {wanted!r}: give realtime.Size(height=480, width=640), or the height alone")
    return Size(height=wanted, width=max(2, 2 * round(wanted * native.width / native.height / 2)))


def square_size(native: Size, pixel_aspect: Fraction) -> Size:
    """The size in square pixels of frames whose pixels have that width over their height: neither side gets shorter."""
    if pixel_aspect > 1:
        return Size(native.height, 2 * round(native.width * pixel_aspect / 2))
    return native if pixel_aspect == 1 else Size(2 * round(native.height / pixel_aspect / 2), native.width)
