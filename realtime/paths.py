"""Names of files as people type them."""

import os
from pathlib import Path


def expand_home(name: str | Path) -> Path:
    """The path of a name that may begin with ~ or ~user; as it is if there is no such user: a file may be called ~beach.jpg."""
    return Path(os.path.expanduser(name))  # noqa: PTH111 (that of Path raises an error then)


def named(path: object) -> Path:
    """The path of a file that a program names. Raises ValueError for what is neither a text nor a path, such as None."""
    if not isinstance(path, str) and not (isinstance(path, os.PathLike) and isinstance(os.fspath(path), str)):
        raise ValueError(f"{path!r}: is no name of a file; give a text or a path")
    return Path(path)
