"""The three FP16 engines of one profile, out of the cache or built into it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import ModuleType

from engines.backends import BACKENDS
from engines.backends.tensorrt.build import Network
from engines.errors import EngineError
from engines.graphs.fp16 import half_graph_for
from engines.graphs.profile import Profile, parse_range
from engines.store.cache import Cache, Check, Engines, Key
from engines.store.keys import tensorrt_key
from engines.weights import NETWORKS

Told = Callable[[str, float], None]  # network, share of the three in [0, 1]


def compiler(trt: ModuleType) -> str:
    """Package and version."""
    return f"{trt.__name__} {trt.__version__}"


def timing_key(trt: ModuleType, device: str) -> Key:
    """For what TensorRT learnt about a GPU by timing: the next build there takes a fraction of the time."""
    backend = next(name for name, backend in BACKENDS.items() if trt.__name__ in backend.packages)
    return Key(backend, device, "timing", "fp16", compiler(trt), "", "")


Build = Callable[[Profile, bytes, Told], tuple[Engines, bytes]]
"""Takes the profile, what was learnt by timing before, and whom to tell; gives the three engines, and what is known now."""


def build_from_onnx(trt: ModuleType, target: str | None, profile: Profile, timing: bytes, told: Told) -> tuple[Engines, bytes]:
    """The three engines by TensorRT's own ONNX parser; with a `target` ahead of time, where nothing is timed.

    Raises EngineError where the package refuses a graph.
    """
    engines: Engines = {}
    for index, name in enumerate(NETWORKS):

        def each(_: str, share: float, name: str = name, before: int = index) -> None:
            told(name, (before + share) / len(NETWORKS))

        told(name, index / len(NETWORKS))
        network = Network(trt, half_graph_for(name, profile))
        engines[name] = network.build(target, profile=profile, timing=timing, told=each)
        timing = network.timing or timing
    told(NETWORKS[-1], 1.0)
    return engines, timing


def build_for(via: str, trt: ModuleType, target: str | None) -> Build:
    """What builds engines: via "onnx" or "torch-tensorrt". Raises EngineError where torch-tensorrt is missing."""
    if via == "torch-tensorrt":
        from engines.backends.tensorrt.torch_tensorrt import build_from_torch, require_torch_tensorrt

        require_torch_tensorrt()
        return build_from_torch
    return partial(build_from_onnx, trt, target)


def engines_for(
    trt: ModuleType,
    backend: str,
    profile: Profile,
    *,
    device: str,
    build: Build,
    cache: Cache,
    told: Told = lambda name, share: None,
    check: Check | None = None,
    must_keep: bool = False,
) -> Engines:
    """The three engines of a profile, built by one process, once. `check` and `must_keep`: see `Cache.obtain`.

    `device`: see `tensorrt_key`. Raises EngineError where a graph is refused, `check` says so, or the disk does not take them.
    """
    learnt = timing_key(trt, device)

    def make() -> Engines:
        before = cache.read(learnt)
        timing = before["timing"] if before else b""
        engines, after = build(profile, timing, told)
        if after != timing:
            with suppress(EngineError):  # the engines, which come next, will not be stored either, and that is told
                cache.store(learnt, {"timing": after})
        return engines

    key = tensorrt_key(backend, profile, device=device, compiler=compiler(trt))
    return cache.obtain(key, make, check=check, must_keep=must_keep)


def find_engines(trt: ModuleType, backend: str, profile: Profile, *, device: str, cache: Cache) -> Engines | None:
    """The engines in the cache that take frames of a profile's one size: those for it, else those for a range that it is in."""
    exact = tensorrt_key(backend, profile, device=device, compiler=compiler(trt))
    found = cache.read(exact)
    if found is not None:
        return found
    for entry in cache.entries():
        key = entry.key
        if key is None or ":" not in key.shapes or key != replace(exact, shapes=key.shapes):
            continue
        if parse_range(key.shapes, profile.model).covers(*profile.usual):
            return cache.read(key)
    return None
