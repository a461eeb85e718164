"""Checks on the files to write, before any work is done."""

import os
from collections.abc import Collection
from pathlib import Path

from engines.errors import MediaError
from realtime.addresses import address_shown, is_loop


def check_suffix(path: Path, suffixes: Collection[str], kind: str) -> None:
    """Raise MediaError unless the name of a file, which holds a `kind` such as "video", ends in one of `suffixes`."""
    if path.suffix.lower() not in suffixes:
        raise MediaError(f"{path}: unknown kind of {kind} '{path.suffix}'; end its name in {', '.join(suffixes)}")


def refuse_address(path: Path) -> None:
    """Raise MediaError if a file or a folder to write is an address, as a path has it: its password is not shown."""
    if (address := address_shown(str(path))) is not None:
        raise MediaError(f"{address}: is an address, and only files are written; name one")


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raise MediaError if no file can be written to `path`, or one exists that must stay. Symbolic links are followed."""
    if is_loop(path):
        raise MediaError(f"{path}: is a link that leads back to itself; choose another name")
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise MediaError(f"{path}: is a folder; name a file in it")
        if not target.parent.is_dir():
            refuse_address(path)
            raise MediaError(f"{path}: there is no folder {target.parent}; make it first")
        if target.exists() and not target.is_file():
            raise MediaError(f"{path}: is a device or a pipe; name a file")
        if target.exists() and not overwrite:
            raise MediaError(f"{path}: exists already; choose another name, or overwrite it")
    except OSError as error:
        raise MediaError(f"{path}: cannot be a file ({error.strerror}); choose another name") from error
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise MediaError(f"{path}: no permission to write to the folder {target.parent}; choose another")
