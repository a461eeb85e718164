"""The training loop on toy data, a few steps of each task."""

import atexit
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch._utils import ExceptionWrapper
from torch.utils.data import IterableDataset

from engines.errors import DataError
from engines.networks import MPN, MRN, QUN
from tests.train.conftest import TINY, wait_for_step
from train.data.library import Library
from train.data.samples import Sample
from train.learning.checkpoints import load_checkpoint, save_checkpoint
from train.learning.loading import batches_of, next_batch
from train.learning.runs import load_frozen, make_task
from train.learning.tasks import Losses, Task, to_floats
from train.learning.trainer import Trainer, learning_rate_factor
from train.recipe import Recipe, TaskSettings

KINDS: dict[str, type[nn.Module]] = {"mpn": MPN, "qun": QUN, "mrn": MRN}


def trainer(name: str, library: Library, recipe: Recipe, out: Path) -> Trainer:
    return Trainer(make_task(name, recipe, out), library, recipe, out, workers=0)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, library: Library) -> Path:
    """A run of the three tasks, two steps each."""
    out = tmp_path_factory.mktemp("runs") / "tiny"
    for name in KINDS:
        assert trainer(name, library, tiny(2), out).run()
    return out


def tiny(steps: int) -> Recipe:
    settings = TaskSettings(steps=steps, batch=2, warm_up=1, frozen_encoder_stages=1, crop=(32, 48))
    return Recipe(low_resolution=(64, 32), validation=0.0, mpn=settings, qun=settings, mrn=settings)


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run."""
    return shutil.copytree(finished, tmp_path / "run")


def interrupt(task: Task, at: int) -> Task:
    """The same task, with Ctrl-C during a step."""
    calls = 0

    def losses(network: nn.Module, batch: Sample) -> Losses:
        nonlocal calls
        calls += 1
        if calls == at:
            signal.raise_signal(signal.SIGINT)
        return task.losses(network, batch)

    return replace(task, losses=losses)


@pytest.mark.parametrize("name", KINDS)
def test_each_task_leaves_a_checkpoint(name: str, finished: Path) -> None:
    state = load_checkpoint(finished / f"{name}.pt")
    assert (state["stage"], state["step"], state["recipe"]) == (name, 2, tiny(2).as_dict())
    assert state["finished"]
    network = KINDS[name]()
    for weights in (state["network"], state["average"]):
        network.load_state_dict(weights)
        assert all(torch.isfinite(p).all() for p in network.parameters())
    assert any((finished / "logs" / name).iterdir())
    assert not [p for p in finished.iterdir() if p.name.startswith(".")]


def test_a_finished_task_is_left_as_it_is(out: Path, library: Library) -> None:
    before = load_checkpoint(out / "qun.pt")["network"]
    assert trainer("qun", library, tiny(2), out).run()
    after = load_checkpoint(out / "qun.pt")["network"]
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_frozen_layers_keep_weights_and_statistics(finished: Path) -> None:
    fresh = make_task("mpn", tiny(2), finished)
    state = load_checkpoint(finished / "mpn.pt")["network"]
    kept, trained = 0, 0
    for name, value in fresh.network.state_dict().items():
        if name.startswith(("encoder.stem.", "encoder.stages.0.")):
            assert torch.equal(state[name], value), name
            kept += 1
        elif name.startswith("encoder.") and name.endswith((".weight", ".running_mean")):
            trained += not torch.equal(state[name], value)
    assert kept > 10
    assert trained > 50


def test_frozen_statistics_stay_and_weights_are_trained(out: Path, library: Library) -> None:
    recipe = tiny(2)
    settings = replace(recipe.mpn, frozen_statistics=True)
    task = make_task("mpn", replace(recipe, mpn=settings), out)
    with torch.no_grad():  # statistics of no batch
        for name, value in task.network.state_dict().items():
            if name.endswith("running_mean"):
                value.fill_(0.01)
    before = {name: value.clone() for name, value in task.network.state_dict().items()}
    (out / "mpn.pt").unlink()
    assert Trainer(task, library, replace(recipe, mpn=settings), out, workers=0).run()
    after = load_checkpoint(out / "mpn.pt")["network"]
    assert all(torch.equal(after[name], value) for name, value in before.items() if "running" in name)
    trained = [name for name, value in before.items() if name.endswith(".weight") and not torch.equal(after[name], value)]
    assert len(trained) > 50


def test_stops_after_the_step_and_goes_on(out: Path, library: Library, capfd: pytest.CaptureFixture[str]) -> None:
    recipe = replace(tiny(3), seed=2)
    (out / "qun.pt").unlink()
    qun = make_task("qun", recipe, out)
    first = Trainer(interrupt(qun, at=2), library, recipe, out, workers=0)
    assert not first.run()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    stopped = load_checkpoint(out / "qun.pt")
    assert (stopped["step"], stopped["finished"]) == (2, False)

    second = trainer("qun", library, recipe, out)
    assert second.step == 2
    assert int(second.average.n_averaged) == 2
    for name, value in second.network.state_dict().items():
        assert torch.equal(value, stopped["network"][name])
    for name, value in second.average.module.state_dict().items():
        assert torch.equal(value, stopped["average"][name])
    moments = second.optimizer.state_dict()["state"][0]["exp_avg"]
    assert torch.equal(moments, stopped["optimizer"]["state"][0]["exp_avg"])
    assert "goes on" not in capfd.readouterr().err
    assert second.run()
    assert "qun: goes on from step 2 of 3\n" in capfd.readouterr().err
    done = load_checkpoint(out / "qun.pt")
    assert done["step"] == 3
    assert done["seconds"] > stopped["seconds"]
    assert any(not torch.equal(done["network"][name], value) for name, value in stopped["network"].items())


def test_the_average_is_exponential(library: Library, recipe: Recipe, out: Path) -> None:
    decay = recipe.qun.average
    (out / "qun.pt").unlink()
    one = Trainer(make_task("qun", recipe, out), library, recipe, out, workers=0, precision="fp32")
    batch = to_floats(next(iter(one.task.samples(library, recipe, 2))))
    one._train_step(batch)
    first = {name: value.clone() for name, value in one.network.named_parameters()}
    assert all(torch.equal(value, first[name]) for name, value in one.average.module.named_parameters())
    one._train_step(batch)
    for name, value in one.average.module.named_parameters():
        expected = decay * first[name] + (1 - decay) * dict(one.network.named_parameters())[name]
        assert torch.allclose(value, expected, atol=1e-6), name


def test_a_share_of_the_initial_weights_is_kept(library: Library, out: Path) -> None:
    (out / "qun.pt").unlink()
    averages = []
    for keep in (0.0, 0.25):
        recipe = replace(tiny(3), qun=replace(tiny(3).qun, keep=keep))
        run = shutil.copytree(out, out.with_name(f"keep-{keep}"))
        torch.manual_seed(3)
        task = make_task("qun", recipe, run)
        start = {name: value.clone() for name, value in task.network.state_dict().items()}
        assert not Trainer(interrupt(task, at=2), library, recipe, run, workers=0).run()
        assert trainer("qun", library, recipe, run).run()  # the initial weights are in the checkpoint
        averages.append(load_checkpoint(run / "qun.pt")["average"])
    for name, value in averages[0].items():
        if value.is_floating_point():
            torch.testing.assert_close(averages[1][name], torch.lerp(value, start[name], 0.25))


def test_another_recipe_is_refused(out: Path, library: Library) -> None:
    with pytest.raises(DataError, match=r"qun\.pt: was made with another recipe"):
        trainer("qun", library, replace(tiny(2), seed=9), out)


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", None])
def test_a_damaged_checkpoint_is_refused(out: Path, library: Library, damage: bytes | None) -> None:
    path = out / "mrn.pt"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if damage is None else damage)
    with pytest.raises(DataError, match=r"mrn\.pt: not a readable checkpoint") as caught:
        trainer("mrn", library, tiny(2), out)
    assert "\n" not in str(caught.value)


def test_what_is_not_a_checkpoint_of_this_task_is_refused(out: Path, library: Library) -> None:
    shutil.copy(out / "qun.pt", out / "mrn.pt")
    with pytest.raises(DataError, match=r"mrn\.pt: is a checkpoint of qun"):
        trainer("mrn", library, tiny(2), out)
    torch.save({"weights": torch.zeros(3)}, out / "mrn.pt")
    with pytest.raises(DataError, match=r"mrn\.pt: not a checkpoint of shm-train"):
        trainer("mrn", library, tiny(2), out)
    shutil.copy(out / "qun.pt", out / "mpn.pt")
    with pytest.raises(DataError, match=r"mpn\.pt: holds the weights of another network"):
        trainer("qun", library, tiny(2), out)


@pytest.fixture(scope="module")
def qun(finished: Path) -> tuple[Task, dict[str, Any]]:
    """The task QUN, behind the finished run, and the run's checkpoint of it. The task's weights are nobody's."""
    return make_task("qun", tiny(2), finished), load_checkpoint(finished / "qun.pt")


