"""Tasks in the folder of a run, and the networks that they take from it, from another run or from the release."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
from torch import nn

from engines.backends.torch import released_networks
from engines.errors import DataError
from engines.geometry import BASE, MODELS, MPN_SIZES, model_of_size
from engines.networks import MPN, QUN
from train.baselines.dim import DIM, Refinement
from train.baselines.shm import MNet, TNet
from train.baselines.tasks import (
    deeplab_task,
    dim_joint_task,
    dim_task,
    mnet_task,
    refinement_task,
    shm_task,
    tnet_task,
)
from train.data.library import Library
from train.learning.checkpoints import checkpoint_exists, load_checkpoint, load_weights
from train.learning.feed import Rendering
from train.learning.progress import report
from train.learning.released import load_released, other_size
from train.learning.tasks import Task, mpn_task, mrn_task, qun_task
from train.learning.trainer import Trainer
from train.recipe import TASK_NAMES, Recipe, with_defaults

RELEASED = Path("released")  # in place of a run: the released weights

FIRST_BASELINES = {"deeplab": deeplab_task, "dim": dim_task, "tnet": tnet_task, "mnet": mnet_task}  # need no other network

NetworkT = TypeVar("NetworkT", bound=nn.Module)


@dataclass(frozen=True)
class Run:
    """A folder of checkpoints and logs, and the runs that other weights come from."""

    out: Path
    begin_with: Path | None = None  # the run, or RELEASED, whose weights new tasks start from
    on: Path | None = None  # the run, or RELEASED, whose networks precede the trained one; by default `out`


class Sizes(NamedTuple):
    """How finely networks are trained to see a frame: height and width of one that is not wider than high."""

    low: tuple[int, int] = MODELS[BASE]
    seen: tuple[int, int] = MPN_SIZES[BASE]  # by MPN


def sizes_of(path: Path) -> Sizes:
    """The sizes of the recipe that a checkpoint was trained by. Raises DataError."""
    try:
        stored = with_defaults(load_checkpoint(path)["recipe"])
        recipe = Recipe(low_resolution=stored["low_resolution"], mpn_resolution=stored["mpn_resolution"])
        return Sizes(recipe.low_resolution, recipe.seen)
    except (AttributeError, TypeError) as error:  # it is no table
        raise DataError(f"{path}: is damaged ({type(error).__name__}); train {path.stem.upper()} anew") from error


def sizes_unlike(model: str, name: str, path: Path) -> str | None:
    """A note if the network of a checkpoint was trained at another size than a model uses it at. Raises DataError."""
    trained, own = sizes_of(path), Sizes(MODELS[model], MPN_SIZES[model])
    (height, width), (own_height, own_width) = (trained.seen, own.seen) if name == "mpn" else (trained.low, own.low)
    if (height, width) == (own_height, own_width):
        return None
    return (
        f"{path} was trained on frames of {height}x{width} (height x width), and the {model} model shows it "
        f"{own_height}x{own_width}: its masks may be worse"
    )


def load_frozen(kind: type[NetworkT], path: Path) -> NetworkT:
    """A network with the averaged weights of a checkpoint, for use by later tasks. Raises DataError."""
    network = kind()
    load_weights(network, load_checkpoint(path)["average"], path)
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def load_earlier(kind: type[NetworkT], name: str, run: Path, model: str = BASE) -> NetworkT:
    """A network of a run, or that of a released model if `run` is RELEASED. Raises DataError if it is missing."""
    if run != RELEASED:
        return load_frozen(kind, run / f"{name}.pt")
    if name not in TASK_NAMES:
        raise DataError(f"{name}: is not among the released networks; name a run that trained it")
    return released_networks(model)._asdict()[name].to(memory_format=torch.channels_last)  # type: ignore[no-any-return]


def make_task(name: str, recipe: Recipe, run: Path, *, pretrained: bool = True) -> Task:
    """A task behind the earlier networks of `run`. Raises DataError if one is missing. `pretrained`: see `mpn_task`."""
    if name == "mpn":
        return mpn_task(recipe, pretrained=pretrained)
    model = model_of_size(recipe.low_resolution)
    if name == "qun":
        return qun_task(recipe, load_earlier(MPN, "mpn", run, model))
    if name in FIRST_BASELINES:
        return FIRST_BASELINES[name](recipe, pretrained=pretrained)
    if name == "refinement":
        return refinement_task(recipe, load_earlier(DIM, "dim", run))
    if name == "dim_joint":
        return dim_joint_task(recipe, load_earlier(DIM, "dim", run), load_earlier(Refinement, "refinement", run))
    if name == "shm":
        return shm_task(recipe, load_earlier(TNet, "tnet", run), load_earlier(MNet, "mnet", run))
    mpn = load_earlier(MPN, "mpn", run, model)
    return mrn_task(recipe, mpn, load_earlier(QUN, "qun", run, model) if recipe.mrn.unified else None)


def prepare_task(name: str, library: Library, recipe: Recipe, run: Run) -> Task:
    """A task with the initial weights that the run asks for. Raises DataError if something is missing."""
    resumed = checkpoint_exists(run.out / f"{name}.pt")
    task = make_task(name, recipe, run.on or run.out, pretrained=run.begin_with is None and not resumed)
    if resumed:
        return task
    if run.begin_with == RELEASED:
        load_released(task, library, recipe)
    elif run.begin_with is not None:
        start = run.begin_with / f"{name}.pt"
        load_weights(task.network, load_checkpoint(start)["average"], start)
    elif task.settings.keep:
        raise DataError(f"{name}: the recipe keeps a share of the weights that a run begins with; add --begin-with released")
    return task


def train_networks(
    names: Sequence[str],
    library: Library,
    recipe: Recipe,
    run: Run,
    workers: int = 1,
    precision: str = "auto",
    rendering: Rendering = "auto",
    minutes: float | None = None,
) -> bool:
    """Train these networks, or resume where the run was stopped; False if it is stopped before the end. Options: see `Trainer`.

    Raises DataError for what a task lacks.
    """
    if RELEASED in (run.begin_with, run.on) and (note := other_size(recipe)):
        report(f"note: {note}; the recipe adapt has those of the base model, adapt-large of the large one")
    for name in names:
        torch.manual_seed(recipe.seed)  # the same initial weights whether or not other tasks precede
        task = prepare_task(name, library, recipe, run)
        if not Trainer(task, library, recipe, run.out, workers, precision, rendering, minutes).run():
            report(f"stopped; the same command resumes from {run.out / name}.pt")
            return False
    return True
