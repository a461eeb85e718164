"""What commands report: figures as JSON, and pictures."""

import json
from pathlib import Path
from typing import Any

from engines.atomic import replacing
from engines.commands.running import UsageError


def check_report(path: Path | None, *, overwrite: bool, option: str = "--json", suffix: str = "") -> None:
    """Raise UsageError if the file of an option cannot be written or may not be replaced, before the work for it is done."""
    if path is None:
        return
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"{option} {path}: is a folder, or its folder does not exist; name a file in a folder that exists")
    if suffix and path.suffix.lower() != suffix:
        raise UsageError(f"{option} {path}: must end in {suffix}")
    if path.is_file() and not overwrite:
        raise UsageError(f"{option} {path}: exists already; use --overwrite to replace it")


def make_pictures_folder(folder: Path | None, *, overwrite: bool) -> None:
    """Make the folder of --pictures. Raises UsageError if that fails, or if there are files in it that may not be replaced."""
    if folder is None:
        return
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise UsageError(f"--pictures {folder}: has files already; use --overwrite to replace those of the same names")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--pictures {folder}: cannot make this folder: {error.strerror}") from error


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Write figures as JSON. Raises UsageError on failure."""
    try:
        with replacing(path) as beside:
            beside.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--json {path}: cannot be written: {error.strerror}; name another file") from error
