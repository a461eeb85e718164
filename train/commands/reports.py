"""The JSON reports of commands."""

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


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Write figures as JSON. Raises UsageError on failure."""
    try:
        with replacing(path) as beside:
            beside.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--json {path}: cannot be written: {error.strerror}; name another file") from error
