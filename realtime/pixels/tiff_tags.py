"""Tags as TIFF files and EXIF have them, copied byte for byte: what a camera wrote is kept in its own types."""

import struct
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HEAD = 8  # bytes: the byte order, 42, and where the first directory is
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}  # bytes of each type
BYTE, SHORT, LONG, RATIONAL, UNDEFINED = 1, 3, 4, 5, 7
ORDERS = {b"II": "<", b"MM": ">"}
ENTRY = 12  # bytes of an entry of a directory

Block = bytes | NDArray[np.uint8]  # a TIFF file, or EXIF, from the byte order on


class Tag(NamedTuple):
    """The value of a tag, in the byte order of its block."""

    kind: int
    value: bytes


Directory = dict[int, Tag]


def byte_order(block: Block) -> str:
    """ "<" or ">", as `struct` has them. Raises ValueError if this is no such block."""
    order = ORDERS.get(bytes(block[:2]))
    if order is None or struct.unpack(f"{order}H", bytes(block[2:4]))[0] != 42:
        raise ValueError("not a block of TIFF tags")
    return order


def head(order: str, first: int) -> bytes:
    """The begin of a block whose first directory is at `first`."""
    return struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, first)


def numbers(order: str, kind: int, *values: int) -> Tag:
    """A tag of whole numbers: SHORT or LONG."""
    return Tag(kind, struct.pack(f"{order}{len(values)}{'H' if kind == SHORT else 'I'}", *values))


def read_directory(block: Block, start: int) -> Directory:
    """The directory at a place of a block. Raises ValueError or struct.error if it is damaged."""
    order = byte_order(block)
    (count,) = struct.unpack(f"{order}H", bytes(block[start : start + 2]))
    directory = {}
    for place in range(start + 2, start + 2 + ENTRY * count, ENTRY):
        tag, kind, length, inline = struct.unpack(f"{order}HHI4s", bytes(block[place : place + ENTRY]))
        size = SIZES.get(kind, 0) * length
        if size > 4:
            begin = struct.unpack(f"{order}I", inline)[0]
            inline = bytes(block[begin : begin + size])
        if len(inline) < size:
            raise ValueError(f"tag {tag} ends beyond its block")
        if size:
            directory[tag] = Tag(kind, inline[:size])
    return directory


def write_directory(directory: Mapping[int, Tag], place: int, order: str) -> bytes:
    """A directory to be written at an even place of a block, with the values that do not fit into it behind it."""
    entries, values = struct.pack(f"{order}H", len(directory)), b""
    behind = place + 2 + ENTRY * len(directory) + 4
    for tag, (kind, value) in sorted(directory.items()):
        inline = value.ljust(4, b"\0")
        if len(value) > 4:
            inline = struct.pack(f"{order}I", behind + len(values))
            values += value + bytes(len(value) % 2)
        entries += struct.pack(f"{order}HHI", tag, kind, len(value) // SIZES[kind]) + inline
    return entries + bytes(4) + values
