"""PNG and TIFF files of 8 and 16 bits with all that a photo has, written by bands.

Pillow writes 8 bits only, OpenCV little else than pixels, and both need the whole picture in memory once more.
"""

import itertools
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from isal import isal_zlib

from engines.engine import Mask
from engines.errors import MediaError
from realtime.pixels.depth import Pixels, to_eight_bits, to_sixteen_bits
from realtime.pixels.metadata import Metadata, directories, with_groups
from realtime.pixels.tiff_tags import BYTE, HEAD, LONG, RATIONAL, SHORT, UNDEFINED, Directory, Tag, byte_order, head, numbers

BAND = 64  # rows at a time
LEVEL = 2  # of ISA-L: in a sixth of the time that zlib takes at level 4, and a few per cent larger
PNG_UP = 2  # the filter that stores each row as its difference to the one above
PNG_COLOURS = {1: 0, 3: 2, 4: 6}  # by the number of channels
INCH = 0.0254  # m
TIFF_LARGEST = 2**32  # bytes that its offsets reach


@dataclass(frozen=True, slots=True)
class Raster:
    """What is written to a file: grey, (H, W), or straight colours, (H, W, 3), these with alpha, float32 (H, W), if it has any.

    bits           8 or 16 of each channel in the file, whatever the colours have
    premultiplied  whether the file gets colours that are multiplied by alpha
    profile        the colour profile (ICC) of the colours; empty for sRGB
    """

    colours: Pixels
    alpha: Mask | None
    bits: int
    premultiplied: bool
    profile: bytes
    metadata: Metadata

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.colours.shape[0], self.colours.shape[1]

    @property
    def channels(self) -> int:
        """The number of channels, with alpha."""
        return (1 if self.colours.ndim == 2 else 3) + (self.alpha is not None)

    def bands(self) -> Iterator[Pixels]:
        """The rows from the top, some at a time: (n, W, channels) of the file's depth."""
        for top in range(0, self.size[0], BAND):
            rows = np.s_[top : top + BAND]
            colours = to_eight_bits(self.colours[rows]) if self.bits == 8 else to_sixteen_bits(self.colours[rows])
            colours = colours.reshape(*colours.shape[:2], -1)
            if self.alpha is None:
                yield colours
                continue
            full = np.float32(np.iinfo(colours.dtype).max)
            alpha = np.rint(np.clip(self.alpha[rows], 0, 1) * full)
            if self.premultiplied:
                colours = np.rint(colours * (alpha / full)[..., None]).astype(colours.dtype)
            band: Any = cv2.cvtColor(colours, cv2.COLOR_RGB2RGBA)  # which takes NumPy several times as long
            cv2.insertChannel(alpha.astype(colours.dtype), band, 3)
            yield band


def write_png(path: Path, raster: Raster) -> None:
    """Write a PNG file. The format has no word for premultiplied alpha: whoever reads it has to know."""
    height, width = raster.size
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        _png_chunk(file, b"IHDR", struct.pack(">IIBBxxx", width, height, raster.bits, PNG_COLOURS[raster.channels]))
        if raster.profile:
            _png_chunk(file, b"iCCP", b"ICC profile\0\0" + zlib.compress(raster.profile))
        if raster.metadata.density is not None:
            across, down = (round(each / INCH) for each in raster.metadata.density)
            _png_chunk(file, b"pHYs", struct.pack(">IIB", across, down, 1))  # 1: a metre
        if raster.metadata.exif:
            _png_chunk(file, b"eXIf", raster.metadata.exif)
        if raster.metadata.xmp:
            _png_chunk(file, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + raster.metadata.xmp)
        coder = isal_zlib.compressobj(LEVEL)
        above = np.zeros((1, width * raster.channels * raster.bits // 8), np.uint8)
        for band in raster.bands():
            rows = np.ascontiguousarray(band, f">u{raster.bits // 8}").view(np.uint8).reshape(len(band), -1)
            filtered = np.full((len(rows), 1 + rows.shape[1]), PNG_UP, np.uint8)
            filtered[:, 1:] = rows - np.concatenate([above, rows[:-1]])
            above = rows[-1:]
            _png_chunk(file, b"IDAT", coder.compress(filtered.tobytes()))
        _png_chunk(file, b"IDAT", coder.flush())
        _png_chunk(file, b"IEND", b"")


def _png_chunk(file: BinaryIO, kind: bytes, content: bytes) -> None:
    file.write(struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content)))


def write_tiff(path: Path, raster: Raster) -> None:
    """Write a TIFF file of strips, compressed by zlib. Raises MediaError if it would be larger than the format allows."""
    exif = raster.metadata.exif or head("<", HEAD) + bytes(2)  # tags of the same kind, in either byte order
    order, (main, camera, taken_at) = byte_order(exif), directories(exif)
    with path.open("wb") as file:
        file.write(head(order, 0))
        starts = []
        for band in raster.bands():
            starts.append(file.tell())
            differences = np.diff(band, axis=1, prepend=band.dtype.type(0))
            file.write(isal_zlib.compress(differences.astype(f"{order}u{raster.bits // 8}").tobytes(), LEVEL))
        end = file.tell()
        place = end + end % 2
        if place + len(raster.profile) + len(raster.metadata.xmp) + len(raster.metadata.exif) + 2**20 > TIFF_LARGEST:
            raise MediaError(f"{path}: is too large for a TIFF file; write .png instead")
        lengths = [after - start for start, after in itertools.pairwise([*starts, end])]
        directory = _tiff_density(raster, order) | main | _tiff_directory(raster, order, starts, lengths)
        file.write(bytes(place - end) + with_groups(order, directory, (camera, taken_at), place))
        file.seek(0)
        file.write(head(order, place))


def _tiff_density(raster: Raster, order: str) -> Directory:
    """The tags of how many pixels an inch has."""
    if raster.metadata.density is None:
        return {}
    across, down = (Tag(RATIONAL, struct.pack(f"{order}II", round(100 * each), 100)) for each in raster.metadata.density)
    return {282: across, 283: down, 296: numbers(order, SHORT, 2)}


def _tiff_directory(raster: Raster, order: str, starts: list[int], lengths: list[int]) -> Directory:
    """The tags about the pixels, which are in strips of so many bytes, and of their profile and XMP."""
    height, width = raster.size
    directory = {
        256: numbers(order, LONG, width),
        257: numbers(order, LONG, height),
        258: numbers(order, SHORT, *[raster.bits] * raster.channels),
        259: numbers(order, SHORT, 8),  # compressed by zlib
        262: numbers(order, SHORT, 1 if raster.colours.ndim == 2 else 2),  # grey from black to white, or RGB
        273: numbers(order, LONG, *starts),
        277: numbers(order, SHORT, raster.channels),
        278: numbers(order, LONG, BAND),
        279: numbers(order, LONG, *lengths),
        284: numbers(order, SHORT, 1),  # channels side by side
        317: numbers(order, SHORT, 2),  # each pixel is stored as its difference to the one on the left
    }
    if raster.alpha is not None:  # which TIFF calls associated or unassociated
        directory[338] = numbers(order, SHORT, 1 if raster.premultiplied else 2)
    if raster.metadata.xmp:
        directory[700] = Tag(BYTE, raster.metadata.xmp)
    if raster.profile:
        directory[34675] = Tag(UNDEFINED, raster.profile)
    return directory
