"""Figures as JSON files: checked before the work, written whole or not at all, read back."""

import json
from pathlib import Path
from typing import Any

from engines.commands.running import UsageError
from realtime.inputs.photos import write_beside

Report = dict[str, Any]


def check_output(option: str, path: Path | None, suffix: str = "") -> None:
    """Raises UsageError where a file cannot be written to a path, or has another suffix, before the work is done for it."""
    if path is None:
        return
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"{option} {path}: is a folder, or its folder does not exist")
    if suffix and path.suffix.lower() != suffix:
        raise UsageError(f"{option} {path}: must end in {suffix}")


def write_report(path: Path | None, report: Report) -> None:
    """Writes figures as JSON, milliseconds to the microsecond; None does nothing. Raises UsageError where that fails."""
    if path is not None:
        write_beside(path, (json.dumps(_rounded(report), indent=1, allow_nan=False) + "\n").encode())


def read_report(option: str, path: Path | None, *keys: str) -> Report:
    """Figures that were written before. Raises UsageError for what is none, or lacks one of `keys`; None gives nothing."""
    if path is None:
        return {}
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{option} {path}: cannot be read ({error.strerror}); name a file that --json wrote") from error
    except ValueError as error:
        raise UsageError(f"{option} {path}: is no JSON; name a file that --json wrote") from error
    if not isinstance(report, dict) or not set(keys) <= set(report):
        raise UsageError(f"{option} {path}: lacks {', '.join(keys)}; name a file that --json of the same command wrote")
    return report


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value
