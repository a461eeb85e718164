"""The engine for NVIDIA GPUs: three FP16 engines of TensorRT, or of TensorRT for RTX, in one CUDA graph.

Engines are deserialised once, addresses bound once, and the three networks captured once: a frame costs one replay and one
synchronisation, and allocates nothing on the GPU. On its way up and down others are computed: see `engines.backends.gpu.lane`.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from engines.backends.gpu.cuda import CudaDevice
from engines.backends.gpu.lane import TENSORS, Lane, Network, PendingFrame
from engines.backends.gpu.lanes import Lanes
from engines.backends.gpu.streams import Streams
from engines.backends.tensorrt.build import complaints, package
from engines.backends.tensorrt.compile import Told, build_for, engines_for, find_engines
from engines.engine import Frame, Mask, Matte, OverlappingEngine, Profiled
from engines.errors import EngineError
from engines.geometry import BASE
from engines.graphs.profile import Profile
from engines.store.cache import Cache, Engines
from engines.store.parity import MatteOf, check_parity
from engines.weights import NETWORKS

log = logging.getLogger("engines")

OTHERWISE = "take --backend torch or openvino"


def device_name(backend: str) -> str:
    """What engines are keyed by: TensorRT builds for one model of GPU, TensorRT for RTX for its generation ("sm89").

    Raises EngineError where PyTorch sees no GPU.
    """
    if not torch.cuda.is_available():
        cuda = "install a CUDA build of PyTorch" if torch.version.cuda is None else "update the NVIDIA driver"
        raise EngineError(f"--backend {backend}: PyTorch {torch.__version__} sees no NVIDIA GPU; {cuda}")
    generation = "sm{}{}".format(*torch.cuda.get_device_capability())
    return generation if backend == "tensorrt-rtx" else f"{torch.cuda.get_device_name()} {generation}"


@contextmanager
def told_in_one_line(backend: str) -> Iterator[None]:
    """Makes what goes wrong on a GPU an EngineError that says what to do."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        remedy = f"close what else uses it, take smaller frames, or {OTHERWISE.replace('torch or ', '')}"
        raise EngineError(f"--backend {backend}: the GPU is out of memory; {remedy}") from error
    except RuntimeError as error:  # PyTorch checks the code that each CUDA call returns
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise EngineError(
            f"--backend {backend}: the GPU fails ({said}); start again, update its driver, or {OTHERWISE}"
        ) from error


class Executable:
    """An engine of TensorRT that was deserialised. Contexts of several frame sizes may come from it."""

    def __init__(self, trt: ModuleType, name: str, plan: bytes) -> None:
        """Raises EngineError if the package or the GPU does not take the engine."""
        self.name = name
        self._logger = complaints(trt)
        self._runtime = trt.Runtime(self._logger)
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise EngineError(f"{name}: {self.why(trt.__name__)}; type: shm-compile --clear, or {OTHERWISE}")
        engine = self._engine
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        # torch-tensorrt gives names of its own; the order is that of the graph either way.
        inputs = [each for each in names if engine.get_tensor_mode(each) == trt.TensorIOMode.INPUT]
        outputs = [each for each in names if each not in inputs]
        ours = TENSORS[name]
        self.names = (
            {each: each for each in ours} if set(names) == set(ours) else dict(zip(ours, inputs + outputs, strict=True))
        )
        self._inputs = {each for each in ours if self.names[each] in inputs}

    def why(self, otherwise: str) -> str:
        """The first thing that TensorRT complained of."""
        return self._logger.lines[0] if self._logger.lines else f"{otherwise} does not say why it fails"

    def context(self) -> "BoundContext":
        """What runs the engine for one frame size."""
        context = self._engine.create_execution_context()
        if context is None:
            raise EngineError(f"{self.name}: {self.why('TensorRT')}; the GPU may be out of memory: take smaller frames")
        return BoundContext(self, context, self._inputs)


class BoundContext:
    """A `Network` of `engines.backends.gpu.lane`: an execution context and the addresses it works on."""

    def __init__(self, executable: Executable, context: Any, inputs: set[str]) -> None:
        self._executable = executable
        self._context = context
        self._inputs = inputs

    def bind(self, name: str, tensor: Tensor) -> None:
        """See `engines.backends.gpu.lane.Network`."""
        context, its_name = self._context, self._executable.names[name]
        if name in self._inputs and not context.set_input_shape(its_name, tuple(tensor.shape)):
            raise EngineError(f"{self._executable.name}: {self._executable.why('TensorRT')}; type: shm-compile --clear")
        if not context.set_tensor_address(its_name, tensor.data_ptr()):
            raise EngineError(f"{self._executable.name}: {self._executable.why('TensorRT')}; type: shm-compile --clear")

    def enqueue(self, stream: int) -> None:
        """See `engines.backends.gpu.lane.Network`."""
        if not self._context.execute_async_v3(stream):
            raise EngineError(f"{self._executable.name}: {self._executable.why('TensorRT')}; start again, or {OTHERWISE}")


