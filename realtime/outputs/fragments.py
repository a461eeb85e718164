"""Fragmented MP4: a file of pieces, each of which plays without what follows it."""

import os
from pathlib import Path

HEADER = 8  # bytes that a box begins with: its length and its kind
LONG = 1  # in place of the length of a box: it follows, in eight bytes more


def cut_after_last_fragment(path: Path) -> None:
    """Cut off what a writer left of a fragment, or of the end of the file, when it was stopped. Raises OSError."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        begin = end = 0
        while begin + HEADER <= size:
            file.seek(begin)
            length, kind = int.from_bytes(file.read(4)), file.read(4)
            if length == LONG:
                length = int.from_bytes(file.read(8))
            begin += max(length, HEADER)
            if kind == b"mdat" and begin <= size:
                end = begin
        if end:
            file.truncate(end)
