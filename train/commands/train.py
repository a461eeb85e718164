"""`shm-train`: train MPN, QUN and MRN, or a baseline, and release or plot what was trained."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engines.commands.app import command_app
from engines.commands.running import INTERRUPTED, UsageError, needs_extra, run
from engines.errors import DataError
from train.commands.curves import curves
from train.commands.options import Data
from train.commands.pack import pack
from train.commands.relabel import draw_masks_for_phase, relabel
from train.commands.release import release
from train.commands.reports import make_folder, say_what_is_left_out
from train.recipe import TASK_NAMES, Recipe, is_builtin

if TYPE_CHECKING:
    from train.data.library import Library
    from train.learning.feed import Rendering
    from train.learning.runs import Run
    from train.learning.schedule import Phase, Schedule

STEPS = {"all": TASK_NAMES, "dim": ("dim", "refinement", "dim_joint"), "shm": ("tnet", "mnet", "shm")}  # of several networks
RECIPE, RECIPE_OF_BASELINES = "all-base", "table2"  # by default
EXIT_DELAY = 10.0  # seconds

Out = Annotated[Path, typer.Option(help="Folder for checkpoints and logs; a run that was stopped resumes from there.")]
RecipeName = Annotated[str, typer.Option("--recipe", help="A recipe or a schedule: a built-in one, or a TOML file.")]
BeginWith = Annotated[
    Path | None, typer.Option(help="Folder of another run, or `released`: a network new in --out starts from its weights.")
]
On = Annotated[
    Path | None,
    typer.Option(help="Folder of another run, or `released`: its networks precede the trained one; by default those of --out."),
]
TrainingPrecision = Annotated[
    Literal["auto", "fp32", "bf16"], typer.Option(help="auto: bf16 where it is faster; on a CPU that is timed first.")
]
TrainingThreads = Annotated[int, typer.Option(help="CPU threads; 0: all cores, or those torchrun gives each process.", min=0)]
Workers = Annotated[int, typer.Option(help="Processes that prepare samples, for each one that trains.", min=0)]
Minutes = Annotated[
    float | None,
    typer.Option(help="Train each network for so many minutes instead of the recipe's steps.", min=0.01),
]
RenderingChoice = Annotated[
    Literal["auto", "workers", "device"],
    typer.Option(help="Where samples are rendered: by the workers, or in batches on the device; auto: there on a GPU."),
]

app = command_app(
    "Train the three networks of the paper. Training can be stopped (Ctrl-C) and resumed at any moment.\n\n"
    "Under torchrun, several GPUs, processes or machines share each batch of the recipe, with the same result; the first "
    "of them writes to --out.\n\n"
    "\b\nExamples:\n"
    "  shm-train all --data data --out runs/mine\n"
    "  shm-train mrn --data data --out runs/mine\n"
    "  shm-train mpn --data data --out runs/mine --recipe adapt --begin-with released\n"
    "  shm-train all --data data --out runs/release --recipe release\n"
    "  torchrun --standalone --nproc-per-node 2 --no-python shm-train all --data data --out runs/mine\n"
    "  shm-train mpn --data data --out runs/mine --recipe adapt --begin-with released --minutes 10\n"
    "  shm-train deeplab --data data --out runs/table2/deeplab --recipe table2\n"
    "  shm-train pack data packed --part 45MB\n"
    "  shm-train relabel data relabelled\n"
    "  shm-train curves runs/mine curves.png"
)


def _add(which: str, help: str, default: str = RECIPE) -> None:
    @app.command(which, help=help)
    def train(
        data: Data,
        out: Out,
        recipe: RecipeName = default,
        begin_with: BeginWith = None,
        on: On = None,
        precision: TrainingPrecision = "auto",
        threads: TrainingThreads = 0,
        workers: Workers = 1,
        rendering: RenderingChoice = "auto",
        minutes: Minutes = None,
    ) -> None:
        with needs_extra("train"):
            _train(which, data, out, recipe, begin_with, on, threads, workers, precision, rendering, minutes)


_add("mpn", "Train MPN, the coarse masks, on fine and coarse data.")
_add("qun", "Train QUN, the unified masks, behind MPN.")
_add("mrn", "Train MRN, the mattes, behind MPN and QUN.")
_add("all", "Train MPN, QUN and MRN in this order, or what a schedule says.")
_add("deeplab", "Train DeepLab, a baseline of the paper's Table 2, on fine and coarse data.", RECIPE_OF_BASELINES)
_add("dim", "Train DIM, a baseline that takes a trimap: its two stages, then both together.", RECIPE_OF_BASELINES)
_add("shm", "Train SHM, a baseline: T-Net, M-Net, then both end to end.", RECIPE_OF_BASELINES)
app.command()(release)
app.command()(curves)
app.command()(pack)
app.command()(relabel)


@dataclass(frozen=True)
class Job:
    """Networks to train by one recipe, in one folder, and the data that it draws from."""

    names: Sequence[str]
    recipe: Recipe
    library: "Callable[[], Library]"  # asked for when its turn comes: masks may have to be drawn first
    run: "Run"


@contextmanager
def naming(option: str) -> Iterator[None]:
    """Begin the message of a DataError with the option that it is about."""
    try:
        yield
    except DataError as error:
        raise UsageError(f"{option} {error}") from error


def make_run_folder(data: Path, out: Path) -> None:
    """Make the folder of the run. Raises UsageError if that fails, or if there is no data."""
    from train.learning.distributed import raise_on_all_ranks

    with raise_on_all_ranks():
        if not data.is_dir():
            raise UsageError(f"--data {data}: no such folder; check the name")
        if out.exists() and not out.is_dir():
            raise UsageError(f"--out {out}: is a file; give a folder")
        make_folder(out, "--out")


def read_data(data: Path, recipe: Recipe, name: str) -> "Library":
    """The data that a recipe draws from. Raises UsageError if there is none, or the recipe names a set that is missing."""
    from train.data.library import check_sets, open_library
    from train.learning.distributed import check_same_on_all_ranks, raise_on_all_ranks
    from train.learning.progress import report

    with raise_on_all_ranks():
        with naming("--data"):
            library = open_library(data, recipe.validation, recipe.validation_backgrounds)
        with naming("--recipe"):
            lacking = check_sets(recipe, name, library)
    check_same_on_all_ranks(library.names(), f"--data {data}: differs between processes; copy the same data to each machine")
    if lacking:
        report(f"note: --recipe {name} names sets that --data lacks: {', '.join(lacking)}")
    return library


def jobs(which: str, plan: "Recipe | Schedule", name: str, data: Path, run: "Run") -> list[Job]:
    """What to train, in order. Raises UsageError if the options contradict each other."""
    if isinstance(plan, Recipe):
        names, whole = STEPS.get(which, (which,)), read_data(data, plan, name)
        check_fine_data(data, names, plan, whole)
        return [Job(names, plan, already(whole), run)]
    if which != "all" or run.begin_with or run.on:
        raise UsageError(f"--recipe {name}: is a schedule; give it to `shm-train all`, without --begin-with and --on")
    found = []
    library: Callable[[], Library]
    for phase, recipe, phase_run in zip(plan.phases, plan.recipes, plan.runs(run.out), strict=True):
        if phase.relabelled_by:
            if is_builtin(name):  # it may be used on any data
                phase = replace(phase, keep_masks=sets_to_keep(data, phase))
            check_relabelled(data, phase, recipe)
            library = partial(relabelled_library, data, plan, phase, recipe, run.out)
        else:
            whole = read_data(data, recipe, phase.recipe)
            check_fine_data(data, phase.networks, recipe, whole)
            library = already(whole)
        found.append(Job(phase.networks, recipe, library, phase_run))
    return found


def check_fine_data(data: Path, names: Sequence[str], recipe: Recipe, library: "Library") -> None:
    """Raise UsageError if networks that learn from fine data only follow one that learns from all: it may train for a night."""
    first, *others = names
    drawn = any(subject.fine and recipe.fine_sets.get(subject.set, 1.0) for subject in library.subjects)
    if first == "mpn" and others and not drawn:
        remedy = "train MPN alone, by shm-train mpn; shm-train release takes the others by --on released"
        raise UsageError(
            f"--data {data}: has no pictures in fine/ that the recipe draws from, for {' and '.join(others)}; {remedy}"
        )


def already(library: "Library") -> "Callable[[], Library]":
    """A library that was read beforehand, so that what is wrong with it is said before any training."""
    return lambda: library


def sets_to_keep(data: Path, phase: "Phase") -> tuple[str, ...]:
    """Those of a phase's `keep_masks` that the data has."""
    from train.data.relabel import coarse_sets

    there = {folder.name for folder in coarse_sets(data)}
    return tuple(name for name in phase.keep_masks if name in there)


