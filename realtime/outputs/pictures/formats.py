"""The formats of pictures to write, in one table: `--help`, the checks and docs/photos.md are made from it.

Imports nothing heavy, so that commands can list them at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engines.errors import MediaError
from realtime.pixels.jpeg_xl import require_jpeg_xl


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFormat:
    """What the files of a format can hold.

    name      Pillow's
    suffixes  of the files
    alpha     whether they hold it
    bits      of each channel, at most
    profile   whether they hold a colour profile; otherwise they are written in sRGB
    metadata  whether they hold EXIF and XMP
    segment   bytes that EXIF, or XMP, can have with its header
    longest   side in pixels that they can have
    require   raises MediaError for a path if a package that writes them is not installed; None where none is needed
    options   of Pillow's encoder
    lossless  its options instead for pictures with alpha: a lossy one smears the colours under a soft edge
    """

    name: str
    suffixes: tuple[str, ...]
    alpha: bool = True
    bits: int = 8
    profile: bool = True
    metadata: bool = True
    segment: int = 2**31 - 1
    longest: int = 2**31 - 1
    require: Callable[[Path], None] | None = None
    options: tuple[tuple[str, object], ...] = ()
    lossless: tuple[tuple[str, object], ...] = ()


QUALITY = 95  # of 100, in lossy files

FORMATS = (
    PictureFormat(name="PNG", suffixes=(".png",), bits=16),
    PictureFormat(name="TIFF", suffixes=(".tif", ".tiff"), bits=16),
    PictureFormat(
        name="WEBP",
        suffixes=(".webp",),
        longest=16383,
        options=(("quality", QUALITY),),
        lossless=(("lossless", True), ("exact", True)),
    ),
    PictureFormat(
        name="AVIF",
        suffixes=(".avif",),
        longest=65536,
        options=(("quality", QUALITY), ("subsampling", "4:4:4"), ("speed", 8)),
        lossless=(("quality", 100), ("subsampling", "4:4:4"), ("speed", 8)),
    ),
    PictureFormat(
        name="JXL",
        suffixes=(".jxl",),
        profile=False,
        require=require_jpeg_xl,
        longest=2**30,
        options=(("quality", QUALITY),),
        lossless=(("lossless", True),),
    ),
    PictureFormat(
        name="JPEG", suffixes=(".jpg", ".jpeg"), alpha=False, segment=65533, longest=65535, options=(("quality", QUALITY),)
    ),
    PictureFormat(name="BMP", suffixes=(".bmp",), alpha=False, profile=False, metadata=False, longest=32767),
)


def picture_format(path: Path, *, alpha: bool) -> PictureFormat:
    """The format of a picture by its suffix. Raises MediaError if there is none, it does not hold alpha that is needed, or
    a package for it is not installed.
    """
    suffix = path.suffix.lower()
    for each in FORMATS:
        if suffix in each.suffixes:
            if alpha and not each.alpha:
                raise MediaError(f"{path}: {suffix} holds no alpha; end its name in {suffixes_of(alpha=True)}")
            if each.require is not None:
                each.require(path)
            return each
    if path.is_dir():
        raise MediaError(f"{path}: is a folder; name a picture in it, such as {path / 'out.png'}")
    if path.exists() and not path.is_file():
        raise MediaError(f"{path}: is a device or a pipe; name a file that ends in {suffixes_of()}")
    raise MediaError(f"{path}: unknown kind of picture '{path.suffix}'; end its name in {suffixes_of()}")


def suffixes_of(*, alpha: bool = False) -> str:
    """The suffixes of all formats, or of those with alpha, for people."""
    return ", ".join(sorted(suffix for each in FORMATS if each.alpha or not alpha for suffix in each.suffixes))
