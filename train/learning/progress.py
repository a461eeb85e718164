"""Progress of a task: a bar on a terminal, a line every half minute elsewhere, curves for TensorBoard."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from train.learning.distributed import is_rank0

LOG_EVERY = 50  # steps
REPORT_EVERY = 30.0  # seconds, without a terminal
THREAD_ENDS = 1.0  # seconds
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


@contextmanager
def silent_log_threads() -> Iterator[None]:
    """Keep TensorBoard's thread from printing the traceback of an error in writing, which it raises in this one as well."""
    before = threading.excepthook

    def of_logs(thread: threading.Thread | None) -> bool:
        return type(thread).__module__.startswith("tensorboard.")

    def hook(failed: threading.ExceptHookArgs) -> None:
        if not (isinstance(failed.exc_value, OSError) and of_logs(failed.thread)):
            before(failed)

    threading.excepthook = hook
    try:
        yield
    finally:
        for thread in filter(of_logs, threading.enumerate()):  # one that failed may not have got as far as the hook
            thread.join(THREAD_ENDS)
        threading.excepthook = before


class TaskProgress:
    """Report a task of so many steps on standard error and log it to `logs`. Does nothing unless `active`.

    Where the logs cannot be written, it says so once, and goes on without them.
    """

    def __init__(self, name: str, steps: int, done: int, logs: Path, *, active: bool) -> None:
        self._name, self._logs, self._active = name, logs, active
        self._smooth: dict[str, float] = {}
        self._reported = time.monotonic()
        self._log: SummaryWriter | None = None
        self._silence = silent_log_threads()
        if active:
            self._console = Console(stderr=True)
            columns = (*COLUMNS, TextColumn("{task.fields[losses]}"))
            self._bar = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
            self._task = self._bar.add_task(name.upper(), total=steps, completed=done, losses="")

    def __enter__(self) -> Self:
        self._silence.__enter__()
        if self._active:
            self._bar.start()
            self._write(self._open)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._active:
            self._bar.stop()
            if self._log:
                self._write(self._log.close)
        self._silence.__exit__(None, None, None)

    def _open(self) -> None:
        self._log = SummaryWriter(str(self._logs))

    def _write(self, write: Callable[[], None]) -> None:
        """Do something with the logs. A full disk must not end a training that may still leave a checkpoint."""
        try:
            write()
        except OSError as error:
            self._log = None
            self.note(f"the curves cannot be written ({error.strerror}); it goes on without them")

    def _plot(self, kind: str, values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            if self._log:
                self._write(partial(self._log.add_scalar, f"{kind}/{name}", value, step))

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
        self._bar.update(self._task, completed=step, total=steps, losses=fitting(parts, self._console.width - BAR))
        if step % LOG_EVERY == 0 or step == steps:  # a short run has a point, too
            self._plot("train", self._smooth, step)
        if not self._console.is_terminal and time.monotonic() - self._reported > REPORT_EVERY:
            left = (steps - step) * seconds / step
            self._console.out(f"{self._name} {step}/{steps}  {'  '.join(parts)}  {left / 60:.0f} min left", highlight=False)
            self._reported = time.monotonic()

    def validated(self, step: int, losses: dict[str, float]) -> None:
        """Report the losses on the validation subjects."""
        if not self._active or not losses:
            return
        self._plot("validation", losses, step)
        line = "  ".join(f"{name} {value:.4f}" for name, value in losses.items())
        self._console.out(f"{self._name} {step}: validation {line}", highlight=False)
