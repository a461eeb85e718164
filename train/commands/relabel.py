"""`shm-train relabel`: draw the coarse masks of training data anew by a trained model."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engines.commands.options import Backend, Model, Precision, Threads, load_engine
from engines.commands.running import UsageError, needs_extra

if TYPE_CHECKING:
    from engines import Engine


def relabel(
    data: Annotated[Path, typer.Argument(help="Folder with fine/, coarse/ and backgrounds/ (or train/ with these in it).")],
    out: Annotated[Path, typer.Argument(help="New folder for all of the data; `--data` takes it as it takes DATA.")],
    keep: Annotated[
        list[str] | None, typer.Option(metavar="SET", help="A set whose masks stay as they are; may be given again.")
    ] = None,
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = "large",
) -> None:
    """Draw the masks of coarse/ anew by a released model: finer outlines, and unknown where masks leave out what is held.

    Photos in unlabelled/SET get masks, too, where the model is not in doubt. MPN learns nothing where a mask is unknown.

    \b
    Examples:
      shm-train relabel data relabelled
      shm-train relabel data relabelled --keep portraits --keep studio
    """
    if not data.is_dir():
        raise UsageError(f"{data}: no such folder")
    with needs_extra("train"), load_engine(backend, threads=threads, precision=precision, model=model, at_once=2) as engine:
        count = draw_masks(data, out, engine, keep or [])
    print(f"{out}: {count} photos looked at")


def draw_masks(data: Path, out: Path, engine: "Engine", keep: Sequence[str]) -> int:
    """Write a copy of a data folder whose coarse masks an engine draws, with progress; the number of photos that it saw."""
    from rich.console import Console
    from rich.progress import Progress

    from train.data.relabel import relabelled
    from train.learning.progress import COLUMNS, REPORT_EVERY, report

    console, count, reported = Console(stderr=True), 0, time.monotonic()
    with Progress(*COLUMNS, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("drawing masks", total=None)
        for done, count in relabelled(data, out, engine, keep):
            progress.update(bar, completed=done, total=count)
            if not console.is_terminal and time.monotonic() > reported + REPORT_EVERY:
                report(f"drawing masks {done}/{count}")
                reported = time.monotonic()
    return count
