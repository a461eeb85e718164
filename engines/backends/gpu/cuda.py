"""The streams and events of a CUDA GPU. PyTorch checks the code that each CUDA call returns."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from engines.backends.gpu.streams import Work


class CudaStream:
    """A `Stream` on a CUDA GPU."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._pool: Any = None

    def enqueue(self, work: Work) -> None:
        with torch.cuda.stream(self._stream):
            work(self._stream.cuda_stream)

    def capture(self, work: Work) -> Work:
        # The first run allocates, loads kernels and selects convolutions, none of which may happen while a graph is captured.
        self.enqueue(work)
        self._stream.synchronize()
        if self._pool is None:
            # What the work allocates is needed by no one after it, and this stream runs one graph after the other: they can
            # share their memory, so that it is that of the largest.
            self._pool = torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        # Only this thread's calls are part of it: another may be using the GPU as well.
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
            work(torch.cuda.current_stream().cuda_stream)
        return lambda _: graph.replay()

    def record(self, event: torch.cuda.Event) -> None:
        event.record(self._stream)

    def wait(self, event: torch.cuda.Event) -> None:
        self._stream.wait_event(event)


class CudaDevice:
    """A `Device` on a CUDA GPU."""

    torch_device = torch.device("cuda")

    def pinned(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        return torch.empty(shape, dtype=dtype, pin_memory=True)

    def stream(self) -> CudaStream:
        return CudaStream()

    def event(self) -> torch.cuda.Event:
        # A thread that waits for it sleeps: others need the core.
        return torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]

    def timer(self) -> torch.cuda.Event:
        return torch.cuda.Event(enable_timing=True, blocking=True)  # type: ignore[no-untyped-call]


_FLAGS = threading.Lock()  # PyTorch's flags are those of the process


@contextmanager
def float32_convolutions(device: torch.device, tuned: bool = False) -> Iterator[None]:
    """Let cuDNN multiply float32 as float32, not as TensorFloat-32, which rounds as float16 does. On a CPU do nothing.

    `tuned`: time cuDNN's algorithms for each convolution when its shape first comes, and take the fastest.
    """
    if device.type != "cuda":
        yield
        return
    with _FLAGS, torch.backends.cudnn.flags(enabled=True, benchmark=tuned, allow_tf32=False):
        yield