class Runner:
    """Makes engines ready to run, on three streams of the GPU."""

    def __init__(self, trt: ModuleType) -> None:
        self._trt = trt
        self.streams = Streams(CudaDevice())
        self._alive: WeakValueDictionary[tuple[str, int], Executable] = WeakValueDictionary()

    def _executable(self, name: str, plan: bytes) -> Executable:
        # An engine for a range of sizes is deserialised once, however many sizes come.
        key = (name, hash(plan))
        executable = self._alive.get(key)
        if executable is None:
            executable = self._alive[key] = Executable(self._trt, name, plan)
        return executable

    def lane(self, plans: Engines, height: int, width: int, model: str) -> Lane:
        """Engines of a model made ready for a frame size."""
        networks: dict[str, Network] = {name: self._executable(name, plans[name]).context() for name in NETWORKS}
        return Lane(networks, height, width, self.streams, model)


@contextmanager
def trial(backend: str, plans: Engines, profile: Profile) -> Iterator[MatteOf]:
    """While this lasts, what engines that are not kept yet make of frames of the profile's usual size."""
    with told_in_one_line(backend):
        lane = Runner(package(backend)).lane(plans, *profile.usual, profile.model)
        yield lambda frame: lane.submit(frame).matte()


@dataclass
class ToldFrame:
    """See `engines.engine.Pending`. Where the GPU fails, it raises EngineError."""

    frame: PendingFrame
    backend: str

    def wait(self) -> None:
        """See `engines.engine.Pending`."""
        with told_in_one_line(self.backend):
            self.frame.wait()

    def matte(self) -> Matte:
        """See `engines.engine.Pending`."""
        with told_in_one_line(self.backend):
            return self.frame.matte()

    def composite(self, background: Frame) -> Frame:
        """See `engines.engine.Pending`."""
        with told_in_one_line(self.backend):
            return self.frame.composite(background)


class TensorRTEngine(OverlappingEngine):
    """The released networks on an NVIDIA GPU. It raises EngineError where the GPU fails."""

    precision = "fp16"

    def __init__(self, backend: str, *, model: str = BASE, cache: Cache | None = None) -> None:
        """`backend`: "tensorrt" or "tensorrt-rtx". `cache` None: the user's.

        Raises EngineError if the package is missing, or there is no GPU.
        """
        self.name = backend
        self.model = model
        self._trt = package(backend)
        self._key_device = device_name(backend)
        self.device = torch.cuda.get_device_name()
        self._cache = cache or Cache()
        with told_in_one_line(backend):
            self._runner = Runner(self._trt)
        self._lanes = Lanes(self._runner.streams, self._lane)
        self.last_ms: dict[str, float] = {}

    def _build(self, profile: Profile, timing: bytes, told: Told) -> tuple[Engines, bytes]:
        # No GPU was at hand when this was written: what is built on the way is held against the oracle before it is used.
        plans, after = build_for("onnx", self._trt, None)(profile, timing, told)
        with trial(self.name, plans, profile) as matte_of:
            log.info(check_parity(matte_of, *profile.usual, profile.model))
        return plans, after

    def _plans(self, height: int, width: int) -> Engines:
        profile = Profile.of(height, width, self.model)
        found = find_engines(self._trt, self.name, profile, device=self._key_device, cache=self._cache)
        if found is not None:
            return found
        log.warning("%s: builds its engines for %s on %s, once; this takes minutes", self.name, profile, self.device)
        device, cache = self._key_device, self._cache
        began = time.perf_counter()
        plans = engines_for(self._trt, self.name, profile, device=device, build=self._build, cache=cache)
        log.warning("%s: ready after %.0f s", self.name, time.perf_counter() - began)
        return plans

    def _lane(self, height: int, width: int) -> Lane:
        return self._runner.lane(self._plans(height, width), height, width, self.model)

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        return self.submit(frame, mask).matte()

    def profile(self, frame: Frame, mask: Mask | None = None) -> Profiled:
        """As of every engine, but the three networks are one CUDA graph and have one time."""
        began = time.perf_counter()
        matte = self(frame, mask)
        self.last_ms = {"all three": (time.perf_counter() - began) * 1e3}
        return Profiled(matte, self.last_ms)

    def submit(self, frame: Frame, mask: Mask | None = None) -> ToldFrame:
        """See `engines.engine.OverlappingEngine`. It and what it gives raise EngineError where the GPU fails."""
        with told_in_one_line(self.name):
            return ToldFrame(self._lanes.submit(frame, mask), self.name)

    def close(self) -> None:
        """Gives back the engines, their buffers and their graphs."""
        with told_in_one_line(self.name):
            self._lanes.close()
            torch.cuda.empty_cache()


def open_engine(name: str, *, device: str, threads: int | None, precision: str, model: str) -> TensorRTEngine:
    """The engine, for `engines.load`."""
    return TensorRTEngine(name, model=model)
