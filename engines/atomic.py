"""Files that appear only when they are complete."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

UNFINISHED = ".unfinished-"  # begins the name of a file that is being written


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a hidden path beside `path`, with its suffix; what is written there replaces `path` at the end.

    After an error nothing is left of it. A process that is killed leaves the old file or the new one, whole. A symbolic link at
    `path` stays, and the file that it leads to is replaced. Raises OSError for a loop of links.
    """
    target = path
    if path.is_symlink():
        with suppress(FileNotFoundError):
            path.stat()
        target = path.resolve()
    temporary = target.with_name(f"{UNFINISHED}{secrets.token_hex(4)}{target.suffix}")
    try:
        yield temporary
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
