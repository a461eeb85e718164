"""Names of files as people type them."""

import os
from pathlib import Path


def expand_home(name: str | Path) -> Path:
    """The path of a name that may begin with ~ or ~user; as it is if there is no such user: a file may be called ~beach.jpg."""
    return Path(os.path.expanduser(name))  # noqa: PTH111 (that of Path raises an error then)