@pytest.mark.parametrize("part", ["network", "average", "recipe", "optimizer", "step"])
@pytest.mark.parametrize("junk", [[1, 2], {"a": "b"}, "text", None])
def test_a_checkpoint_with_junk_in_it_is_refused(
    qun: tuple[Task, dict[str, Any]], tmp_path: Path, library: Library, part: str, junk: object
) -> None:
    task, state = qun
    save_checkpoint(state | {part: junk}, tmp_path / "qun.pt")
    with pytest.raises(DataError, match=r"qun\.pt: .*; (delete it|give another folder)") as caught:
        Trainer(task, library, tiny(2), tmp_path, workers=0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("weights", [[1, 2], None, {1: 2}])
def test_weights_that_are_no_table_are_refused(finished: Path, out: Path, weights: object) -> None:
    save_checkpoint(load_checkpoint(finished / "mpn.pt") | {"average": weights}, out / "mpn.pt")
    with pytest.raises(DataError, match=r"mpn\.pt: holds the weights of another network"):
        load_frozen(MPN, out / "mpn.pt")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX pipes")
def test_a_pipe_is_no_checkpoint(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mpn.pt")
    with pytest.raises(DataError, match=r"mpn\.pt: is no plain file"):
        load_frozen(MPN, tmp_path / "mpn.pt")


def test_a_task_needs_the_ones_before(tmp_path: Path, library: Library) -> None:
    with pytest.raises(DataError, match=r"mpn\.pt: no such checkpoint; train MPN first"):
        trainer("qun", library, tiny(2), tmp_path)


def test_a_recipe_may_leave_qun_out(out: Path) -> None:
    (out / "qun.pt").unlink()
    with pytest.raises(DataError, match=r"qun\.pt: no such checkpoint"):
        make_task("mrn", tiny(2), out)
    settings = tiny(2)
    assert len(make_task("mrn", replace(settings, mrn=replace(settings.mrn, unified=False)), out).earlier) == 1


def test_earlier_networks_are_frozen(finished: Path) -> None:
    network = load_frozen(MPN, finished / "mpn.pt")
    average = load_checkpoint(finished / "mpn.pt")["average"]
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    assert all(torch.equal(value, average[name]) for name, value in network.state_dict().items())


def test_validation_repeats_and_changes_nothing(out: Path, library: Library) -> None:
    library = replace(library, validation=library.subjects)
    for name in ("qun", "mrn"):
        one = trainer(name, library, tiny(2), out)
        before = [p.clone() for p in one.network.parameters()]
        losses = one.validate()
        assert losses == one.validate()
        assert all(math.isfinite(value) for value in losses.values())
        assert all(map(torch.equal, before, one.network.parameters()))


def test_without_subjects_for_validation_or_training(out: Path, library: Library) -> None:
    coarse = tuple(s for s in library.subjects if not s.fine)
    assert trainer("qun", library, tiny(2), out).validate() == {}
    assert trainer("qun", replace(library, validation=coarse), tiny(2), out).validate() == {}
    with pytest.raises(DataError, match="qun: the data has no pictures in fine/"):
        trainer("qun", replace(library, subjects=coarse), tiny(2), out).run()


def test_learning_rate_by_hand() -> None:
    assert [learning_rate_factor(step, 4, 104) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert learning_rate_factor(4, 4, 104) == pytest.approx(1.0)
    assert learning_rate_factor(54, 4, 104) == pytest.approx(0.505)
    assert learning_rate_factor(104, 4, 104) == pytest.approx(0.01)
    assert learning_rate_factor(0, 0, 1) == pytest.approx(1.0)


def test_an_error_of_a_worker_is_one_line() -> None:
    def batches() -> Iterator[Sample]:
        try:
            raise DataError("a.png: cannot be read as a picture; remove it or replace it")
        except DataError:
            ExceptionWrapper(where="in DataLoader worker process 0").reraise()  # type: ignore[no-untyped-call]
        yield {}

    with pytest.raises(DataError) as caught:
        next_batch(batches())
    assert str(caught.value) == "a.png: cannot be read as a picture; remove it or replace it"


class AbortingAtExit(IterableDataset[Sample]):
    """Samples of a process that aborts as it ends. Its pipes stay open longer: its end is noticed by the signal alone."""

    def __iter__(self) -> Iterator[Sample]:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(2)"], close_fds=False)
        atexit.register(os.abort)
        return iter([{"mask": torch.zeros(1)}])


def test_a_worker_that_aborts_as_it_ends_does_no_harm() -> None:
    with batches_of(AbortingAtExit(), 1) as batches:  # type: ignore[arg-type]
        assert next(batches)["mask"].shape == (1,)
        (worker,) = batches._workers  # type: ignore[attr-defined]
    assert worker.exitcode == -signal.SIGABRT


def test_ctrl_c_stops_the_command_with_a_checkpoint(data: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY.format(steps=10**6))
    saves_each_step = (
        "import train.learning.trainer; train.learning.trainer.SAVE_EVERY = 0; from train.commands.train import main; main()"
    )
    arguments = ["mpn", "--data", data, "--out", tmp_path / "run", "--recipe", tmp_path / "tiny.toml"]
    process = subprocess.Popen(
        [sys.executable, "-c", saves_each_step, *map(str, arguments), "--workers", "0", "--threads", "1"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for_step(tmp_path / "run/mpn.pt", lambda: process.poll() is None)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, errors
    assert "the same command resumes" in errors
    assert errors.count("stopped") == 1
    assert "Traceback" not in errors
    assert load_checkpoint(tmp_path / "run/mpn.pt")["step"] >= 1
    assert {p.name for p in (tmp_path / "run").iterdir()} == {".lock", "mpn.pt", "logs"}
