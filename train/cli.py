"""`shm-train`: trains MPN, QUN and MRN, one after the other."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import torch
import typer
from torch import nn

import engines.errors
from engines import InputError
from engines.networks import MPN, QUN
from engines.torch_engine import released_networks
from train.library import open_library
from train.recipe import Recipe, load_recipe
from train.shipped import begin_with_released
from train.stages import NAMES, Course, mpn_course, mrn_course, qun_course
from train.trainer import Trainer, load_checkpoint, load_weights

RELEASED = Path("released")  # --begin-with and --on: the weights that ship

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


class Which(StrEnum):
    """What to train."""

    mpn = "mpn"
    qun = "qun"
    mrn = "mrn"
    all = "all"


Network = TypeVar("Network", bound=nn.Module)


def frozen(kind: type[Network], path: Path) -> Network:
    """A network with the averaged weights of a finished stage, for use by the stages after it. Raises InputError."""
    network = kind()
    load_weights(network, load_checkpoint(path)["average"], path)
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def earlier(kind: type[Network], name: str, run: Path) -> Network:
    """A network of a run, or the one that ships where that is what `run` says. Raises InputError if it is missing."""
    if run != RELEASED:
        return frozen(kind, run / f"{name}.pt")
    return released_networks()._asdict()[name].to(memory_format=torch.channels_last)  # type: ignore[no-any-return]


def course(name: str, recipe: Recipe, run: Path) -> Course:
    """The course of one stage, on what the stages before it left in `run`. Raises InputError if that is missing."""
    if name == "mpn":
        return mpn_course(recipe)
    if name == "qun":
        return qun_course(recipe, earlier(MPN, "mpn", run))
    return mrn_course(recipe, earlier(MPN, "mpn", run), earlier(QUN, "qun", run))


@app.command(
    epilog="Examples:\n\n"
    "`shm-train all --data data --out runs/first` trains the three networks, one after the other.\n\n"
    "`shm-train mrn --data data --out runs/first` goes on with the third, where it was left.\n\n"
    "`shm-train all --data data --out runs/mine --begin-with released` goes on from the weights that ship.\n\n"
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
    threads: Annotated[int, typer.Option(help="Threads for the networks; 0: all cores.", min=0)] = 0,
    workers: Annotated[int, typer.Option(help="Processes that prepare samples.", min=0)] = 1,
) -> None:
    """Trains the three networks of the paper; each stage can be stopped (Ctrl-C) and goes on later."""
    if not data.is_dir():
        raise InputError(f"--data {data}: no such folder")
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: is a file; give a folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {out}: cannot make this folder: {error.strerror}") from error
    if threads:
        torch.set_num_threads(threads)
    settings = load_recipe(recipe)
    torch.manual_seed(settings.seed)
    library = open_library(data, settings.validation)
    for name in NAMES if which is Which.all else (which.value,):
        plan = course(name, settings, on or out)
        if begin_with == RELEASED:
            if not (out / f"{name}.pt").exists():
                begin_with_released(plan, library, settings)
        elif begin_with is not None:
            start = begin_with / f"{name}.pt"
            load_weights(plan.network, load_checkpoint(start)["average"], start)
        if not Trainer(plan, library, settings, out, workers).run():
            print(f"stopped; the same command goes on from {out / name}.pt", file=sys.stderr)
            raise typer.Exit(130)
    print(f"done: {out}", file=sys.stderr)


def main() -> None:
    """Runs the command."""
    engines.errors.run(app)


if __name__ == "__main__":
    main()
