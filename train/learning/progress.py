"""Progress of a task: a bar on a terminal, a line every half minute elsewhere, curves for TensorBoard."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from train.learning.distributed import is_rank0

LOG_EVERY = 50  # steps
REPORT_EVERY = 30.0  # seconds, without a terminal
BAR = 45  # characters of a line that the other columns take, a short bar and a task of many steps included
COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())


def report(text: str) -> None:
    """Print a line on the standard error of rank 0."""
    if is_rank0():
        print(text, file=sys.stderr, flush=True)


def fitting(parts: Sequence[str], width: int) -> str:
    """The first parts of a line, as many as a width has room for."""
    lines = ("  ".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((line for line in lines if len(line) <= width), "")


class TaskProgress:
    """Report a task of so many steps on standard error and log it to `logs`. Does nothing unless `active`."""

    def __init__(self, name: str, steps: int, done: int, logs: Path, *, active: bool) -> None:
        self._name, self._active = name, active
        self._smooth: dict[str, float] = {}
        self._reported = time.monotonic()
        if active:
            self._log = SummaryWriter(str(logs))
            self._console = Console(stderr=True)
            columns = (*COLUMNS, TextColumn("{task.fields[losses]}"))
            self._bar = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
            self._task = self._bar.add_task(name.upper(), total=steps, completed=done, losses="")

    def __enter__(self) -> Self:
        if self._active:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._active:
            self._bar.stop()
            self._log.close()

    def note(self, text: str) -> None:
        """Report what is being done besides training."""
        if self._active:
            self._console.out(f"{self._name}: {text}", highlight=False)

    def trained(self, step: int, steps: int, seconds: float, losses: dict[str, float]) -> None:
        """Report a training step of so many: its losses, and the seconds that the task has taken so far."""
        if not self._active:
            return
        keep = min(0.98, 1 - 1 / step) if self._smooth else 0.0
        self._smooth = {name: keep * self._smooth.get(name, value) + (1 - keep) * value for name, value in losses.items()}
        parts = [f"{name} {value:.4f}" for name, value in self._smooth.items()]
        line = "  ".join(parts)
        self._bar.update(self._task, completed=step, total=steps, losses=fitting(parts, self._console.width - BAR))
        if step % LOG_EVERY == 0 or step == steps:  # a short run has a point, too
            for name, value in self._smooth.items():
                self._log.add_scalar(f"train/{name}", value, step)
        if not self._console.is_terminal and time.monotonic() - self._reported > REPORT_EVERY:
            left = (steps - step) * seconds / step
            self._console.out(f"{self._name} {step}/{steps}  {line}  {left / 60:.0f} min left", highlight=False)
            self._reported = time.monotonic()

    def validated(self, step: int, losses: dict[str, float]) -> None:
        """Report the losses on the validation subjects."""
        if not self._active or not losses:
            return
        for name, value in losses.items():
            self._log.add_scalar(f"validation/{name}", value, step)
        line = "  ".join(f"{name} {value:.4f}" for name, value in losses.items())
        self._console.out(f"{self._name} {step}: validation {line}", highlight=False)
