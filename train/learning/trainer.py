"""The training loop: mixed precision, moving average, checkpoints that any moment can follow."""

import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from engines.errors import DataError
from train.data.library import Library, Subject
from train.data.samples import Sample, Samples
from train.learning.checkpoints import is_there, load_checkpoint, load_weights, save_atomically
from train.learning.distributed import agreed, any_process, device, first, mean, parallel, share, share_normalisation
from train.learning.progress import StageProgress
from train.learning.stages import NAMES, Course, Losses, as_floats
from train.recipe import Recipe

SAVE_EVERY = 120.0  # seconds
JUDGE_EVERY = 500  # steps
JUDGED = 8  # batches
PRECISIONS = {"fp32": None, "bf16": torch.bfloat16}


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
    """In a worker: leaves Ctrl-C and SIGTERM, which may reach all processes of a run, to the trainer, and the cores as well.

    A network's threads wait for each other at each layer: a worker that takes one core slows both, by half on two cores.
    """
    for request in (signal.SIGINT, signal.SIGTERM):
        signal.signal(request, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(15)


def following(batches: Iterator[Sample]) -> Sample:
    """The next batch. Raises DataError in one line: from a worker, its message comes at the end of that worker's traceback."""
    try:
        return next(batches)
    except DataError as error:
        raise DataError(str(error).strip().splitlines()[-1].removeprefix("engines.errors.DataError: ")) from error


def _own(recipe: dict[str, Any], stage: str) -> dict[str, Any]:
    """What of a recipe one stage depends on: all but the settings of the others, and but for how long it is to train."""
    own = {key: value for key, value in recipe.items() if key not in NAMES}
    return own | {key: value for key, value in recipe[stage].items() if key != "steps"}


def _means(losses: Losses) -> dict[str, float]:
    return dict(zip(losses, mean(torch.stack([value.detach() for value in losses.values()])).tolist(), strict=True))


class Trainer:
    """Trains one course to its end, or goes on with it where `out/NAME.pt` left off. `precision`: auto, fp32 or bf16."""

    def __init__(
        self,
        course: Course,
        library: Library,
        recipe: Recipe,
        out: Path,
        workers: int = 1,
        precision: str = "auto",
        judged_on: Recipe | None = None,
    ) -> None:
        self.course, self.library, self.recipe, self.out, self.workers = course, library, recipe, out, workers
        self.judged_on = judged_on or recipe
        self.share = share(course.settings.batch, f"[{course.name}]")
        self.device = device()
        self.dtype = PRECISIONS[precision] if precision in PRECISIONS else fast_dtype(self.device)
        self.network = share_normalisation(
            course.network.to(self.device, memory_format=torch.channels_last),  # type: ignore[call-overload]
            self.device,
        )
        for part in course.frozen:
            part.requires_grad_(False)
        for network in course.before:
            network.to(self.device)
        self.learner = parallel(self.network)
        averaging = get_ema_multi_avg_fn(course.settings.average)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.network, multi_avg_fn=averaging, use_buffers=True)
        self.optimizer = self._optimizer()
        self.step = 0
        self.seconds = 0.0
        # Only a stage that keeps a share of what it began with has to remember it.
        self.start = {k: v.clone() for k, v in self.network.state_dict().items()} if course.settings.keep else {}
        self.path = out / f"{course.name}.pt"
        if is_there(self.path):
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
            raise DataError(f"{self.path}: is a checkpoint of {state['stage']}; delete it to start that stage anew")
        stored = Recipe().as_dict() | state["recipe"]  # a setting that came later was then at its default
        if _own(stored, self.course.name) != _own(self.recipe.as_dict(), self.course.name):
            raise DataError(f"{self.path}: was made with another recipe; give another --out, or delete it to start anew")
        load_weights(self.network, state["network"], self.path)
        load_weights(self.average.module, state["average"], self.path)
        self.average.n_averaged.fill_(state["step"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds, self.start = state["step"], state["seconds"], state.get("start", {})

    def save(self) -> None:
        """Writes the checkpoint, in the first process."""
        if not first():
            return
        state = {
            "stage": self.course.name,
            "step": self.step,
            "seconds": self.seconds,
            "recipe": self.recipe.as_dict(),
            "network": self.network.state_dict(),
            "average": self.average.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "start": self.start,
        }
        save_atomically(state, self.path)

    def _learn(self, batch: Sample) -> dict[str, float]:
        factor = learning_rate_factor(self.step, self.course.settings.warm_up, self.course.settings.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        self.learner.train()
        for part in self.course.frozen:
            part.eval()
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
            losses = self.course.losses(self.learner, batch)
        self.optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        if torch.isfinite(norm):  # one bad batch must not spoil the weights
            self.optimizer.step()
        self.average.update_parameters(self.network)
        self.step += 1
        return _means(losses)

    @torch.no_grad()
    def _keep(self) -> None:
        """Moves the averaged weights towards what the stage began with (Wortsman et al. 2022), where the recipe says so."""
        for name, value in self.average.module.state_dict().items():
            if name in self.start and value.is_floating_point():
                value.lerp_(self.start[name], self.course.settings.keep)

    def _samples(self, recipe: Recipe, seed: int, subjects: tuple[Subject, ...]) -> Samples:
        return self.course.samples(self.library, recipe, self.course.settings.batch, seed, subjects, self.share)

    def _ready(self, batch: Sample) -> Sample:
        return {name: value.to(self.device) for name, value in as_floats(batch).items()}

    @torch.no_grad()
    def judge(self, recipe: Recipe | None = None, batches: int = JUDGED) -> dict[str, float]:
        """Mean losses of the averaged weights on subjects that were kept out: the same samples each time, by a recipe."""
        samples = self._samples(recipe or self.judged_on, seed=-1, subjects=self.library.validation)
        if not samples.groups:
            return {}
        self.average.eval()
        totals: dict[str, float] = {}
        stream = iter(samples)
        for _ in range(batches):
            with agreed():
                batch = next(stream)
            for name, value in _means(self.course.losses(self.average.module, self._ready(batch))).items():
                totals[name] = totals.get(name, 0.0) + value / batches
        return totals

    def run(self) -> bool:
        """Trains; True when the stage is complete, False when it was asked to stop before."""
        settings = self.course.settings
        samples = self._samples(self.recipe, seed=self.step, subjects=self.library.subjects)
        if not samples.groups:
            kind = "pictures in fine/" if samples.fine_only else "people"
            raise DataError(f"{self.course.name}: the data has no {kind} that the recipe draws from")
        if self.step >= settings.steps and is_there(self.path):
            return True
        # Spawned, not forked: a fork of a process with thread pools (OpenMP's, OpenCV's) may hang.
        loader = DataLoader(
            samples,
            batch_size=None,
            num_workers=self.workers,
            prefetch_factor=8 if self.workers else None,
            multiprocessing_context="spawn" if self.workers else None,
            worker_init_fn=stand_back,
        )
        judge_every = min(JUDGE_EVERY, max(1, settings.steps // 8))
        saved = time.monotonic()
        logs = self.out / "logs" / self.course.name
        with (
            stop_requests() as stop,
            StageProgress(self.course.name, settings.steps, self.step, logs, active=first()) as progress,
        ):
            batches = iter(loader) if self.step < settings.steps else iter(())
            while self.step < settings.steps:
                began = time.monotonic()
                with agreed():
                    if began - saved > SAVE_EVERY:
                        self.save()
                        saved = began
                    batch = following(batches)
                if any_process(bool(stop)):
                    break
                losses = self._learn(self._ready(batch))
                self.seconds += time.monotonic() - began
                progress.learnt(self.step, self.seconds, losses)
                if self.step == settings.steps:
                    self._keep()
                if self.step % judge_every == 0 or self.step == settings.steps:
                    progress.judged(self.step, self.judge())
            with agreed():
                self.save()
        return self.step >= settings.steps
