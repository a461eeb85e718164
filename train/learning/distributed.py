"""One run on several processes or machines, as torchrun starts them: what they share out, average and agree on.

Each process draws the batches of the recipe and takes its share of each; gradients, the statistics of batch normalisation and
what is logged are means over all. So the recipe alone tells what comes out, whatever the number of processes. Where there is
but one, everything here does nothing.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from engines.errors import DataError, MattingError

PATIENCE = 10.0  # seconds

Value = TypeVar("Value")


def size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def first() -> bool:
    """Whether this process is the one that writes checkpoints and logs, and tells how far the run is."""
    return not dist.is_initialized() or dist.get_rank() == 0


def device() -> torch.device:
    """What this process computes on. Raises DataError if its machine has fewer GPUs than processes."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    index = int(os.environ.get("LOCAL_RANK", 0))
    if index >= torch.cuda.device_count():
        raise DataError(f"torchrun --nproc-per-node: a process needs a GPU of its own; here are {torch.cuda.device_count()}")
    return torch.device("cuda", index)


@contextmanager
def group() -> Iterator[None]:
    """Joins the processes that torchrun started; in one that it did not start, nothing. Raises DataError if one is lost."""
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield
        return
    try:
        # Tensors on a CPU go through gloo on any machine: what is agreed on costs a GPU no wait.
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        yield
    except RuntimeError as error:
        if isinstance(error, dist.DistError) or "gloo" in str(error).lower():
            raise DataError("another process of the run was lost; the same command goes on from the last checkpoint") from error
        raise
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


@contextmanager
def one_voice() -> Iterator[None]:
    """Leaves what a command has to say to the first process of each machine: all refuse, or stop, for the same reason."""
    if int(os.environ.get("LOCAL_RANK", 0)) == 0:
        yield
        return
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
            yield
    except SystemExit as end:
        if end.code:  # torchrun ends all processes when one has failed: the one that tells why goes first
            time.sleep(PATIENCE)
        raise


def any_process(here: bool) -> bool:
    """Whether it is so in any process."""
    if size() == 1:
        return here
    flag = torch.tensor(int(here))
    dist.all_reduce(flag, dist.ReduceOp.MAX)
    return bool(flag)


@contextmanager
def agreed() -> Iterator[None]:
    """A block without words between the processes: what one of them refuses in it, all refuse at its end (DataError)."""
    if size() == 1:
        yield
        return
    refusal: str | None = None
    try:
        yield
    except MattingError as error:
        refusal = str(error)
    except OSError as error:
        refusal = f"{error.filename}: {error.strerror}"
    if any_process(refusal is not None):
        refusals: list[str | None] = [None] * size()
        dist.all_gather_object(refusals, refusal)
        raise DataError(next(each for each in refusals if each is not None))


def from_first(make: Callable[[], Value]) -> Value:
    """What `make` gives in the first process, in all: others may be on machines that lack its files. Raises its DataError."""
    if size() == 1:
        return make()
    made: list[Any] = [None]
    with agreed():
        if first():
            made = [make()]
    dist.broadcast_object_list(made)
    value: Value = made[0]
    return value


def check_same(value: object, refusal: str) -> None:
    """Raises DataError unless all processes bring the same value."""
    if size() > 1:
        values: list[object] = [None] * size()
        dist.all_gather_object(values, value)
        if any(each != value for each in values):
            raise DataError(refusal)


def share(batch: int, where: str) -> slice:
    """Which samples of a batch are this process's. Raises DataError if they cannot be shared out evenly."""
    if batch % size():
        raise DataError(f"{where}: 'batch' is {batch}, which {size()} processes cannot share; start another number of them")
    each = batch // size()
    rank = dist.get_rank() if dist.is_initialized() else 0
    return slice(rank * each, (rank + 1) * each)


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        values = values.clone()
        dist.all_reduce(values)
        return values / size()

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        mean: Tensor = _Mean.apply(gradient)  # type: ignore[no-untyped-call]
        return mean


def mean(values: Tensor) -> Tensor:
    """Means over the processes of what each has; gradients flow back to all."""
    if size() == 1:
        return values
    result: Tensor = _Mean.apply(values)  # type: ignore[no-untyped-call]
    return result


def parallel(network: nn.Module) -> nn.Module:
    """The network as it learns with those of the other processes: the same weights to begin with, and mean gradients."""
    if size() == 1:
        return network
    # Statistics of the normalisation are equal in all anyway.
    return DistributedDataParallel(network, forward_sync_buffers=False)


def share_normalisation(network: nn.Module, where: torch.device) -> nn.Module:
    """The network with its batch normalisation over the samples of all processes, in place; names of weights stay."""
    if size() == 1:
        return network
    if where.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-any-return,no-untyped-call]
    for name, module in list(network.named_modules()):
        if type(module) is nn.BatchNorm2d:
            shared = SharedBatchNorm2d(module.num_features, module.eps, module.momentum)
            for own in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                setattr(shared, own, getattr(module, own))
            network.set_submodule(name, shared.train(module.training))
    return network


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation over the samples of all processes, on a CPU, where `nn.SyncBatchNorm` does not run.

    Each process must have as many samples as the others. forward: (N,C,h,w) -> the same.
    """

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        if not self.training:
            return super().forward(features)
        values = features.float() if features.dtype != torch.float64 else features
        average = mean(values.mean((0, 2, 3)))
        centred = values - average.view(1, -1, 1, 1)
        variance = mean(centred.square().mean((0, 2, 3)))
        with torch.no_grad():
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            assert self.momentum is not None
            count = size() * values.numel() / self.num_features
            self.running_mean.lerp_(average, self.momentum)
            self.running_var.lerp_(variance * count / max(1, count - 1), self.momentum)
            self.num_batches_tracked += 1
        scale = self.weight * (variance + self.eps).rsqrt()
        result: Tensor = centred * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
        return result.to(features.dtype)
