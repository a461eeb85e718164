"""The three serialised engines ("plans") of one profile, from the cache or built into it."""

from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from engines.backends import BACKENDS
from engines.backends.ahead import OnProgress
from engines.backends.tensorrt.build import Build, Built, ParsedGraph, compiler_version
from engines.errors import EngineError
from engines.graphs.fp16 import fp16_graph_for
from engines.graphs.profile import Profile, parse_range
from engines.store.cache import Cache, Check
from engines.store.entries import Engines, Key
from engines.store.keys import tensorrt_key
from engines.weights import NETWORKS


def compilers(trt: ModuleType) -> dict[str, str]:
    """The ways to build engines, "torch-tensorrt" if it is installed and "onnx", with the versions of what builds them."""
    found = {}
    with suppress(PackageNotFoundError):
        found["torch-tensorrt"] = f"torch_tensorrt {version('torch-tensorrt')}, {compiler_version(trt)}"
    return found | {"onnx": compiler_version(trt)}


def plan_key(trt: ModuleType, backend: str, profile: Profile, *, device: str, via: str = "onnx") -> Key:
    """The key of the engines of a profile, built one of the ways of `compilers`. `device`: see `tensorrt_key`."""
    return tensorrt_key(backend, profile, device=device, compiler=compilers(trt)[via], via=via)


def timing_cache_key(trt: ModuleType, device: str) -> Key:
    """The key of TensorRT's timing cache of a GPU: with it the next build takes a fraction of the time."""
    backend = next(name for name, entry in BACKENDS.items() if trt.__name__ in entry.packages)
    return Key(backend, device, "timing", "fp16", compiler_version(trt), "", "")


def build_from_onnx(
    trt: ModuleType, target: str | None, profile: Profile, timing_cache: bytes, on_progress: OnProgress
) -> Built:
    """Build the three engines with TensorRT's own ONNX parser; for a `target` ahead of time, where nothing is timed.

    Raises EngineError where the package refuses a graph.
    """
    engines: Engines = {}
    for index, name in enumerate(NETWORKS):

        def of_all(_: str, share: float, name: str = name, before: int = index) -> None:
            on_progress(name, (before + share) / len(NETWORKS))

        on_progress(name, index / len(NETWORKS))
        graph = ParsedGraph(trt, fp16_graph_for(name, profile))
        engines[name] = graph.build(target, profile=profile, timing_cache=timing_cache, on_progress=of_all)
        timing_cache = graph.timing_cache or timing_cache
    on_progress(NETWORKS[-1], 1.0)
    return Built(engines, timing_cache)


def build_for(via: str, trt: ModuleType, target: str | None) -> Build:
    """What builds engines via "onnx" or "torch-tensorrt". Raises BackendUnavailable if torch-tensorrt is missing."""
    if via == "torch-tensorrt":
        from engines.backends.tensorrt.torch_tensorrt import build_from_torch, require_torch_tensorrt

        require_torch_tensorrt()
        return build_from_torch
    return partial(build_from_onnx, trt, target)


def obtain_plans(
    trt: ModuleType,
    key: Key,
    profile: Profile,
    *,
    build: Build,
    cache: Cache,
    on_progress: OnProgress = lambda name, share: None,
    check: Check | None = None,
    must_keep: bool = False,
) -> Engines:
    """The three engines of a profile, built by one process, once. `check` and `must_keep`: see `Cache.obtain`.

    Raises EngineError where a graph is refused, the check fails, or the disk does not take them.
    """
    timings = timing_cache_key(trt, key.device)

    def make() -> Engines:
        cached = cache.read(timings)
        before = cached["timing"] if cached else b""
        engines, after = build(profile, before, on_progress)
        if after != before:
            with suppress(EngineError):  # the engines, which come next, will not be stored either, and that is reported
                cache.store(timings, {"timing": after})
        return engines

    return cache.obtain(key, make, check=check, must_keep=must_keep)


def find_plans(trt: ModuleType, backend: str, profile: Profile, *, device: str, cache: Cache) -> Engines | None:
    """Cached engines that take frames of a profile's one size: those for it, or else those for a range that covers it.

    Engines built via torch-tensorrt come first: they exist only where somebody asked for them.
    """
    exact = [plan_key(trt, backend, profile, device=device, via=via) for via in compilers(trt)]
    for key in exact:
        if (found := cache.read(key)) is not None:
            return found
    for key in cache.keys(backend):
        is_range = ":" in key.shapes and any(key == replace(each, shapes=key.shapes) for each in exact)
        if is_range and parse_range(key.shapes, profile.model).covers(*profile.usual):
            found = cache.read(key)
            if found is not None:
                return found
    return None
