"""The arithmetic of training: float32, or bfloat16 by autocast."""

import time
from collections.abc import Callable
from typing import Literal

import torch
from torch import nn

from train.data.samples import Sample
from train.learning.distributed import mean_over_ranks
from train.learning.tasks import Losses

DTYPES = {"fp32": None, "bf16": torch.bfloat16}
TRIALS = 3  # timed steps of each precision; the first does not count
WORTH = 20  # steps left, below which timing would cost more than it gains


def fast_precision(device: torch.device) -> Literal["fp32", "bf16"]:
    """bf16 where the hardware multiplies it natively."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "fp32"


def choose_precision(
    losses: Callable[[nn.Module, Sample], Losses], network: nn.Module, batch: Sample, device: torch.device, steps: int
) -> tuple[Literal["fp32", "bf16"], str]:
    """The precision for `steps` training steps, and the reason for it, in words.

    A CPU that has bf16 may still be faster in fp32, with depthwise convolutions above all: both are timed, forwards and
    backwards. The network's weights, statistics and gradients and the random generators are restored.
    """
    if fast_precision(device) == "fp32":
        return "fp32", f"this {device.type.upper()} has no bf16"
    if device.type != "cpu":
        return "bf16", "this GPU has it"
    if steps < WORTH:
        return "fp32", "too few steps to time bf16"
    before = {name: value.clone() for name, value in network.state_dict().items()}
    seconds: dict[str, list[float]] = {name: [] for name in DTYPES}
    with torch.random.fork_rng(devices=[]):
        for _ in range(TRIALS):
            for name, dtype in DTYPES.items():
                began = time.perf_counter()
                with torch.autocast(device.type, dtype, enabled=dtype is not None):
                    loss = losses(network, batch)["loss"]
                loss.backward()  # type: ignore[no-untyped-call]
                seconds[name].append(time.perf_counter() - began)
                network.zero_grad(set_to_none=True)
    network.load_state_dict(before)
    times = mean_over_ranks(torch.tensor([min(each[1:]) for each in seconds.values()], dtype=torch.float64)).tolist()
    fp32, bf16 = times
    return "bf16" if bf16 < fp32 else "fp32", f"a step takes {fp32:.2g} s in fp32, {bf16:.2g} s in bf16"
