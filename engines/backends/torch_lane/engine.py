"""The engine of the backend `torch` on a CUDA GPU: FP16 networks in lanes.

A frame costs one replay of a CUDA graph and one synchronisation, as with TensorRT: see `gpu/lane.py`. In the graph are
networks that PyTorch compiled for the frame's size; those that it could not compile, or not in time, are in it uncompiled.
"""

import logging
import time
from importlib.metadata import PackageNotFoundError, version

import torch

from engines.backends.gpu.cuda import CudaDevice
from engines.backends.gpu.engine import LaneEngine
from engines.backends.gpu.errors import gpu_errors
from engines.backends.gpu.lane import BoundNetwork, Lane
from engines.backends.gpu.streams import Device, Streams
from engines.backends.gpu.torch_network import TorchNetwork
from engines.backends.torch import confirming_mpn, released_networks
from engines.backends.torch_lane.compiling import COMPILE_SECONDS, Outcome, compile_all, compile_apart, compiler_missing
from engines.backends.torch_lane.filling import examples
from engines.backends.torch_lane.networks import Step, steps, to_fp16
from engines.errors import BackendUnavailable, EngineError
from engines.geometry import BASE, Size
from engines.graphs.profile import Profile
from engines.store.cache import Cache
from engines.store.entries import Key
from engines.store.keys import torch_key

log = logging.getLogger("engines")


class TorchLaneEngine(LaneEngine):
    """The released networks in PyTorch, in FP16, on a CUDA GPU. It raises EngineError where the GPU fails."""

    def __init__(
        self,
        *,
        model: str = BASE,
        cache: Cache | None = None,
        compile_seconds: float = COMPILE_SECONDS,
        on: Device | None = None,
    ) -> None:
        """`cache` None: the user's, for compiled code. `compile_seconds`: for each frame size; 0 compiles nothing.

        `on`: another device than the CUDA GPU. Raises BackendUnavailable if PyTorch sees no such GPU, and WeightsError if the
        weights are missing or damaged.
        """
        if on is None and not torch.cuda.is_available():
            raise BackendUnavailable("torch: PyTorch sees no CUDA GPU; take the backend openvino")
        self._cache = cache or Cache()
        self._compile_seconds = compile_seconds
        self.uncompiled: dict[Size, dict[str, str]] = {}  # why a network runs uncompiled, by frame size
        with gpu_errors("torch"):
            streams = Streams(on or CudaDevice())
            self._torch_device = streams.device.torch_device
            self._networks = to_fp16(released_networks(model), self._torch_device)
            self._confirming = confirming_mpn(model, self._torch_device)
        self.device = torch.cuda.get_device_name() if self._torch_device.type == "cuda" else "CPU"
        super().__init__("torch", model, streams)

    def key(self, height: int, width: int) -> Key:
        """The key under which the cache notes that the code for a frame size is in it."""
        return torch_key(Profile.of(height, width, self.model), device=self.device, compiler=compiler())

    def _lane(self, height: int, width: int) -> Lane:
        chosen = steps(self._networks, self.model, self._confirming)
        if self._compile_seconds:
            chosen |= self._compiled(chosen, Size(height, width))
        networks: dict[str, BoundNetwork] = {n: TorchNetwork(n, step, self._torch_device) for n, step in chosen.items()}
        return Lane(networks, height, width, self._streams, self.model)

    def _compiled(self, uncompiled: dict[str, Step], size: Size) -> dict[str, Step]:
        outcome: Outcome = dict.fromkeys(uncompiled)
        folder = self._cache.code_folder("torch")
        known = self._cache.read(key := self.key(*size)) is not None and folder.is_dir()
        began = time.perf_counter()
        if missing := compiler_missing() if self._torch_device.type == "cuda" else "":
            outcome = dict.fromkeys(uncompiled, missing)
        elif not known:
            most = f"{self._compile_seconds:.0f} s at most"
            log.warning("torch: compiles its networks for %s on %s, once; this takes minutes, %s", size, self.device, most)
            outcome = compile_apart(uncompiled, self._compile_seconds, size, self.model, self._torch_device, folder)
        order = {name: step for name, step in uncompiled.items() if outcome[name] is None}
        compiled, failed = compile_all(order, examples(*size, self.model, self._torch_device), folder) if order else ({}, {})
        outcome |= failed
        log.info("torch: compiled for %s in %.0f s", size, time.perf_counter() - began)
        self.uncompiled[size] = {name: reason for name, reason in outcome.items() if reason is not None}
        for reason in dict.fromkeys(self.uncompiled[size].values()):
            names = ", ".join(name for name in uncompiled if outcome[name] == reason)
            log.warning("torch: %s not compiled for %s, so it is slower: %s", names, size, reason)
        if not self.uncompiled[size] and not known:
            self._note(key)
        return compiled

    def _note(self, key: Key) -> None:
        try:
            with self._cache.locked(key.backend):
                self._cache.store(key, {"code": b""})
        except EngineError as error:
            log.warning("%s", error)


def compiler() -> str:
    """Packages and versions that make the code."""
    try:
        return f"torch {torch.__version__}, triton {version('triton')}"
    except PackageNotFoundError:
        return f"torch {torch.__version__}"
