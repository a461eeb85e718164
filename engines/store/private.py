"""Folders and files that only their user may write to: whoever changes a cached engine changes mattes, and code is run."""

import os
import shlex
import stat
from pathlib import Path

from engines.errors import EngineError

FOLDER_VARIABLE = "SHM_CACHE"
ROOT = 0  # user ID of the administrator, who may do anything anyway


def make_private(folder: Path) -> None:
    """Make a folder, with those above it, for this user alone. Raises OSError, and EngineError as `check_private` does."""
    for each in (*reversed(folder.parents), folder):
        if not each.exists():
            each.mkdir(mode=0o700, exist_ok=True)
    check_private(folder)


def check_private(folder: Path) -> None:
    """Raise EngineError if a folder belongs to another user, or others may write to it."""
    try:
        found = folder.stat()
    except OSError:  # there is nothing to read in it
        return
    reason = insecurity(found)
    if reason:
        mendable = found.st_uid == os.geteuid() and not found.st_mode & stat.S_ISVTX
        mode = f"type: chmod go-w {shlex.quote(str(folder))}, or " if mendable else ""
        remedy = f"{mode}name a folder of your own in the variable {FOLDER_VARIABLE}"
        raise EngineError(f"{folder}: {reason}, so cached engines cannot be trusted; {remedy}")


def insecurity(found: os.stat_result) -> str:
    """Why somebody else could have written what is in a file or a folder, or an empty string. Windows has no such modes."""
    if os.name != "posix":
        return ""
    if found.st_uid not in (os.geteuid(), ROOT):
        return "belongs to another user"
    return "others may write to it" if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) else ""
