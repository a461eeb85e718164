"""Stages one after the other, in the folder of a run: what each takes over from those before it, or from another run."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from engines.backends.torch import released_networks
from engines.networks import MPN, QUN
from train.data.library import Library
from train.learning.checkpoints import is_there, load_checkpoint, load_weights
from train.learning.released import begin_with_released
from train.learning.stages import Course, mpn_course, mrn_course, qun_course
from train.learning.trainer import Trainer
from train.recipe import Recipe

RELEASED = Path("released")  # in place of a run: the weights that ship

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Run:
    """A folder of checkpoints and logs, and where what it does not train itself comes from."""

    out: Path
    begin_with: Path | None = None  # the run, or RELEASED, whose weights a stage that is new begins with
    on: Path | None = None  # the run, or RELEASED, whose networks come before the one that learns; its own unless told


def frozen(kind: type[Network], path: Path) -> Network:
    """A network with the averaged weights of a finished stage, for use by the stages after it. Raises DataError."""
    network = kind()
    load_weights(network, load_checkpoint(path)["average"], path)
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def earlier(kind: type[Network], name: str, run: Path) -> Network:
    """A network of a run, or the one that ships where that is what `run` says. Raises DataError if it is missing."""
    if run != RELEASED:
        return frozen(kind, run / f"{name}.pt")
    return released_networks()._asdict()[name].to(memory_format=torch.channels_last)  # type: ignore[no-any-return]


def course(name: str, recipe: Recipe, run: Path) -> Course:
    """The course of one stage, on what the stages before it left in `run`. Raises DataError if that is missing."""
    if name == "mpn":
        return mpn_course(recipe)
    if name == "qun":
        return qun_course(recipe, earlier(MPN, "mpn", run))
    return mrn_course(recipe, earlier(MPN, "mpn", run), earlier(QUN, "qun", run))


def prepare(name: str, library: Library, recipe: Recipe, run: Run) -> Course:
    """The course of one stage, its network as the run has it begin. Raises DataError if what it needs is missing."""
    plan = course(name, recipe, run.on or run.out)
    if run.begin_with is None or is_there(run.out / f"{name}.pt"):
        return plan
    if run.begin_with == RELEASED:
        begin_with_released(plan, library, recipe)
    else:
        start = run.begin_with / f"{name}.pt"
        load_weights(plan.network, load_checkpoint(start)["average"], start)
    return plan


def learn(
    names: Sequence[str],
    library: Library,
    recipe: Recipe,
    run: Run,
    workers: int = 1,
    precision: str = "auto",
    judged_on: Recipe | None = None,
) -> bool:
    """Trains the stages of these names, or goes on with them; False when it was asked to stop before the end.

    The people kept out are seen as `judged_on` has it, the recipe itself unless told. Raises DataError for what a stage lacks.
    """
    for name in names:
        torch.manual_seed(recipe.seed)  # a stage begins with the same weights when it is asked for alone
        plan = prepare(name, library, recipe, run)
        if not Trainer(plan, library, recipe, run.out, workers, precision, judged_on).run():
            print(f"stopped; the same command goes on from {run.out / name}.pt", file=sys.stderr)
            return False
    return True
