"""Training with samples rendered on the device, and training by the clock."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from train.data.library import Library
from train.learning.checkpoints import load_checkpoint
from train.learning.feed import Feed, Rendering
from train.learning.runs import Run, make_task, train_networks
from train.learning.tasks import at_second_resolution
from train.learning.trainer import Trainer
from train.recipe import TASK_NAMES, Recipe
from train.rendering.samples import Studio, open_studio

CPU = torch.device("cpu")


def test_all_networks_train_on_what_the_device_renders(library: Library, recipe: Recipe, tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert train_networks(TASK_NAMES, library, recipe, run, workers=0, precision="fp32", rendering="device")
    for name in TASK_NAMES:
        state = load_checkpoint(tmp_path / f"{name}.pt")
        assert state["step"] == 3
        assert all(torch.isfinite(value).all() for value in state["average"].values())


@pytest.mark.parametrize("name", TASK_NAMES)
def test_the_device_renders_the_batches_of_the_workers(library: Library, recipe: Recipe, tmp_path: Path, name: str) -> None:
    untrained = replace(recipe, **{each: replace(getattr(recipe, each), steps=0) for each in TASK_NAMES})
    train_networks(TASK_NAMES[: TASK_NAMES.index(name)], library, untrained, Run(tmp_path), workers=0, precision="fp32")
    task = make_task(name, recipe, tmp_path)
    batches = []
    for rendering in ("workers", "device"):
        feed = Feed(task, library, recipe, CPU, rendering)  # type: ignore[arg-type]
        batches.append(feed.batch_of(next(iter(feed.samples(0)))))
    theirs, ours = batches
    assert {key: (value.shape, value.dtype) for key, value in ours.items()} == {
        key: (value.shape, value.dtype) for key, value in theirs.items()
    }
    assert (ours["mask"] - theirs["mask"]).abs().mean() < 0.01
    assert all(value.min() >= 0 and value.max() <= 1 + 1e-6 for value in ours.values())


def test_workers_place_pictures_that_they_never_read(library: Library, recipe: Recipe, tmp_path: Path) -> None:
    """The measures travel with the samples: a worker has no need of the pictures."""
    assert train_networks(["mpn"], library, recipe, Run(tmp_path), workers=1, precision="fp32", rendering="device")
    assert load_checkpoint(tmp_path / "mpn.pt")["step"] == 3


def test_the_device_has_pictures_as_large_as_mpn_sees(
    library: Library, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides: list[int] = []

    def note_side(library: Library, device: torch.device, side: int, *, fine_only: bool) -> Studio:
        sides.append(side)
        return open_studio(library, device, side, fine_only=fine_only)

    monkeypatch.setattr("train.learning.feed.open_studio", note_side)
    for low, seen, second in [
        ((64, 32), (0, 0), (96, 64)),
        ((512, 384), (640, 480), (512, 384)),
        ((512, 384), (0, 0), (640, 480)),
    ]:
        large = replace(recipe, low_resolution=low, mpn_resolution=seen, second_resolution=second)
        Feed(make_task("mpn", large, tmp_path), library, large, CPU, "device").samples(0)
    assert sides == [512, 640, 640]


def test_a_task_ends_by_the_clock(library: Library, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10**6))
    monkeypatch.setattr("train.learning.trainer.time.monotonic", lambda: float(next(clock)))
    endless = replace(recipe, mpn=replace(recipe.mpn, steps=10**6))
    task = make_task("mpn", endless, tmp_path)
    rates: list[float] = []
    trainer = Trainer(task, library, endless, tmp_path, workers=0, precision="fp32", minutes=1.0)
    inner = trainer.optimizer.step

    def step(*args: object, **settings: object) -> object:
        rates.append(trainer.optimizer.param_groups[0]["lr"])
        return inner(*args, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(trainer.optimizer, "step", step)
    assert trainer.run()
    state = load_checkpoint(tmp_path / "mpn.pt")
    assert state["seconds"] >= 60  # of the clock above
    assert 10 < state["step"] < 60
    assert rates[-1] < 0.1 * max(rates)  # the schedule came to its end
    assert Trainer(task, library, endless, tmp_path, workers=0, precision="fp32", minutes=1.0).run()  # nothing is left to do
    assert load_checkpoint(tmp_path / "mpn.pt")["step"] == state["step"]


def test_mpn_sees_half_of_its_batches_at_the_second_resolution(library: Library, recipe: Recipe, tmp_path: Path) -> None:
    two = replace(recipe, second_resolution=(96, 64))
    task = make_task("mpn", two, tmp_path)
    seen: list[tuple[int, ...]] = []
    task.network.register_forward_hook(lambda _module, inputs, _output: seen.append(tuple(inputs[0].shape[-2:])))
    feed = Feed(task, library, two, CPU)
    batches = iter(feed.samples(0))
    for _ in range(12):
        task.losses(task.network.train(), feed.batch_of(next(batches)))
    assert {tuple(sorted(size)) for size in seen} == {(32, 64), (64, 96)}
    seen.clear()
    task.losses(task.network.eval(), feed.batch_of(next(batches)))  # validation is at the first one
    assert {tuple(sorted(size)) for size in seen} == {(32, 64)}
    assert at_second_resolution(torch.zeros(1, 3, 32, 64), two).shape == (1, 3, 64, 96)


@pytest.mark.parametrize("rendering", ["workers", "device"])
def test_each_process_sees_a_batch_at_the_same_resolution(
    library: Library, recipe: Recipe, tmp_path: Path, rendering: Rendering
) -> None:
    two = replace(recipe, second_resolution=(96, 64))
    task = make_task("mpn", two, tmp_path)
    seen: list[tuple[int, ...]] = []
    task.network.register_forward_hook(lambda _module, inputs, _output: seen.append(tuple(inputs[0].shape[-2:])))
    for shard in (slice(0, 2), slice(0, 1), slice(1, 2)):  # alone; as either of two
        feed = Feed(task, library, two, CPU, rendering, shard)
        batches = iter(feed.samples(0))
        for _ in range(8):
            task.losses(task.network.train(), feed.batch_of(next(batches)))
    assert seen[:8] == seen[8:16] == seen[16:]
    assert len(set(map(max, seen))) == 2
