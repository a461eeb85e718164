"""The training loop: mixed precision, moving average, checkpoints that any moment can follow, progress, TensorBoard."""

import math
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter

from engines import InputError
from train.library import Library
from train.recipe import Recipe
from train.samples import Sample
from train.stages import NAMES, Course, as_floats

SAVE_EVERY = 120.0  # seconds
JUDGE_EVERY = 500  # steps
JUDGED = 8  # batches
CONTENTS = {"stage", "step", "seconds", "recipe", "network", "average", "optimizer"}  # of a checkpoint


def fast_dtype(device: torch.device) -> torch.dtype | None:
    """bfloat16 where the hardware multiplies it natively; None: float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else None
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else None


def learning_rate_factor(step: int, warm_up: int, steps: int) -> float:
    """Linear warm-up, then half a cosine down to a hundredth."""
    if step < warm_up:
        return (step + 1) / warm_up
    done = min(1.0, (step - warm_up) / max(1, steps - warm_up))
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))


def save_atomically(state: dict[str, Any], path: Path) -> None:
    """Writes beside and moves into place: what a kill leaves is the old checkpoint or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        torch.save(state, beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint of this project. Raises InputError if it cannot be read."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such checkpoint; train that stage first") from error
    except Exception as error:
        raise InputError(
            f"{path}: not a readable checkpoint ({type(error).__name__}); delete it to start that stage anew"
        ) from error
    if not isinstance(state, dict) or not state.keys() >= CONTENTS:
        raise InputError(f"{path}: not a checkpoint of shm-train; delete it to start that stage anew")
    return state


