"""Data-parallel training on several processes or machines, as torchrun starts them.

Every process draws the batches of the recipe and computes its shard of each; gradients, batch-norm statistics and logged losses
are means over all ranks. The result therefore depends on the recipe alone, not on the number of processes. With a single
process, everything here is a no-op.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from engines.errors import DataError, MattingError

Value = TypeVar("Value")


def world_size() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_rank0() -> bool:
    """Whether this process writes the checkpoints and logs and reports progress."""
    return not dist.is_initialized() or dist.get_rank() == 0


def device() -> torch.device:
    """The device of this process. Raises DataError if its machine has fewer GPUs than processes."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    index, count = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
    if index >= count:
        raise DataError(f"every process needs a GPU of its own, and this machine has {count}; start at most {count} processes")
    return torch.device("cuda", index)


@contextmanager
def process_group() -> Iterator[None]:
    """Join the process group of torchrun; without torchrun, do nothing. Raises DataError if another process dies."""
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield
        return
    try:
        # CPU tensors always go through gloo, so that exchanging flags never synchronises a GPU.
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        yield
    except RuntimeError as error:
        if isinstance(error, dist.DistError) or "gloo" in str(error).lower():
            raise DataError("another process of the run died; the same command resumes from the last checkpoint") from error
        raise
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def max_over_ranks(values: Tensor) -> Tensor:
    """The largest of each value of a tensor over all ranks."""
    if world_size() == 1:
        return values
    largest = values.clone()
    dist.all_reduce(largest, dist.ReduceOp.MAX)
    return largest


def any_process(flag: bool) -> bool:
    """Whether the flag is set in any process."""
    return bool(max_over_ranks(torch.tensor(int(flag))))


@contextmanager
def raise_on_all_ranks() -> Iterator[None]:
    """Raise on every rank, as a DataError, what any rank raises inside the block. The block must not communicate."""
    if world_size() == 1:
        yield
        return
    failure: str | None = None
    try:
        yield
    except MattingError as error:
        failure = str(error)
    except OSError as error:
        failure = f"{error.filename}: {error.strerror}"
    if any_process(failure is not None):
        failures: list[str | None] = [None] * world_size()
        dist.all_gather_object(failures, failure)
        raise DataError(next(each for each in failures if each is not None))


def broadcast_from_rank0(make: Callable[[], Value]) -> Value:
    """The result of `make` on rank 0, on all ranks: others may run on machines without its files. Raises its DataError."""
    if world_size() == 1:
        return make()
    made: list[Any] = [None]
    with raise_on_all_ranks():
        if is_rank0():
            made = [make()]
    dist.broadcast_object_list(made)
    value: Value = made[0]
    return value


def check_same_on_all_ranks(value: object, message: str) -> None:
    """Raise DataError with this message unless the value is equal on all ranks."""
    if world_size() > 1:
        values: list[object] = [None] * world_size()
        dist.all_gather_object(values, value)
        if any(each != value for each in values):
            raise DataError(message)


def shard(batch: int, where: str) -> slice:
    """The samples of a batch that belong to this rank. Raises DataError if the batch does not divide evenly."""
    if batch % world_size():
        raise DataError(
            f"{where}: 'batch' is {batch}, which does not divide among {world_size()} processes; start another number of them"
        )
    each = batch // world_size()
    rank = dist.get_rank() if dist.is_initialized() else 0
    return slice(rank * each, (rank + 1) * each)


class _MeanOverRanks(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        values = values.clone()
        dist.all_reduce(values)
        return values / world_size()

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        mean: Tensor = _MeanOverRanks.apply(gradient)  # type: ignore[no-untyped-call]
        return mean


def mean_over_ranks(values: Tensor) -> Tensor:
    """Mean of a tensor over all ranks; gradients flow back to all."""
    if world_size() == 1:
        return values
    result: Tensor = _MeanOverRanks.apply(values)  # type: ignore[no-untyped-call]
    return result


def data_parallel(network: nn.Module) -> nn.Module:
    """The network with the initial weights of rank 0 and gradients averaged over all ranks."""
    if world_size() == 1:
        return network
    # Batch-norm statistics are equal on all ranks anyway.
    return DistributedDataParallel(network, forward_sync_buffers=False)


def synchronise_batch_norm(network: nn.Module, device: torch.device) -> nn.Module:
    """Replace batch normalisation, in place, by one over the samples of all ranks. Names of weights stay."""
    if world_size() == 1:
        return network
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-any-return,no-untyped-call]
    for name, module in list(network.named_modules()):
        if type(module) is nn.BatchNorm2d:
            synchronised = SyncBatchNorm2d(module.num_features, module.eps, module.momentum)
            for state in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                setattr(synchronised, state, getattr(module, state))
            network.set_submodule(name, synchronised.train(module.training))
    return network


class SyncBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation over the samples of all ranks, on the CPU, which `nn.SyncBatchNorm` does not support.

    All ranks need the same number of samples. forward: (N,C,h,w) -> the same.
    """

    def forward(self, features: Tensor) -> Tensor:
        if not self.training:
            return super().forward(features)
        values = features.float() if features.dtype != torch.float64 else features
        average = mean_over_ranks(values.mean((0, 2, 3)))
        centred = values - average.view(1, -1, 1, 1)
        variance = mean_over_ranks(centred.square().mean((0, 2, 3)))
        with torch.no_grad():
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            assert self.momentum is not None
            count = world_size() * values.numel() / self.num_features
            self.running_mean.lerp_(average, self.momentum)
            self.running_var.lerp_(variance * count / max(1, count - 1), self.momentum)
            self.num_batches_tracked += 1
        scale = self.weight * (variance + self.eps).rsqrt()
        result: Tensor = centred * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
        return result.to(features.dtype)
