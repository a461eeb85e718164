"""The training loop: mixed precision, moving average of the weights, checkpoints at any moment."""

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from engines.errors import DataError
from train.data.library import Library
from train.data.origin import changed, note_of_change, origin_of
from train.data.samples import Sample, Samples
from train.learning.checkpoints import checkpoint_exists, load_checkpoint, load_weights, save_checkpoint
from train.learning.distributed import (
    any_process,
    data_parallel,
    device,
    is_rank0,
    mean_over_ranks,
    raise_on_all_ranks,
    shard,
    synchronise_batch_norm,
)
from train.learning.feed import Feed, Rendering
from train.learning.loading import batches_of, next_batch
from train.learning.precision import choose_precision, computing_in, fast_precision
from train.learning.progress import TaskProgress, report
from train.learning.tasks import Losses, Task
from train.recipe import ALL_TASKS, Recipe, with_defaults

SAVE_EVERY = 120.0  # seconds
VALIDATE_EVERY = 500  # steps
VALIDATION_BATCHES = 8


def learning_rate_factor(step: int, warm_up: int, steps: int) -> float:
    """Linear warm-up, then half a cosine down to a hundredth."""
    if step < warm_up:
        return (step + 1) / warm_up
    done = min(1.0, (step - warm_up) / max(1, steps - warm_up))
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """Collect Ctrl-C and SIGTERM, so that the current step completes and a checkpoint is written."""
    caught: list[int] = []
    before = {s: signal.signal(s, lambda number, _: caught.append(number)) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _relevant(recipe: dict[str, Any], task: str) -> dict[str, Any]:
    """The settings that a task's result depends on: not those of other tasks, nor how many steps it is to take."""
    shared = {key: value for key, value in recipe.items() if key not in ALL_TASKS}
    return shared | {key: value for key, value in recipe[task].items() if key != "steps"}


def _means(losses: Losses) -> dict[str, float]:
    values = torch.stack([value.detach() for value in losses.values()])
    return dict(zip(losses, mean_over_ranks(values).tolist(), strict=True))


class Trainer:
    """Train one task to its end, or resume from `out/NAME.pt`. `precision`: auto, fp32 or bf16.

    auto is bf16 on GPUs that support it; on a CPU with bf16, the faster of both as timed before the first step. `rendering`:
    see `Feed`. `minutes`: end by the clock instead of after the recipe's steps, with the learning rate's schedule fitted to it.
    """

    def __init__(
        self,
        task: Task,
        library: Library,
        recipe: Recipe,
        out: Path,
        workers: int = 1,
        precision: str = "auto",
        rendering: Rendering = "auto",
        minutes: float | None = None,
    ) -> None:
        self.task, self.library, self.recipe, self.out, self.workers = task, library, recipe, out, workers
        self.device = device()
        self.feed = Feed(task, library, recipe, self.device, rendering, shard(task.settings.batch, f"[{task.name}]"))
        self.limit = math.inf if minutes is None else 60 * minutes  # seconds
        self.precision = precision
        self.network = synchronise_batch_norm(
            task.network.to(self.device, memory_format=torch.channels_last),  # type: ignore[call-overload]
            self.device,
        )
        for part in task.frozen:
            part.requires_grad_(False)
        for network in task.earlier:
            network.to(self.device)
        self.parallel_network = data_parallel(self.network)
        averaging = get_ema_multi_avg_fn(task.settings.average)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.network, multi_avg_fn=averaging, use_buffers=True)
        self.optimizer = self._optimizer()
        self.step = 0
        self.seconds = 0.0
        # Only a task that keeps a share of its initial weights has to store them.
        self.start = {k: v.clone() for k, v in self.network.state_dict().items()} if task.settings.keep else {}
        self.path = out / f"{task.name}.pt"
        self.origin = origin_of(library, fine_only=task.samples.fine_only)
        self.change: str | None = None  # of the data, since the checkpoint
        if checkpoint_exists(self.path):
            self._resume(load_checkpoint(self.path))

    def _optimizer(self) -> torch.optim.Optimizer:
        settings = self.task.settings
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in self.network.named_parameters():
            if parameter.requires_grad:
                rate = settings.encoder_learning_rate if "encoder" in name.split(".") else settings.learning_rate
                groups.setdefault(rate, []).append(parameter)
        return torch.optim.AdamW(
            [{"params": p, "lr": r, "peak": r} for r, p in groups.items()],
            weight_decay=settings.weight_decay,
            fused=True,
        )

    def _resume(self, state: dict[str, Any]) -> None:
        if state["stage"] != self.task.name:
            raise DataError(f"{self.path}: is a checkpoint of {state['stage']}; delete it to start anew")
        try:
            self._take_over(state)
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise DataError(f"{self.path}: is damaged ({type(error).__name__}); delete it to start anew") from error

    def _take_over(self, state: dict[str, Any]) -> None:
        before, now = (_relevant(each, self.task.name) for each in (with_defaults(state["recipe"]), self.recipe.as_dict()))
        if others := [name for name in {**now, **before} if before.get(name) != now.get(name)]:
            remedy = "give another folder, or that recipe, or delete it to start anew"
            raise DataError(f"{self.path}: was made with another recipe, by its {', '.join(others)}; {remedy}")
        load_weights(self.network, state["network"], self.path)
        load_weights(self.average.module, state["average"], self.path)
        self.average.n_averaged.fill_(state["step"])
        self.optimizer.load_state_dict(state["optimizer"])
        for group in self.optimizer.param_groups:
            group["fused"] = True  # whatever the checkpoint's had
        self.step, self.seconds = state["step"], state["seconds"]
        self.start = {name: value.to(self.device) for name, value in state.get("start", {}).items()}
        self.change = changed(state.get("data"), self.origin) if self.step else None
        if self.precision == "auto" and self.step:
            self.precision = state.get("precision", fast_precision(self.device))

    def save(self) -> None:
        """Write the checkpoint, on rank 0."""
        if not is_rank0():
            return
        state = {
            "stage": self.task.name,
            "step": self.step,
            "seconds": self.seconds,
            "finished": self.step >= self.steps,
            "recipe": self.recipe.as_dict(),
            "data": self.origin,
            "network": self.network.state_dict(),
            "average": self.average.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "start": self.start,
            "precision": self.precision,
        }
        save_checkpoint(state, self.path)

    def _train_mode(self) -> None:
        self.parallel_network.train()
        for part in self.task.frozen:
            part.eval()
        if self.task.settings.frozen_statistics:
            for module in self.parallel_network.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()

    def _train_step(self, batch: Sample) -> Losses:
        """One step, of which nothing is waited for: a GPU may still be at work on it."""
        factor = learning_rate_factor(self.step, self.task.settings.warm_up, self.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        self._train_mode()
        with computing_in(self.precision, self.device):
            losses = self.task.losses(self.parallel_network, batch)
        self.optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        if norm.is_cuda:  # one bad batch must not spoil the weights; a fused optimiser sees to it, and nobody waits for the GPU
            self.optimizer.found_inf = (~torch.isfinite(norm)).float()  # type: ignore[attr-defined]
            self.optimizer.step()
        elif torch.isfinite(norm):
            self.optimizer.step()
        self.average.update_parameters(self.network)
        self.step += 1
        return losses

    @torch.no_grad()
    def _blend_with_start(self) -> None:
        """Move the averaged weights towards the initial ones (Wortsman et al. 2022) by the recipe's `keep`."""
        for name, value in self.average.module.state_dict().items():
            if name in self.start and value.is_floating_point():
                value.lerp_(self.start[name], self.task.settings.keep)

    @property
    def steps(self) -> int:
        """How many steps the task has: the recipe's, or as many as fit into its minutes at the rate so far."""
        if self.limit == math.inf or not self.seconds:
            return self.task.settings.steps
        return self.step if self.seconds >= self.limit else max(self.step + 1, round(self.step * self.limit / self.seconds))

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Mean losses of the averaged weights on held-out pictures; the same samples each time."""
        samples = self.feed.samples(seed=-1, held_out=True)
        if not samples.groups:
            return {}
        self.average.eval()
        totals: dict[str, float] = {}
        stream = iter(samples)
        for _ in range(VALIDATION_BATCHES):
            with raise_on_all_ranks():
                batch = next(stream)
            for name, value in _means(self.task.losses(self.average.module, self.feed.batch_of(batch))).items():
                totals[name] = totals.get(name, 0.0) + value / VALIDATION_BATCHES
        return totals

    def _settle_precision(self, batch: Sample, progress: TaskProgress) -> None:
        """Replace precision auto by the faster one. Leaves the weights and the random numbers as they are."""
        self._train_mode()
        left = self.steps - self.step
        self.precision, reason = choose_precision(self.task.losses, self.network, batch, self.device, left)
        progress.note(f"computes in {self.precision} ({reason})")

    def run(self) -> bool:
        """Train; True if the task is complete, False if it was stopped before."""
        samples = self.feed.samples(seed=self.step)
        if not samples.groups:
            kind = "pictures in fine/" if samples.fine_only else "people"
            raise DataError(f"{self.task.name}: the data has no {kind} that the recipe draws from; add some")
        finished = self.step >= self.steps and checkpoint_exists(self.path)
        if self.change:
            report(note_of_change(self.task.name, self.change, finished=finished))
        if finished:
            return True
        logs = self.out / "logs" / self.task.name
        with (
            stop_requests() as stop,
            TaskProgress(self.task.name, self.steps, self.step, logs, active=is_rank0()) as progress,
        ):
            if self.step < self.steps:
                self._train(samples, stop, progress)
            with raise_on_all_ranks():
                self.save()
        return self.step >= self.steps

    def _train(self, samples: Samples, stop: list[int], progress: TaskProgress) -> None:
        """Take steps until the last one, or until a request to stop."""
        validate_every = min(VALIDATE_EVERY, max(1, self.steps // 8))
        saved, waited, before = time.monotonic(), 0.0, (self.step, self.seconds)
        people = sum(map(len, samples.groups.values()))
        held_out = sum(subject.fine or not samples.fine_only for subject in self.library.validation)
        progress.note(f"pictures of people: {people}, and {held_out} held out; of nobody: {len(self.library.backgrounds)}")
        if self.step:
            progress.note(f"goes on from step {self.step} of {self.steps}")
        starting = f"starting {self.workers} worker{'s' * (self.workers > 1)}, " if self.workers else ""
        progress.note(f"{starting}reading pictures for the first batch")
        with batches_of(samples, self.workers) as batches:

            def ready() -> Sample:
                nonlocal saved, waited
                began = time.monotonic()
                with raise_on_all_ranks():
                    # The last step's weights are complete only when they are blended: `run` saves them.
                    if began - saved > SAVE_EVERY and self.step < self.steps:
                        self.save()
                        saved = began
                    batch = next_batch(batches)
                waited += time.monotonic() - began
                return self.feed.batch_of(batch)

            began = time.monotonic()
            batch = ready()
            if self.precision == "auto":
                self._settle_precision(batch, progress)
                began, waited = time.monotonic(), 0.0
            while self.step < self.steps and not any_process(bool(stop)):
                losses = self._train_step(batch)
                batch = ready()  # drawn and rendered while a GPU takes the step
                means = _means(losses)
                self.seconds += time.monotonic() - began
                began = time.monotonic()
                progress.trained(self.step, self.steps, self.seconds, means)
                if self.step == self.steps:
                    self._blend_with_start()
                if self.step % validate_every == 0 or self.step == self.steps:
                    progress.validated(self.step, self.validate())
                    began = time.monotonic()
        steps, seconds = self.step - before[0], self.seconds - before[1]
        if steps:
            rate = steps * self.task.settings.batch / seconds
            progress.note(f"{rate:.0f} samples a second; {waited / seconds:.0%} of the time was spent waiting for them")
