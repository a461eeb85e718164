"""The JSON reports of commands."""

import json
from pathlib import Path
from typing import Any

from engines.atomic import replacing
from engines.commands.running import UsageError


def check_report(path: Path | None) -> None:
    """Raise UsageError if a report cannot be written to this path, before the work for it is done."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise UsageError(f"--json {path}: is a folder, or its folder does not exist")


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Write figures as JSON. Raises UsageError on failure."""
    try:
        with replacing(path) as beside:
            beside.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n")
    except OSError as error:
        raise UsageError(f"--json {path}: cannot be written: {error.strerror}") from error