def check_relabelled(data: Path, phase: "Phase", recipe: Recipe) -> None:
    """Raise UsageError for what can be known, before any training, to go wrong when the turn of a relabelled phase comes.

    Its data will have sets that have no masks yet.
    """
    from train.data.library import check_sets, open_library, unlabelled
    from train.data.relabel import check_kept
    from train.learning.distributed import world_size

    if world_size() > 1:
        raise UsageError(f"--recipe: {phase.name} draws masks anew, which is for one process; begin without torchrun")
    with naming("--data"):
        library = open_library(data)
        check_kept(data, phase.keep_masks)
    with naming("--recipe"):
        check_sets(recipe, phase.recipe, library, {path.parent.name for path in unlabelled(data)})


def relabelled_library(data: Path, plan: "Schedule", phase: "Phase", recipe: Recipe, out: Path) -> "Library":
    """The data of a phase, its coarse masks drawn by the networks of an earlier one: a copy in the folder of the phase."""
    return read_data(draw_masks_for_phase(data, plan, phase, out), recipe, phase.recipe)


def _train(
    which: str,
    data: Path,
    out: Path,
    recipe: str,
    begin_with: Path | None,
    on: Path | None,
    threads: int,
    workers: int,
    precision: str,
    rendering: "Rendering",
    minutes: float | None,
) -> None:
    import torch

    from train.learning.checkpoints import only_run_in
    from train.learning.distributed import broadcast_from_rank0, is_rank0, process_group, raise_on_all_ranks, world_size
    from train.learning.progress import report
    from train.learning.runs import Run, train_networks
    from train.learning.schedule import Schedule, load_recipe_or_schedule

    if threads:
        torch.set_num_threads(threads)
    with process_group():
        if minutes is not None and world_size() > 1:
            raise UsageError("--minutes: is for one process, as clocks differ; give the recipe a number of steps instead")
        make_run_folder(data, out)
        with naming("--recipe"):
            plan = broadcast_from_rank0(lambda: load_recipe_or_schedule(recipe))
        with ExitStack() as stack:
            with naming("--out"):
                stack.enter_context(only_run_in(out))
            with raise_on_all_ranks():
                say_what_is_left_out(data)
            for job in jobs(which, plan, recipe, data, Run(out, begin_with, on)):
                if begin_with is not None:
                    say_what_has_begun(job)
                library = job.library()
                if not train_networks(job.names, library, job.recipe, job.run, workers, precision, rendering, minutes):
                    raise SystemExit(INTERRUPTED)  # which has been said
            if isinstance(plan, Schedule) and is_rank0():
                plan.gather(out)
        report(f"done: {out}")


def say_what_has_begun(job: Job) -> None:
    """Say which networks go on from their checkpoints, and begin with nothing."""
    from train.learning.checkpoints import checkpoint_exists
    from train.learning.progress import report

    for path in (job.run.out / f"{name}.pt" for name in job.names):
        if checkpoint_exists(path):
            report(f"{path}: is there, and goes on; --begin-with is for a new run, and does nothing here")


@contextmanager
def only_local_rank0_reports() -> Iterator[None]:
    """Silence standard error on all but the first process of each machine: all fail, or stop, for the same reason."""
    if int(os.environ.get("LOCAL_RANK", 0)) == 0:
        yield
        return
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as devnull, redirect_stderr(devnull):
            yield
    except SystemExit as end:
        if end.code:  # torchrun kills all processes once one has failed: let the one that reports exit first
            time.sleep(EXIT_DELAY)
        raise


def main() -> None:
    """Run the command; also as a module, which torchrun needs."""
    with only_local_rank0_reports():
        run(app)


if __name__ == "__main__":
    main()
