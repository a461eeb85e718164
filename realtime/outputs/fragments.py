"""Fragmented MP4: a file of pieces, each of which plays without what follows it."""

import os
from pathlib import Path

from realtime.boxes import boxes


def cut_after_last_fragment(path: Path) -> None:
    """Cut off what a writer left of a fragment, or of the end of the file, when it was stopped. Raises OSError."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        ends = [box.end for box in boxes(file) if box.kind == b"mdat" and box.end is not None and box.end <= size]
        if ends:
            file.truncate(ends[-1])
