"""Errors of a GPU in one line that says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from engines.backends.gpu.lane import PendingFrame
from engines.engine import Frame, Matte
from engines.errors import EngineError


def otherwise(backend: str) -> str:
    """The backends to take in place of one for a GPU."""
    return "take the backend openvino" if backend == "torch" else "take the backend torch or openvino"


@contextmanager
def gpu_errors(backend: str) -> Iterator[None]:
    """Turn errors of the GPU into an EngineError that says what to do."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        remedy = "close what else uses it, take smaller frames, or take the backend openvino"
        raise EngineError(f"{backend}: the GPU is out of memory; {remedy}") from error
    except RuntimeError as error:  # PyTorch checks the code that each CUDA call returns
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        remedy = f"start again, update its driver, or {otherwise(backend)}"
        raise EngineError(f"{backend}: the GPU fails ({reason}); {remedy}") from error


@dataclass
class GuardedFrame:
    """A `Pending` of `engines.engine` that raises EngineError where the GPU fails."""

    frame: PendingFrame
    backend: str

    def wait(self) -> None:
        with gpu_errors(self.backend):
            self.frame.wait()

    def matte(self) -> Matte:
        with gpu_errors(self.backend):
            return self.frame.matte()

    def composite(self, background: Frame) -> Frame:
        with gpu_errors(self.backend):
            return self.frame.composite(background)
