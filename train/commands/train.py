"""`shm-train`: trains MPN, QUN and MRN, one after the other."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import torch
import typer

import engines.commands.running
from engines.commands.running import UsageError
from train.data.library import Library, check_sets, open_library
from train.learning import distributed as processes
from train.learning.runs import Run, learn
from train.learning.schedule import Programme, load_plan
from train.learning.stages import NAMES
from train.recipe import Recipe

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


@dataclass(frozen=True)
class Stages:
    """Networks to train by one recipe, in one folder, and the data that it draws from."""

    names: Sequence[str]
    recipe: Recipe
    library: Library
    run: Run


def make_folder(data: Path, out: Path) -> None:
    """Makes the folder of the run. Raises UsageError if it cannot be, or if there is no data."""
    with processes.agreed():
        if not data.is_dir():
            raise UsageError(f"--data {data}: no such folder")
        if out.exists() and not out.is_dir():
            raise UsageError(f"--out {out}: is a file; give a folder")
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--out {out}: cannot make this folder: {error.strerror}") from error


def read_data(data: Path, recipe: Recipe, name: str) -> Library:
    """What a recipe draws from. Raises UsageError if there is nothing, or the recipe names what is not there."""
    with processes.agreed():
        library = open_library(data, recipe.validation)
        lacking = check_sets(recipe, name, library)
    processes.check_same(library.names(), f"--data {data}: is not the same for every process; copy one to each machine")
    if lacking and processes.first():
        print(f"note: --recipe {name} names sets that --data lacks: {', '.join(lacking)}", file=sys.stderr)
    return library


def stages(which: Which, plan: Recipe | Programme, name: str, data: Path, run: Run) -> list[Stages]:
    """What there is to train, in its order. Raises UsageError where the options do not go together."""
    if isinstance(plan, Recipe):
        return [Stages(NAMES if which is Which.all else (which.value,), plan, read_data(data, plan, name), run)]
    if which is not Which.all or run.begin_with or run.on:
        raise UsageError(f"--recipe {name}: says itself what is trained on what; give `all`, without --begin-with and --on")
    libraries = [read_data(data, recipe, course.recipe) for recipe, course in zip(plan.recipes, plan.courses, strict=True)]
    return [
        Stages(course.networks, recipe, library, place)
        for course, recipe, library, place in zip(plan.courses, plan.recipes, libraries, plan.runs(run.out), strict=True)
    ]


@app.command(
    epilog="Examples:\n\n"
    "`shm-train all --data data --out runs/first` trains the three networks, one after the other.\n\n"
    "`shm-train mrn --data data --out runs/first` goes on with the third, where it was left.\n\n"
    "`shm-train all --data data --out runs/mine --begin-with released` goes on from the weights that ship.\n\n"
    "`shm-train all --data data --out runs/release --recipe release` makes the weights that ship, course by course.\n\n"
    "`torchrun --standalone --nproc-per-node 2 -m train.commands.train all --data data --out runs/first`: as the first, on two GPUs.\n\n"
    "`tensorboard --logdir runs/first/logs` shows the curves."
)
def train(
    which: Annotated[Which, typer.Argument(help="The network to train, or all in the paper's order.")],
    data: Annotated[Path, typer.Option(help="Folder with fine/, coarse/ and backgrounds/ (or train/ with these in it).")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and logs; a run that was stopped goes on from there.")],
    recipe: Annotated[str, typer.Option(help="A recipe or a programme of recipes: one that ships, or a TOML file.")] = "first",
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
        make_folder(data, out)
        plan = processes.from_first(lambda: load_plan(recipe))
        for each in stages(which, plan, recipe, data, Run(out, begin_with, on)):
            if not learn(each.names, each.library, each.recipe, each.run, workers, precision.value):
                raise typer.Exit(130)
        if isinstance(plan, Programme) and processes.first():
            plan.gather(out)
    print(f"done: {out}", file=sys.stderr)


def main() -> None:
    """Runs the command."""
    with processes.one_voice():
        engines.commands.running.run(app)


if __name__ == "__main__":
    main()
