"""`shm-train`: trains MPN, QUN and MRN, one after the other."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import torch
import typer

import engines.errors
from engines import InputError
from train import processes
from train.library import Library, open_library
from train.recipe import Recipe, load_recipe
from train.runs import Run, learn
from train.stages import NAMES

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


class Which(StrEnum):
    """What to train."""

    mpn = "mpn"
    qun = "qun"
    mrn = "mrn"
    all = "all"


class Precision(StrEnum):
    """What the networks compute in."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"


def read_input(data: Path, out: Path, recipe: str) -> tuple[Recipe, Library]:
    """The recipe and what it draws from; makes the folder of the run. Raises InputError."""
    with processes.agreed():
        if not data.is_dir():
            raise InputError(f"--data {data}: no such folder")
        if out.exists() and not out.is_dir():
            raise InputError(f"--out {out}: is a file; give a folder")
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"--out {out}: cannot make this folder: {error.strerror}") from error
    settings = processes.from_first(lambda: load_recipe(recipe))
    with processes.agreed():
        library = open_library(data, settings.validation)
    processes.check_same(library.names(), f"--data {data}: is not the same for every process; copy one to each machine")
    return settings, library


@app.command(
    epilog="Examples:\n\n"
    "`shm-train all --data data --out runs/first` trains the three networks, one after the other.\n\n"
    "`shm-train mrn --data data --out runs/first` goes on with the third, where it was left.\n\n"
    "`shm-train all --data data --out runs/mine --begin-with released` goes on from the weights that ship.\n\n"
    "`torchrun --nproc-per-node 2 -m train.cli all --data data --out runs/first` does the same as the first on two GPUs.\n\n"
    "`tensorboard --logdir runs/first/logs` shows the curves."
)
def train(
    which: Annotated[Which, typer.Argument(help="The network to train, or all in the paper's order.")],
    data: Annotated[Path, typer.Option(help="Folder with fine/, coarse/ and backgrounds/ (or train/ with these in it).")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and logs; a run that was stopped goes on from there.")],
    recipe: Annotated[str, typer.Option(help="A recipe that ships, or a TOML file.")] = "first",
    begin_with: Annotated[
        Path | None,
        typer.Option(help="Folder of another run, or `released`: a stage that is new in --out begins with those weights."),
    ] = None,
    on: Annotated[
        Path | None,
        typer.Option(
            help="Folder of another run, or `released`: its networks come before the one that learns; --out unless told."
        ),
    ] = None,
    precision: Annotated[Precision, typer.Option(help="auto: bf16 where the hardware multiplies it.")] = Precision.auto,
    threads: Annotated[
        int, typer.Option(help="Threads for the networks; 0: all cores, or what torchrun gives each process.", min=0)
    ] = 0,
    workers: Annotated[int, typer.Option(help="Processes that prepare samples, for each one that trains.", min=0)] = 1,
) -> None:
    """Trains the three networks of the paper; each stage can be stopped (Ctrl-C) and goes on later.

    Started by torchrun, several GPUs, processes or machines share each batch of the recipe, and what comes out is the same. The
    first of them writes to --out.
    """
    if threads:
        torch.set_num_threads(threads)
    with processes.group():
        settings, library = read_input(data, out, recipe)
        names = NAMES if which is Which.all else (which.value,)
        if not learn(names, library, settings, Run(out, begin_with, on), workers, precision.value):
            raise typer.Exit(130)
    print(f"done: {out}", file=sys.stderr)


def main() -> None:
    """Runs the command."""
    with processes.one_voice():
        engines.errors.run(app)


if __name__ == "__main__":
    main()
