"""The arithmetic of training: float32, or bfloat16 by autocast."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from train.data.samples import Sample
from train.learning.distributed import mean_over_ranks
from train.learning.tasks import Losses

DTYPES = {"fp32": None, "bf16": torch.bfloat16}
TRIALS = 3  # timed steps of each precision; the first does not count
WORTH = 20  # steps left, below which timing would cost more than it gains


def _without_cudnn(features: Tensor) -> AbstractContextManager[None]:
    return torch.backends.cudnn.flags(enabled=False) if features.is_cuda else nullcontext()


class DepthwiseConvolution(torch.autograd.Function):
    """A convolution of each channel by itself, whose gradients are found in the way that is fast on the device.

    On a CPU, in float32: those of 5x5 kernels and of strides take ten times as long in bfloat16, two thirds of a step of MPN.
    On a GPU, by PyTorch's own kernels: cuDNN's for channels last take seconds for a batch.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, *layout: Any) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.layout = layout  # stride, padding, dilation, groups
        with _without_cudnn(features):
            return torch.conv2d(features, weight, None, *layout)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        features, weight = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.layout
        wanted = [*ctx.needs_input_grad[:2], False]
        layout = (stride, padding, dilation, False, (0, 0), groups)
        tensors = [gradients[0], features, weight]
        if not features.is_cuda:
            tensors = [each.float() for each in tensors]
        with _without_cudnn(features):
            found = torch.ops.aten.convolution_backward(*tensors, None, *layout, wanted)
        return (*(None if g is None else g.to(features.dtype) for g in found[:2]), None, None, None, None)


class _FastDepthwise(TorchFunctionMode):
    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is torch.conv2d and len(args) == 7 and args[2] is None and args[6] > 1:
            features, weight, _, *layout = args
            convolve = DepthwiseConvolution.apply
            return convolve(features.bfloat16(), weight.bfloat16(), *layout)  # type: ignore[no-untyped-call]
        return function(*args, **(kwargs or {}))


@contextmanager
def computing_in(precision: str, device: torch.device) -> Iterator[None]:
    """Networks compute in that precision within the block; weights, statistics and losses stay in float32."""
    dtype = DTYPES[precision]
    with torch.autocast(device.type, dtype, enabled=dtype is not None), nullcontext() if dtype is None else _FastDepthwise():
        yield


def fast_precision(device: torch.device) -> Literal["fp32", "bf16"]:
    """bf16 where the hardware multiplies it natively."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "fp32"


def choose_precision(
    losses: Callable[[nn.Module, Sample], Losses], network: nn.Module, batch: Sample, device: torch.device, steps: int
) -> tuple[Literal["fp32", "bf16"], str]:
    """The precision for `steps` training steps, and the reason for it, in words.

    A CPU that has bf16 may still be faster in fp32: both are timed, forwards and backwards. The network's weights, statistics
    and gradients and the random generators are restored.
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
            for name in DTYPES:
                began = time.perf_counter()
                with computing_in(name, device):
                    loss = losses(network, batch)["loss"]
                loss.backward()  # type: ignore[no-untyped-call]
                seconds[name].append(time.perf_counter() - began)
                network.zero_grad(set_to_none=True)
    network.load_state_dict(before)
    fp32, bf16 = mean_over_ranks(torch.tensor([min(each[1:]) for each in seconds.values()], dtype=torch.float64)).tolist()
    return "bf16" if bf16 < fp32 else "fp32", f"a step takes {fp32:.2g} s in fp32, {bf16:.2g} s in bf16"
