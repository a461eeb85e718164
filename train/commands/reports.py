"""What commands report: their progress, figures as JSON, and pictures."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engines.atomic import write_text
from engines.commands.running import UsageError


@contextmanager
def progress_bar(name: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar with the remaining time on standard error; yields a function to call after each step."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    # Without a terminal, an empty bar would still print a line, before an error's one.
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=total)
        yield lambda: progress.advance(task)


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


def make_folder(folder: Path, option: str) -> None:
    """Make the folder of an option, if there is none. Raises UsageError on failure."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{option} {folder}: cannot make this folder: {error.strerror}; name another") from error


def make_pictures_folder(folder: Path | None, *, overwrite: bool) -> None:
    """Make the folder of --pictures. Raises UsageError if that fails, or if there are files in it that may not be replaced."""
    if folder is None:
        return
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise UsageError(f"--pictures {folder}: has files already; use --overwrite to replace those of the same names")
    make_folder(folder, "--pictures")


def say_what_is_left_out(data: Path) -> None:
    """Report what lies in a data folder and is not learnt from, or should not be: a misspelt folder would pass unnoticed."""
    from train.data.doubtful import doubtful
    from train.data.left_out import left_out
    from train.learning.progress import report

    for line in (*left_out(data), *doubtful(data)):
        report(f"note: {line}")


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Write figures as JSON. Raises UsageError on failure."""
    try:
        write_text(path, json.dumps(report, indent=1, allow_nan=False) + "\n")
    except OSError as error:
        raise UsageError(f"--json {path}: cannot be written: {error.strerror}; name another file") from error
