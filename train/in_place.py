"""Files that appear when they are complete."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def in_place(path: Path) -> Iterator[Path]:
    """Gives a file beside `path`, of the same suffix, to be written; it becomes `path` at the end, and is gone on an error.

    What a kill leaves is the old file or the new one, whole. Raises OSError where the folder takes no file.
    """
    beside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
