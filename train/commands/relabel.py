"""`shm-train relabel`: draw the coarse masks of training data anew with a trained model."""

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engines.commands.options import Backend, Model, Precision, Threads, load_engine
from engines.commands.running import UsageError, needs_extra
from engines.errors import DataError
from train.commands.options import DataArgument
from train.commands.reports import say_what_is_left_out

if TYPE_CHECKING:
    from engines import Engine
    from train.learning.schedule import Phase, Schedule


def relabel(
    data: DataArgument,
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="New folder for all of the data; `--data` takes it as it takes DATA.")
    ],
    keep: Annotated[
        list[str] | None, typer.Option(metavar="SET", help="A set whose masks stay as they are; may be given again.")
    ] = None,
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = "large",
) -> None:
    """Draw the masks of coarse/ anew with a released model: finer outlines, and unknown where masks omit what people hold.

    Photos in unlabelled/SET get masks, too, where the model is not in doubt. MPN learns nothing where a mask is unknown.

    \b
    Examples:
      shm-train relabel data relabelled
      shm-train relabel data relabelled --keep portraits --keep studio
    """
    if not data.is_dir():
        raise UsageError(f"{data}: no such folder; check the name")
    with needs_extra("train"):
        from train.data.relabel import check_copy

        check_copy(data, out, keep or [])
        say_what_is_left_out(data)
        with load_engine(backend, threads=threads, precision=precision, model=model, at_once=2) as engine:
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


def draw_masks_for_phase(data: Path, plan: "Schedule", phase: "Phase", out: Path) -> Path:
    """The copy of a data folder in the folder of a phase, its coarse masks drawn by the networks of an earlier one.

    Raises DataError if it is there already and was made of something else.
    """
    from engines.backends.torch import TorchEngine
    from engines.geometry import model_of_size
    from engines.networks import MPN, MRN, QUN, Networks
    from train.learning.progress import report
    from train.learning.released import other_size
    from train.learning.runs import load_frozen

    copy = out / phase.name / "data"
    teacher, recipe = next(each for each in zip(plan.phases, plan.recipes, strict=True) if each[0].name == phase.relabelled_by)
    before = out / (teacher.on or teacher.name)
    mpn, qun, mrn = before / "mpn.pt", before / "qun.pt", out / teacher.name / "mrn.pt"
    origin, record = origin_of(data, (mpn, qun, mrn), phase.keep_masks), copy.with_name("data.sha256")
    if copy.exists():
        if record.exists() and record.read_text(encoding="utf-8") != origin:  # earlier versions left none
            raise DataError(f"{copy}: DATA, keep_masks or what drew its masks has changed since; delete it to draw them anew")
        return copy
    networks = Networks(load_frozen(MPN, mpn), load_frozen(QUN, qun), load_frozen(MRN, mrn))
    if note := other_size(recipe, f"{teacher.name} draws the masks of {phase.name} on"):
        report(f"note: {note}")
    copy.parent.mkdir(exist_ok=True)
    record.write_text(origin, encoding="utf-8")  # before, as the copy appears when it is complete
    with TorchEngine(networks=networks, model=model_of_size(recipe.low_resolution)) as engine:
        draw_masks(data, copy, engine, phase.keep_masks)
    return copy


def origin_of(data: Path, checkpoints: Sequence[Path], keep: Sequence[str]) -> str:
    """A digest of what masks are drawn from: names and sizes of the data's files, checkpoints, the sets whose masks stay."""
    from engines.weights import sha256
    from train.data.library import root_of

    root = root_of(data)
    files = [(str(path.relative_to(root)), path.stat().st_size) for path in sorted(root.rglob("*")) if path.is_file()]
    return hashlib.sha256(json.dumps([files, [*map(sha256, checkpoints)], sorted(keep)]).encode()).hexdigest()
