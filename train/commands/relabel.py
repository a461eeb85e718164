"""`shm-train relabel`: draw the coarse masks of training data anew by a trained model."""

from pathlib import Path
from typing import Annotated

import typer

from engines.commands.options import Backend, Model, Precision, Threads, load_engine
from engines.commands.running import UsageError, needs_extra


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
    count = 0
    with needs_extra("train"):
        from rich.console import Console
        from rich.progress import Progress

        from train.data.relabel import relabelled

        console = Console(stderr=True)
        with (
            load_engine(backend, threads=threads, precision=precision, model=model, at_once=2) as engine,
            Progress(console=console, disable=not console.is_terminal) as progress,
        ):
            bar = progress.add_task("relabelling", total=None)
            for done, count in relabelled(data, out, engine, keep or []):
                progress.update(bar, completed=done, total=count)
    print(f"{out}: masks of {count} photos")
