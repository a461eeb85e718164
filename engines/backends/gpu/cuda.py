"""The streams and events of a CUDA GPU. PyTorch checks the code that each CUDA call returns."""

import torch
from torch import Tensor

from engines.backends.gpu.streams import Work


class CudaStream:
    """A `Stream` on a CUDA GPU."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def enqueue(self, work: Work) -> None:
        with torch.cuda.stream(self._stream):
            work(self._stream.cuda_stream)

    def capture(self, work: Work) -> Work:
        self.enqueue(work)  # TensorRT allocates at the first run, which must not happen while a graph is captured
        self._stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        # Only this thread's calls are part of it: another may be using the GPU as well.
        with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
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
