"""`shm-train curves`: plot the training curves of runs."""

from pathlib import Path
from typing import Annotated

import typer

from engines.commands.options import Overwrite
from engines.commands.running import UsageError, needs_extra


def curves(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of runs, as --out of shm-train.")],
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="The picture to write: .png, .svg or .pdf.")],
    overwrite: Overwrite = False,
) -> None:
    """Plot the training curves of runs over one another, a row for each network.

    \b
    Example:
      shm-train curves runs/fine runs/all curves.png
    """
    if picture.exists() and not overwrite:
        raise UsageError(f"{picture}: exists; give another name, or --overwrite")
    if len({run.resolve() for run in runs}) < len(runs):
        raise UsageError("RUN: a run is named twice; name each once")
    with needs_extra("train"):
        from train.evaluation.curves import draw_curves

        names = [run.resolve().name for run in runs]
        labelled = {name if names.count(name) == 1 else str(run): run for name, run in zip(names, runs, strict=True)}
        draw_curves(labelled, picture)
