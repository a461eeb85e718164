"""How far a stage is: a bar on a terminal, a line now and then elsewhere, curves for TensorBoard."""

import time
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

LOG_EVERY = 50  # steps
TELL_EVERY = 30.0  # seconds, where there is no terminal
COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())


class StageProgress:
    """Tells on standard error, and writes to `logs`, how a stage of so many steps goes. Not `active`: does nothing."""

    def __init__(self, name: str, steps: int, done: int, logs: Path, *, active: bool) -> None:
        self._name, self._steps, self._active = name, steps, active
        self._smooth: dict[str, float] = {}
        self._told = time.monotonic()
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

    def learnt(self, step: int, seconds: float, losses: dict[str, float]) -> None:
        """After a step: its losses, and how long the stage has taken so far."""
        if not self._active:
            return
        keep = min(0.98, 1 - 1 / step) if self._smooth else 0.0
        self._smooth = {name: keep * self._smooth.get(name, value) + (1 - keep) * value for name, value in losses.items()}
        line = "  ".join(f"{name} {value:.4f}" for name, value in self._smooth.items())
        self._bar.update(self._task, completed=step, losses=line)
        if step % LOG_EVERY == 0:
            for name, value in self._smooth.items():
                self._log.add_scalar(f"train/{name}", value, step)
        if not self._console.is_terminal and time.monotonic() - self._told > TELL_EVERY:
            left = (self._steps - step) * seconds / step
            self._console.out(f"{self._name} {step}/{self._steps}  {line}  {left / 60:.0f} min left", highlight=False)
            self._told = time.monotonic()

    def judged(self, step: int, losses: dict[str, float]) -> None:
        """After a judging: the losses on subjects that were kept out."""
        if not self._active or not losses:
            return
        for name, value in losses.items():
            self._log.add_scalar(f"validation/{name}", value, step)
        line = "  ".join(f"{name} {value:.4f}" for name, value in losses.items())
        self._console.out(f"{self._name} {step}: validation {line}", highlight=False)
