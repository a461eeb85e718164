"""The engine for NVIDIA GPUs: three FP16 engines of TensorRT, or of TensorRT for RTX, in one CUDA graph.

Engines are deserialised once, addresses bound once, and the three networks captured once: a frame costs one replay and one
synchronisation, and allocates nothing on the GPU. Its upload and download overlap with other frames: see `gpu/lane.py`.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from engines.backends.ahead import OnProgress
from engines.backends.gpu.cuda import CudaDevice
from engines.backends.gpu.engine import LaneEngine
from engines.backends.gpu.errors import gpu_errors, otherwise
from engines.backends.gpu.lane import TENSORS, BoundNetwork, Lane
from engines.backends.gpu.streams import Streams
from engines.backends.gpu.torch_network import TorchNetwork
from engines.backends.tensorrt.build import Built, error_log, package
from engines.backends.tensorrt.plans import build_for, find_plans, obtain_plans, plan_key
from engines.backends.torch import confirming_mpn
from engines.backends.torch_lane.networks import confirming_step
from engines.confirming import CONFIRMING
from engines.errors import BackendUnavailable, EngineError
from engines.geometry import BASE
from engines.graphs.profile import Profile
from engines.store.cache import Cache
from engines.store.entries import Engines
from engines.store.parity import MatteOf, check_parity
from engines.weights import NETWORKS

log = logging.getLogger("engines")

OTHERWISE = otherwise("tensorrt")


def device_name(backend: str) -> str:
    """The device in the keys of engines: TensorRT builds for one model of GPU, TensorRT for RTX for its generation ("sm89").

    Raises BackendUnavailable where PyTorch sees no GPU.
    """
    if not torch.cuda.is_available():
        cuda = "install a CUDA build of PyTorch" if torch.version.cuda is None else "update the NVIDIA driver"
        raise BackendUnavailable(f"{backend}: PyTorch {torch.__version__} sees no NVIDIA GPU; {cuda}")
    generation = "sm{}{}".format(*torch.cuda.get_device_capability())
    return generation if backend == "tensorrt-rtx" else f"{torch.cuda.get_device_name()} {generation}"


class Executable:
    """A deserialised engine of TensorRT. It serves contexts for several frame sizes."""

    def __init__(self, trt: ModuleType, name: str, plan: bytes) -> None:
        """Raises EngineError if the package or the GPU does not take the engine."""
        self.name, self._source = name, trt.__name__
        self._logger = error_log(trt)
        self._runtime = trt.Runtime(self._logger)
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise self.failure(f"type: shm-compile --clear, or {OTHERWISE}")
        engine = self._engine
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        # torch-tensorrt renames tensors; the order is that of the graph either way.
        inputs = [each for each in names if engine.get_tensor_mode(each) == trt.TensorIOMode.INPUT]
        outputs = [each for each in names if each not in inputs]
        ours = TENSORS[name]
        self.names = (
            {each: each for each in ours} if set(names) == set(ours) else dict(zip(ours, inputs + outputs, strict=True))
        )
        self.inputs = {each for each in ours if self.names[each] in inputs}

    def failure(self, remedy: str) -> EngineError:
        """What to raise where it fails: with the first error that TensorRT logged."""
        reason = self._logger.lines[0] if self._logger.lines else f"{self._source} does not say why it fails"
        return EngineError(f"{self.name}: {reason}; {remedy}")

    def context(self) -> "BoundContext":
        """An execution context for one frame size."""
        context = self._engine.create_execution_context()
        if context is None:
            raise self.failure("the GPU may be out of memory: take smaller frames")
        return BoundContext(self, context)


class BoundContext:
    """A `BoundNetwork` of `gpu/lane.py`: an execution context and its addresses."""

    def __init__(self, executable: Executable, context: Any) -> None:
        self._executable = executable
        self._context = context

    def bind(self, name: str, tensor: Tensor) -> None:
        context, its_name = self._context, self._executable.names[name]
        fits = name not in self._executable.inputs or context.set_input_shape(its_name, tuple(tensor.shape))
        if not fits or not context.set_tensor_address(its_name, tensor.data_ptr()):
            raise self._executable.failure("type: shm-compile --clear")

    def enqueue(self, stream: int) -> None:
        if not self._context.execute_async_v3(stream):
            raise self._executable.failure(f"start again, or {OTHERWISE}")


class Runner:
    """Prepares engines of a model to run on three streams of the GPU."""

    def __init__(self, trt: ModuleType, model: str) -> None:
        self._trt, self._model = trt, model
        self.streams = Streams(CudaDevice())
        self._alive: WeakValueDictionary[tuple[str, int], Executable] = WeakValueDictionary()
        self._confirming = confirming_mpn(model, self.streams.device.torch_device)

    def _executable(self, name: str, plan: bytes) -> Executable:
        # An engine for a range of sizes is deserialised once, however many sizes come.
        key = (name, hash(plan))
        executable = self._alive.get(key)
        if executable is None:
            executable = self._alive[key] = Executable(self._trt, name, plan)
        return executable

    def lane(self, plans: Engines, height: int, width: int) -> Lane:
        """Prepare engines for a frame size."""
        networks: dict[str, BoundNetwork] = {name: self._executable(name, plans[name]).context() for name in NETWORKS}
        if self._confirming is not None:
            step = confirming_step(self._confirming, self._model)
            networks[CONFIRMING] = TorchNetwork(CONFIRMING, step, self.streams.device.torch_device)
        return Lane(networks, height, width, self.streams, self._model)


@contextmanager
def trial_run(backend: str, plans: Engines, profile: Profile) -> Iterator[MatteOf]:
    """Run engines that are not stored yet, on frames of the profile's usual size."""
    with gpu_errors(backend):
        lane = Runner(package(backend), profile.model).lane(plans, *profile.usual)
        yield lambda frame: lane.submit(frame).matte()