def load_weights(network: nn.Module, weights: dict[str, Any], path: Path) -> None:
    """Puts the weights of a checkpoint into a network. Raises InputError if they are another network's."""
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"{path}: holds the weights of another network; delete it to start that stage anew") from error


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """Collects Ctrl-C and SIGTERM, so that the step in progress ends and a checkpoint is written."""
    caught: list[int] = []
    before = {s: signal.signal(s, lambda number, _: caught.append(number)) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stand_back(_: int) -> None:
    """In a worker: leaves Ctrl-C, which reaches every process of a terminal, to the trainer, and the cores as well.

    A network's threads wait for each other at each layer: a worker that takes one core slows both, by half on two cores.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(15)


def following(batches: Iterator[Sample]) -> Sample:
    """The next batch. Raises InputError in one line: from a worker, its message comes at the end of that worker's traceback."""
    try:
        return next(batches)
    except InputError as error:
        raise InputError(str(error).strip().splitlines()[-1].removeprefix("engines.errors.InputError: ")) from error


def _own(recipe: dict[str, Any], stage: str) -> dict[str, Any]:
    """What of a recipe one stage depends on: all but the settings of the others, and but for how long it is to train."""
    own = {key: value for key, value in recipe.items() if key not in NAMES}
    return own | {key: value for key, value in recipe[stage].items() if key != "steps"}


class Trainer:
    """Trains one course to its end, or goes on with it where `out/NAME.pt` left off."""

    def __init__(self, course: Course, library: Library, recipe: Recipe, out: Path, workers: int = 1) -> None:
        self.course, self.library, self.recipe, self.out, self.workers = course, library, recipe, out, workers
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.dtype = fast_dtype(self.device)
        self.network = course.network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        for part in course.frozen:
            part.requires_grad_(False)
        for network in course.before:
            network.to(self.device)
        averaging = get_ema_multi_avg_fn(course.settings.average)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.network, multi_avg_fn=averaging, use_buffers=True)
        self.optimizer = self._optimizer()
        self.step = 0
        self.seconds = 0.0
        self.path = out / f"{course.name}.pt"
        if self.path.exists():
            self._resume(load_checkpoint(self.path))

    def _optimizer(self) -> torch.optim.Optimizer:
        settings = self.course.settings
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in self.network.named_parameters():
            if parameter.requires_grad:
                rate = settings.encoder_learning_rate if name.startswith("encoder.") else settings.learning_rate
                groups.setdefault(rate, []).append(parameter)
        return torch.optim.AdamW(
            [{"params": p, "lr": r, "peak": r} for r, p in groups.items()], weight_decay=settings.weight_decay
        )

    def _resume(self, state: dict[str, Any]) -> None:
        if state["stage"] != self.course.name:
            raise InputError(f"{self.path}: is a checkpoint of {state['stage']}; delete it to start that stage anew")
        if _own(state["recipe"], self.course.name) != _own(self.recipe.as_dict(), self.course.name):
            raise InputError(f"{self.path}: was made with another recipe; give another --out, or delete it to start anew")
        load_weights(self.network, state["network"], self.path)
        load_weights(self.average.module, state["average"], self.path)
        self.average.n_averaged.fill_(state["step"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]

    def save(self) -> None:
        """Writes the checkpoint."""
        state = {
            "stage": self.course.name,
            "step": self.step,
            "seconds": self.seconds,
            "recipe": self.recipe.as_dict(),
            "network": self.network.state_dict(),
            "average": self.average.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        save_atomically(state, self.path)

    def _learn(self, batch: Sample) -> dict[str, float]:
        factor = learning_rate_factor(self.step, self.course.settings.warm_up, self.course.settings.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        self.network.train()
        for part in self.course.frozen:
            part.eval()
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
            losses = self.course.losses(self.network, batch)
        self.optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        if torch.isfinite(norm):  # one bad batch must not spoil the weights
            self.optimizer.step()
        self.average.update_parameters(self.network)
        self.step += 1
        return {name: float(value.detach()) for name, value in losses.items()}

    @torch.no_grad()
    def judge(self) -> dict[str, float]:
        """Mean losses of the averaged weights on subjects that were kept out; the same samples each time."""
        samples = self.course.samples(
            self.library, self.recipe, self.course.settings.batch, seed=-1, subjects=self.library.validation
        )
        if not samples.groups:
            return {}
        self.average.eval()
        totals: dict[str, float] = {}
        for batch, _ in zip(samples, range(JUDGED), strict=False):
            batch = {name: value.to(self.device) for name, value in as_floats(batch).items()}
            for name, value in self.course.losses(self.average.module, batch).items():
                totals[name] = totals.get(name, 0.0) + float(value) / JUDGED
        return totals

    def run(self) -> bool:
        """Trains; True when the stage is complete, False when it was asked to stop before."""
        settings = self.course.settings
        samples = self.course.samples(self.library, self.recipe, settings.batch, seed=self.step)
        if not samples.groups:
            kind = "pictures in fine/" if samples.fine_only else "people"
            raise InputError(f"{self.course.name}: the data has no {kind} that the recipe draws from")
        # Spawned, not forked: a fork of a process with thread pools (OpenMP's, OpenCV's) may hang.
        loader = DataLoader(
            samples,
            batch_size=None,
            num_workers=self.workers,
            prefetch_factor=8 if self.workers else None,
            multiprocessing_context="spawn" if self.workers else None,
            worker_init_fn=stand_back,
        )
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        numbers = TextColumn("{task.fields[losses]}")
        saved = logged = time.monotonic()
        smooth: dict[str, float] = {}
        with (
            SummaryWriter(str(self.out / "logs" / self.course.name)) as log,
            stop_requests() as stop,
            Progress(*columns, numbers, console=console, disable=not console.is_terminal) as progress,
        ):
            task = progress.add_task(self.course.name.upper(), total=settings.steps, completed=self.step, losses="")
            batches = iter(loader) if self.step < settings.steps else iter(())
            while self.step < settings.steps and not stop:
                began = time.monotonic()
                batch = {name: value.to(self.device) for name, value in as_floats(following(batches)).items()}
                losses = self._learn(batch)
                now = time.monotonic()
                self.seconds += now - began
                keep = min(0.98, 1 - 1 / self.step) if smooth else 0.0
                smooth = {name: keep * smooth.get(name, value) + (1 - keep) * value for name, value in losses.items()}
                line = "  ".join(f"{name} {value:.4f}" for name, value in smooth.items())
                progress.update(task, completed=self.step, losses=line)
                if self.step % 50 == 0:
                    for name, value in smooth.items():
                        log.add_scalar(f"train/{name}", value, self.step)
                    if not console.is_terminal and now - logged > 30:
                        left = (settings.steps - self.step) * self.seconds / self.step
                        print(
                            f"{self.course.name} {self.step}/{settings.steps}  {line}  {left / 60:.0f} min left",
                            file=sys.stderr,
                            flush=True,
                        )
                        logged = now
                if self.step % JUDGE_EVERY == 0 or self.step == settings.steps:
                    judged = self.judge()
                    for name, value in judged.items():
                        log.add_scalar(f"validation/{name}", value, self.step)
                    console.print(
                        f"{self.course.name} {self.step}: validation " + "  ".join(f"{n} {v:.4f}" for n, v in judged.items())
                    )
                if now - saved > SAVE_EVERY:
                    self.save()
                    saved = now
            self.save()
        return self.step >= settings.steps
