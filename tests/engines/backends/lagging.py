"""CPU streams that lag behind at random, as those of a GPU may: code that does not wait for them reads stale buffers.

And two engines on such streams: the FP16 graphs, with ONNX Runtime in place of TensorRT, and the PyTorch networks, uncompiled.
"""

import random
import threading
import time
from collections.abc import Callable
from functools import cache, partial
from queue import SimpleQueue
from typing import ClassVar

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.backends.gpu.lane import BoundNetwork, Lane, PendingFrame
from engines.backends.gpu.lanes import Lanes
from engines.backends.gpu.streams import Streams, Work
from engines.backends.torch_lane.engine import TorchLaneEngine
from engines.engine import Frame, Mask, Matte, OverlappingEngine, Profiled
from engines.geometry import BASE
from engines.graphs.fp16 import fp16_graph
from engines.store.cache import Cache
from engines.weights import NETWORKS

DTYPES = {torch.uint8: np.uint8, torch.float16: np.float16}
REST = 0.005  # seconds that a network takes at least: longer than a lag


class LaggingEvent:
    def __init__(self, device: "LaggingDevice") -> None:
        self.device = device
        self.reached = threading.Event()
        self.reached.set()
        self.time = 0.0

    def elapsed_time(self, end_event: "LaggingEvent") -> float:
        return (end_event.time - self.time) * 1e3

    def synchronize(self) -> None:
        self.device.synchronised.append(threading.current_thread().name)
        self.reached.wait()
        if self.device.failed is not None:
            raise self.device.failed


class LaggingStream:
    def __init__(self, device: "LaggingDevice", name: str) -> None:
        self.device, self.name = device, name
        self.work: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        rng = random.Random(self.name)
        while (work := self.work.get()) is not None:
            time.sleep(rng.choice([0, 0, self.device.lag]))
            try:
                work()
            except BaseException as error:
                self.device.failed = error

    def enqueue(self, work: Work) -> None:
        def timed() -> None:
            began = time.perf_counter()
            work(0)
            self.device.done.append((self.name, began, time.perf_counter()))

        self.work.put(timed)

    def capture(self, work: Work) -> Work:
        return work

    def record(self, event: LaggingEvent) -> None:
        event.reached = reached = threading.Event()

        def reach() -> None:
            event.time = time.perf_counter()
            reached.set()

        self.work.put(reach)

    def wait(self, event: LaggingEvent) -> None:
        self.work.put(event.reached.wait)


class LaggingDevice:
    torch_device = torch.device("cpu")

    def __init__(self, lag: float) -> None:
        self.lag = lag  # seconds that a stream rests, now and then
        self.streams: list[LaggingStream] = []
        self.synchronised: list[str] = []  # the threads that waited
        self.done: list[tuple[str, float, float]] = []  # stream, and when its work began and ended
        self.failed: BaseException | None = None

    def pinned(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        return torch.empty(shape, dtype=dtype)

    def stream(self) -> LaggingStream:
        self.streams.append(LaggingStream(self, ("upload", "compute", "download")[len(self.streams)]))
        return self.streams[-1]

    def event(self) -> LaggingEvent:
        return LaggingEvent(self)

    timer = event

    def close(self) -> None:
        for stream in self.streams:
            stream.work.put(None)
        for stream in self.streams:
            stream.thread.join(20)


@cache
def graph_of(name: str, height: int, width: int, model: str) -> bytes:
    return fp16_graph(name, height, width, model=model).SerializeToString()


class OnnxRuntimeNetwork:
    """A `BoundNetwork` that reads and writes at the addresses of tensors. What it has seen before it does not compute again."""

    known: ClassVar[dict[tuple[object, ...], list[Tensor]]] = {}  # the outputs, of all networks

    def __init__(self, name: str, height: int, width: int, model: str) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            graph_of(name, height, width, model), options, providers=["CPUExecutionProvider"]
        )
        self.binding = self.session.io_binding()
        self.inputs = {value.name for value in self.session.get_inputs()}
        self.which = name, height, width, model
        self.bound: list[str] = []
        self.read: list[Tensor] = []
        self.written: list[Tensor] = []

    def bind(self, name: str, tensor: Tensor) -> None:
        bind = self.binding.bind_input if name in self.inputs else self.binding.bind_output
        bind(name, "cpu", 0, DTYPES[tensor.dtype], list(tensor.shape), tensor.data_ptr())
        self.bound.append(name)
        (self.read if name in self.inputs else self.written).append(tensor)

    def enqueue(self, stream: int) -> None:
        seen = *self.which, *(tensor.numpy().tobytes() for tensor in self.read)
        if seen not in self.known:
            self.session.run_with_iobinding(self.binding)
            self.known[seen] = [tensor.clone() for tensor in self.written]
            return
        time.sleep(REST)
        for tensor, result in zip(self.written, self.known[seen], strict=True):
            tensor.copy_(result)


class LaggingEngine(OverlappingEngine):
    """The engine of a GPU without the GPU. It counts the frames that were submitted."""

    name, device, precision = "lagging", "a test", "fp16"

    def __init__(self, lag: float = 0.002, model: str = BASE) -> None:
        self.model = model
        self.on = LaggingDevice(lag)
        self.networks: list[OnnxRuntimeNetwork] = []
        self.lanes = Lanes(self.name, Streams(self.on), self._lane)
        self.submitted = 0

    def _lane(self, height: int, width: int) -> Lane:
        networks = {name: OnnxRuntimeNetwork(name, height, width, self.model) for name in NETWORKS}
        self.networks += networks.values()
        bound: dict[str, BoundNetwork] = {**networks}
        return Lane(bound, height, width, self.lanes._streams, self.model)

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        return self.submit(frame, mask).matte()

    def profile(self, frame: Frame, mask: Mask | None = None) -> Profiled:
        return Profiled(self(frame, mask), {})

    def submit(self, frame: Frame, mask: Mask | None = None) -> PendingFrame:
        self.submitted += 1
        return self.lanes.submit(frame, mask)

    def close(self) -> None:
        self.lanes.close()
        self.on.close()


def convolve(of: nn.Conv2d, values: Tensor) -> Tensor:
    """A float16 convolution as on a GPU: sums in float32, the result rounded. PyTorch's on a CPU takes ten times as long."""
    full = [None if tensor is None else tensor.float() for tensor in (values, of.weight, of.bias)]
    return F.conv2d(*full, of.stride, of.padding, of.dilation, of.groups).to(values.dtype)  # type: ignore[arg-type]


class LaggingTorchEngine(TorchLaneEngine):
    """The backend torch as on a GPU, without the GPU. `as_released`: with PyTorch's own float16 convolutions."""

    def __init__(
        self,
        lag: float = 0.002,
        model: str = BASE,
        compile_seconds: float = 0,
        cache: Cache | None = None,
        as_released: bool = False,
    ) -> None:
        self.on = LaggingDevice(lag)
        super().__init__(model=model, cache=cache, compile_seconds=compile_seconds, on=self.on)
        convolutions = [each for network in self._networks for each in network.modules() if isinstance(each, nn.Conv2d)]
        for each in [] if as_released else convolutions:
            if each.weight.dtype == torch.float16:
                each.forward = partial(convolve, each)  # type: ignore[method-assign]

    def close(self) -> None:
        super().close()
        self.on.close()
