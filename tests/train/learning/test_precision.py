"""Precision auto: the faster one is taken, and timing leaves no trace."""

import time
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.train.learning.test_trainer import tiny
from train.data.library import Library
from train.data.samples import Sample
from train.learning import precision
from train.learning.checkpoints import load_checkpoint, save_checkpoint
from train.learning.precision import choose_precision, computing_in
from train.learning.runs import make_task
from train.learning.tasks import Losses
from train.learning.trainer import Trainer

CPU = torch.device("cpu")


class Clock:
    """A clock on which a pass takes so many seconds by its autocast."""

    def __init__(self, fp32: float, bf16: float) -> None:
        self.now = 0.0
        self.seconds = {False: fp32, True: bf16}

    def __call__(self) -> float:
        return self.now

    def losses(self, network: nn.Module, batch: Sample) -> Losses:
        self.now += self.seconds[torch.is_autocast_enabled("cpu")]
        return {"loss": nn.functional.dropout(network(batch["image"]), 0.5).float().square().mean()}


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


@pytest.fixture(autouse=True)
def _with_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "fast_precision", lambda _: "bf16")


@pytest.mark.parametrize(("fp32", "bf16", "chosen"), [(2.0, 3.0, "fp32"), (2.0, 1.5, "bf16")])
def test_the_faster_one_is_taken_and_nothing_changes(
    monkeypatch: pytest.MonkeyPatch, network: nn.Module, fp32: float, bf16: float, chosen: str
) -> None:
    clock = Clock(fp32, bf16)
    monkeypatch.setattr(time, "perf_counter", clock)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    name, reason = choose_precision(clock.losses, network, {"image": torch.rand(2, 3, 8, 8)}, CPU, 1000)
    assert name == chosen
    assert reason == f"a step takes {fp32:.2g} s in fp32, {bf16:.2g} s in bf16"
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_random_numbers_are_restored(network: nn.Module) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    choose_precision(Clock(1, 1).losses, network, {"image": torch.ones(2, 3, 8, 8)}, CPU, 1000)
    assert torch.equal(torch.rand(3), expected)


def test_few_steps_are_not_worth_timing(network: nn.Module) -> None:
    clock = Clock(1, 1)
    assert choose_precision(clock.losses, network, {}, CPU, 5) == ("fp32", "too few steps to time bf16")
    assert clock.now == 0


@pytest.fixture
def finished(tmp_path: Path, library: Library) -> Path:
    assert Trainer(make_task("mpn", tiny(1), tmp_path), library, tiny(1), tmp_path, 0, "bf16").run()
    return tmp_path / "mpn.pt"


def test_a_resumed_run_keeps_its_precision(finished: Path, library: Library) -> None:
    state = load_checkpoint(finished)
    assert state["precision"] == "bf16"
    for given, kept in (("auto", "bf16"), ("fp32", "fp32")):
        assert (
            Trainer(make_task("mpn", tiny(2), finished.parent), library, tiny(2), finished.parent, 0, given).precision == kept
        )


def test_a_checkpoint_from_before_precision_was_stored_resumes(finished: Path, library: Library) -> None:
    state = load_checkpoint(finished)
    del state["precision"]
    for group in state["optimizer"]["param_groups"]:
        group["fused"] = None  # as AdamW had it then
    save_checkpoint(state, finished)
    trainer = Trainer(make_task("mpn", tiny(2), finished.parent), library, tiny(2), finished.parent, 0)
    assert trainer.precision in ("fp32", "bf16")
    assert trainer.run()
    assert load_checkpoint(finished)["step"] == 2


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_bf16_differs_from_fp32_by_rounding_only(kernel: int, stride: int) -> None:
    torch.manual_seed(kernel + stride)
    depthwise = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, kernel, stride, kernel // 2, groups=8, bias=False))
    image = torch.rand(2, 3, 16, 12).contiguous(memory_format=torch.channels_last)
    gradients = {}
    for name in ("fp32", "bf16"):
        depthwise.zero_grad()
        with computing_in(name, CPU):
            output = depthwise(image)
        assert output.dtype == (torch.bfloat16 if name == "bf16" else torch.float32)
        output.float().square().mean().backward()
        gradients[name] = [p.grad.clone() for p in depthwise.parameters() if p.grad is not None]
    assert len(gradients["bf16"]) == 3
    for exact, rounded in zip(gradients["fp32"], gradients["bf16"], strict=True):
        assert rounded.dtype == torch.float32
        assert (rounded - exact).abs().max() <= 0.02 * exact.abs().max()


def test_gradients_of_depthwise_convolutions_are_computed_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[torch.dtype] = []
    plain = torch.ops.aten.convolution_backward

    def backward(gradient: torch.Tensor, *rest: object) -> object:
        computed.append(gradient.dtype)
        return plain(gradient, *rest)

    monkeypatch.setattr(torch.ops.aten, "convolution_backward", backward)
    with computing_in("bf16", CPU):
        nn.Conv2d(8, 8, 3, groups=8, bias=False)(torch.rand(1, 8, 8, 8)).sum().backward()
    assert computed == [torch.float32]
