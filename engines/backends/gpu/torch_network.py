"""Functions of PyTorch as networks of a lane, beside whatever else runs there."""

from collections.abc import Callable

import torch
from torch import Tensor

from engines.backends.gpu.cuda import float32_convolutions
from engines.backends.gpu.lane import TENSORS


class TorchNetwork:
    """A `BoundNetwork` of `gpu/lane.py`: a function of PyTorch and the tensors that it reads and writes."""

    def __init__(self, name: str, step: Callable[..., None], device: torch.device) -> None:
        self.name = name
        self.step = step
        self._device = device
        self._tensors: dict[str, Tensor] = {}

    def bind(self, name: str, tensor: Tensor) -> None:
        self._tensors[name] = tensor

    def enqueue(self, stream: int) -> None:
        """Run on the current stream, which a lane has made the one of this handle."""
        with torch.no_grad(), float32_convolutions(self._device, tuned=True):
            self.step(*(self._tensors[name] for name in TENSORS[self.name]))
