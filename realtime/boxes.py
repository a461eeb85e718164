"""The boxes that files of MP4, QuickTime and JPEG XL consist of, and some streams."""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

LARGEST = 1 << 62  # bytes of a file: no place beyond can be sought


class Box(NamedTuple):
    """A box: its kind, and the places where its content and what follows it begin; `end` is None if it goes on for ever."""

    kind: bytes
    body: int
    end: int | None


def boxes(file: BinaryIO) -> Iterator[Box]:
    """The boxes of a file, from its beginning, up to one without end, or whose head is not whole. Contents are not read."""
    begin = 0
    file.seek(begin)
    while len(head := file.read(16)) >= 8:
        length, taken = int.from_bytes(head[:4]), 8
        if length == 1:  # it follows the kind
            length, taken = int.from_bytes(head[8:]), 16
        begin, start = begin + length, begin
        yield Box(head[4:8], start + taken, begin if length >= taken else None)
        if length < taken or begin > LARGEST:
            return
        file.seek(begin)
