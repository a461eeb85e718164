"""Each baseline is trained by the trainer of the paper's networks: its loss falls, and it goes on where it was stopped."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engines.errors import DataError
from tests.train.conftest import TINY, partly_known
from train.commands import train
from train.data.library import Library
from train.data.samples import Sample
from train.learning.checkpoints import load_checkpoint
from train.learning.feed import Feed
from train.learning.runs import RELEASED, Run, make_task, prepare_task, train_networks
from train.learning.tasks import Task, to_floats
from train.learning.trainer import Trainer
from train.recipe import BASELINES, Recipe, TaskSettings

NEEDS = {"refinement": ("dim",), "dim_joint": ("dim", "refinement"), "shm": ("tnet", "mnet")}


def tiny(steps: int) -> Recipe:
    settings = TaskSettings(steps=steps, batch=4, warm_up=1, learning_rate=3e-3, encoder_learning_rate=1e-3, crop=(64, 48))
    return replace(Recipe(low_resolution=(64, 32), validation=0.0), **dict.fromkeys(BASELINES, settings))


def mean_loss(task: Task, batch: Sample) -> float:
    """The loss on a batch, normalised by its own statistics."""
    torch.manual_seed(1)
    with torch.no_grad():
        return float(task.losses(task.network.train(), batch)["loss"])


@pytest.fixture(scope="module")
def untrained(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the tasks that others need before them, without a step. Read-only."""
    out = tmp_path_factory.mktemp("untrained")
    assert train_networks(["dim", "refinement", "tnet", "mnet"], library, tiny(0), Run(out), workers=0, precision="fp32")
    return out


@pytest.fixture
def out(untrained: Path, tmp_path: Path, name: str) -> Path:
    """A run of what the task `name` needs before it."""
    for earlier in NEEDS.get(name, ()):
        shutil.copy(untrained / f"{earlier}.pt", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", BASELINES)
def test_a_short_training_lowers_the_loss_and_resumes(name: str, library: Library, out: Path) -> None:
    torch.manual_seed(1)
    task = make_task(name, tiny(1), out)
    batch = to_floats(next(iter(task.samples(library, tiny(1), 4, seed=5, crop=(64, 48)))))
    before = mean_loss(task, batch)
    for steps in (3, 9):
        assert train_networks([name], library, tiny(steps), Run(out), workers=0, precision="fp32")
        state = load_checkpoint(out / f"{name}.pt")
        assert (state["stage"], state["step"]) == (name, steps)
    task.network.load_state_dict(state["network"])
    assert mean_loss(task, batch) < 0.97 * before
    for earlier in NEEDS.get(name, ()):
        assert load_checkpoint(out / f"{earlier}.pt")["step"] == 0
    assert list((out / "logs" / name).iterdir())
    with pytest.raises(DataError, match=f"{name}.pt: was made with another recipe"):
        Trainer(task, library, replace(tiny(20), seed=9), out, workers=0, precision="fp32")


@pytest.mark.parametrize("name", ["dim", "shm"])
def test_the_device_renders_crops_of_the_size_that_the_task_asks_for(name: str, library: Library, out: Path) -> None:
    recipe = replace(tiny(1), mrn=TaskSettings(crop=(32, 32)))
    task = make_task(name, recipe, out)
    shapes = []
    for rendering in ("workers", "device"):
        feed = Feed(task, library, recipe, torch.device("cpu"), rendering)  # type: ignore[arg-type]
        batch = feed.batch_of(next(iter(feed.samples(0))))
        assert batch["crop"].shape == (4, 3, 64, 48)
        assert torch.isfinite(task.losses(task.network.train(), batch)["loss"])
        shapes.append({key: value.shape for key, value in batch.items()})
    assert shapes[0] == shapes[1]


def test_deeplab_learns_nothing_where_the_mask_says_nothing() -> None:
    task = make_task("deeplab", tiny(1), Path(), pretrained=False)
    network = task.network.eval()
    image, mask, otherwise, known = partly_known()
    with torch.no_grad():
        one, other, all_known = (
            task.losses(network, {"image": image, "mask": truth, "known": where})
            for truth, where in ((mask, known), (otherwise, known), (otherwise, torch.ones_like(known)))
        )
    for name in ("loss", "mse"):
        assert one[name] == other[name] != all_known[name]


def test_in_validation_trimaps_are_fixed(library: Library, tmp_path: Path) -> None:
    task = make_task("dim", tiny(1), tmp_path)
    batch = to_floats(next(iter(task.samples(library, tiny(1), 4, crop=(64, 48)))))
    seen = []
    for mode in (False, True):
        for number in (0.0, 0.9):
            with torch.no_grad():
                random = torch.full_like(batch["random"], number)
                seen.append(float(task.losses(task.network.train(mode), batch | {"random": random})["loss"]))
    assert seen[0] == seen[1]
    assert seen[2] != seen[3]


@pytest.mark.parametrize(
    ("whole", "parts"),
    [("shm", {"tnet": "tnet", "mnet": "mnet"}), ("dim_joint", {"dim": "matting", "refinement": "refinement"})],
)
def test_what_is_trained_end_to_end_begins_with_the_weights_of_its_parts(
    whole: str, parts: dict[str, str], library: Library, tmp_path: Path
) -> None:
    train_networks([*parts], library, tiny(1), Run(tmp_path), workers=0, precision="fp32")
    state = make_task(whole, tiny(1), tmp_path).network.state_dict()
    for task, part in parts.items():
        for name, value in load_checkpoint(tmp_path / f"{task}.pt")["average"].items():
            assert torch.equal(state[f"{part}.{name}"], value), name


@pytest.mark.parametrize("name", ["deeplab", "dim"])
def test_no_baseline_is_among_the_released_networks(name: str, library: Library, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"{name}: is not among the released networks"):
        prepare_task(name, library, tiny(1), Run(tmp_path, begin_with=RELEASED))
    with pytest.raises(DataError, match="dim: is not among the released networks"):
        prepare_task("refinement", library, tiny(1), Run(tmp_path, on=RELEASED))


@pytest.mark.parametrize(
    ("which", "steps"), [("deeplab", ("deeplab",)), ("dim", train.STEPS["dim"]), ("shm", train.STEPS["shm"])]
)
def test_the_command_trains_all_steps_of_a_baseline(
    which: str,
    steps: tuple[str, ...],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tables = "".join(f"[{name}]\nsteps = 1\nbatch = 2\nwarm_up = 1\ncrop = [32, 32]\n" for name in steps)
    (tmp_path / "tiny.toml").write_text(TINY.format(steps=1) + tables)
    arguments = ["--data", data, "--out", tmp_path / "run", "--recipe", tmp_path / "tiny.toml", "--workers", "0"]
    monkeypatch.setattr(sys, "argv", ["shm-train", which, *map(str, arguments), "--precision", "fp32", "--threads", "1"])
    with pytest.raises(SystemExit) as end:
        train.main()
    assert not end.value.code, capsys.readouterr().err
    assert sorted(path.stem for path in (tmp_path / "run").glob("*.pt")) == sorted(steps)
