"""The streams and events of a CUDA GPU. PyTorch checks the code that each CUDA call returns."""

import torch
from torch import Tensor

from engines.backends.gpu.streams import Work


class CudaStream:
    """See `engines.backends.gpu.streams.Stream`."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def do(self, work: Work) -> None:
        """See `engines.backends.gpu.streams.Stream`."""
        with torch.cuda.stream(self._stream):
            work(self._stream.cuda_stream)

    def captured(self, work: Work) -> Work:
        """See `engines.backends.gpu.streams.Stream`."""
        self.do(work)  # TensorRT makes its buffers at the first run, which must not be while a graph is captured
        self._stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        # Only this thread's calls are part of it: another may be using the GPU as well.
        with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
            work(torch.cuda.current_stream().cuda_stream)
        return lambda _: graph.replay()

    def record(self, event: torch.cuda.Event) -> None:
        """See `engines.backends.gpu.streams.Stream`."""
        event.record(self._stream)

    def wait(self, event: torch.cuda.Event) -> None:
        """See `engines.backends.gpu.streams.Stream`."""
        self._stream.wait_event(event)


class CudaDevice:
    """See `engines.backends.gpu.streams.Device`."""

    place = torch.device("cuda")

    def pinned(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """See `engines.backends.gpu.streams.Device`."""
        return torch.empty(shape, dtype=dtype, pin_memory=True)

    def stream(self) -> CudaStream:
        """See `engines.backends.gpu.streams.Device`."""
        return CudaStream()

    def event(self) -> torch.cuda.Event:
        """A thread that waits for it sleeps: others need the core."""
        return torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
