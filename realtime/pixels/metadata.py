"""What a photo says about itself beside its colours: EXIF (camera, time, place) and XMP (what editors add)."""

import re
import struct
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.ExifTags import IFD, Base

from realtime.pixels.tiff_tags import (
    HEAD,
    LONG,
    Block,
    Directory,
    byte_order,
    head,
    numbers,
    read_directory,
    write_directory,
)

HEADER, XMP_HEADER = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"  # before EXIF and XMP in JPEG
# The others describe how the pixels of that very file are stored, among them its orientation, or hold a thumbnail of them.
KEPT: frozenset[int] = frozenset(
    {
        *(Base.ImageDescription, Base.Make, Base.Model, Base.XResolution, Base.YResolution, Base.ResolutionUnit),
        *(Base.Software, Base.DateTime, Base.Artist, Base.HostComputer, Base.Rating, Base.RatingPercent, Base.Copyright),
        *(Base.XPTitle, Base.XPComment, Base.XPAuthor, Base.XPKeywords, Base.XPSubject),
    }
)
GROUPS = (int(IFD.Exif), int(IFD.GPSInfo))  # directories of their own: how the photo was taken, and where
WIDTH, HEIGHT = int(Base.ExifImageWidth), int(Base.ExifImageHeight)
MOST_DENSITY = 65_535  # pixels an inch: JPEG has 16 bits
WHOLE = 0.02  # by how much whole ones may be off in PNG, which counts by the metre
# In XMP: the orientation, a thumbnail, and the name of a second part that is stored elsewhere in a JPEG.
STALE = (
    (re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>)\s*)[2-8]"), rb"\g<1>1"),
    (re.compile(rb"<(xmp|xap):Thumbnails>.*?</\1:Thumbnails>", re.DOTALL), b""),
    (re.compile(rb"\s*xmpNote:HasExtendedXMP\s*=\s*(\"[^\"]*\"|'[^']*')"), b""),
)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is kept of it.

    exif     a block of TIFF tags, without the header that JPEG puts before it; or empty
    xmp      as it is stored; or empty
    density  pixels an inch, across and down, as JPEG, PNG and TIFF state them outside of EXIF; or None
    """

    exif: bytes = b""
    xmp: bytes = b""
    density: tuple[float, float] | None = None

    def of_size(self, height: int, width: int) -> "Metadata":
        """The same for a picture of another size in pixels."""
        if not self.exif:
            return self
        order, (main, camera, place) = byte_order(self.exif), directories(self.exif)
        camera |= {tag: numbers(order, LONG, size) for tag, size in ((WIDTH, width), (HEIGHT, height)) if tag in camera}
        return replace(self, exif=_block(order, main, camera, place))

    def within(self, most: int) -> "Metadata":
        """The same without EXIF, or XMP, that has more bytes than that with its header."""
        fits = [len(header + each) <= most for header, each in ((HEADER, self.exif), (XMP_HEADER, self.xmp))]
        return replace(self, exif=self.exif if fits[0] else b"", xmp=self.xmp if fits[1] else b"")

    def without_place(self) -> "Metadata":
        """The same without where the photo was taken: without GPS, and without maker notes and XMP, in which places can be."""
        if not self.exif:
            return replace(self, xmp=b"")
        main, camera, _ = directories(self.exif)
        camera.pop(int(Base.MakerNote), None)
        return replace(self, exif=_block(byte_order(self.exif), main, camera, {}), xmp=b"")


NO_METADATA = Metadata()


def read_xmp(image: Image.Image) -> bytes:
    """The XMP of an opened picture that stays true of one that is made of it; empty if it has none."""
    stored = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    xmp: bytes = stored.encode() if isinstance(stored, str) else bytes(stored)
    for pattern, instead in STALE:
        xmp = pattern.sub(instead, xmp)
    return xmp.strip(b"\0")


def read_density(image: Image.Image, *, turned: bool) -> tuple[float, float] | None:
    """The same of its pixels an inch; `turned`: by a quarter. None if it states none, or none that make sense."""
    try:
        across, down = (float(each) for each in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    if image.format in ("JPEG", "MPO", "TIFF") and not image.info.get("jfif_unit") and Base.XResolution not in image.getexif():
        return None  # the file states none, and Pillow says 72 or 1
    across, down = (float(round(each)) if abs(each - round(each)) < WHOLE else each for each in (across, down))
    if not all(0.5 <= each <= MOST_DENSITY for each in (across, down)):
        return None
    return (down, across) if turned else (across, down)


def read_exif(image: Image.Image, path: Path) -> bytes:
    """The same of EXIF. Raises ValueError if it is damaged."""
    block: Block = bytes(image.info.get("exif") or b"").removeprefix(HEADER)
    if image.format == "TIFF":  # is such a block as a whole
        block = np.memmap(path, np.uint8, "r")
    try:
        return _block(byte_order(block), *directories(block)) if len(block) else b""
    except struct.error as error:
        raise ValueError(str(error)) from error


def directories(block: Block) -> tuple[Directory, Directory, Directory]:
    """What is kept of EXIF: of the photo as a whole, of how it was taken, and of where. Raises an error if it is damaged."""
    order = byte_order(block)
    first = read_directory(block, struct.unpack(f"{order}I", bytes(block[4:HEAD]))[0])
    groups = []
    for pointer in GROUPS:
        start = int.from_bytes(first[pointer].value[:4], "little" if order == "<" else "big") if pointer in first else 0
        groups.append(read_directory(block, start) if start else {})
    groups[0].pop(int(IFD.Interop), None)  # another directory, of no use
    return {tag: first[tag] for tag in KEPT & set(first)}, groups[0], groups[1]


def with_groups(order: str, main: Directory, groups: tuple[Directory, ...], place: int) -> bytes:
    """The directory of a block, to be written at an even `place`, with those of how and where the photo was taken behind it."""
    pointers = {pointer: numbers(order, LONG, 0) for pointer, group in zip(GROUPS, groups, strict=True) if group}
    behind, written = place + len(write_directory(main | pointers, place, order)), b""
    for pointer, group in zip(GROUPS, groups, strict=True):
        if group:
            pointers[pointer] = numbers(order, LONG, behind + len(written))
            written += write_directory(group, behind + len(written), order)
    return write_directory(main | pointers, place, order) + written


def _block(order: str, main: Directory, camera: Directory, place: Directory) -> bytes:
    return head(order, HEAD) + with_groups(order, main, (camera, place), HEAD) if main or camera or place else b""