class TensorRTEngine(LaneEngine):
    """The released networks on an NVIDIA GPU. It raises EngineError where the GPU fails."""

    def __init__(self, backend: str, *, model: str = BASE, cache: Cache | None = None) -> None:
        """`backend`: "tensorrt" or "tensorrt-rtx". `cache` None: the user's.

        Raises BackendUnavailable if the package is missing, or there is no GPU.
        """
        self._trt = package(backend)
        self._key_device = device_name(backend)
        self.device = torch.cuda.get_device_name()
        self._cache = cache or Cache()
        with gpu_errors(backend):
            self._runner = Runner(self._trt, model)
        super().__init__(backend, model, self._runner.streams)

    def _build(self, profile: Profile, timing_cache: bytes, on_progress: OnProgress) -> Built:
        # The TensorRT path was written without a GPU: engines that are built on the way are compared with PyTorch before use.
        built = build_for("onnx", self._trt, None)(profile, timing_cache, on_progress)
        with trial_run(self.name, built.engines, profile) as matte_of:
            log.info(check_parity(matte_of, *profile.usual, profile.model))
        return built

    def _plans(self, height: int, width: int) -> Engines:
        profile = Profile.of(height, width, self.model)
        found = find_plans(self._trt, self.name, profile, device=self._key_device, cache=self._cache)
        if found is not None:
            return found
        log.warning("%s: builds its engines for %s on %s, once; this takes minutes", self.name, profile, self.device)
        began = time.perf_counter()
        key = plan_key(self._trt, self.name, profile, device=self._key_device)
        plans = obtain_plans(self._trt, key, profile, build=self._build, cache=self._cache)
        log.warning("%s: ready after %.0f s", self.name, time.perf_counter() - began)
        return plans

    def _lane(self, height: int, width: int) -> Lane:
        return self._runner.lane(self._plans(height, width), height, width)


def open_engine(name: str, *, device: str, threads: int | None, precision: str, model: str, at_once: int) -> TensorRTEngine:
    """The engine, for `engines.load`."""
    return TensorRTEngine(name, model=model)
