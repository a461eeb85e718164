"""The engine for any CPU: the networks in OpenVINO, compiled once for wide frames and once for tall ones, of any size.

What is compiled is cached on disk, so that the next start is quick.
"""

import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import openvino as ov

from engines.allocator import keep_memory_of_frames
from engines.backends.ahead import Request
from engines.backends.openvino_networks import (
    BATCH,
    UNCLEARED,
    Models,
    Requests,
    chain,
    part_shapes,
    predict,
    refine_tiles,
    shrink_into,
)
from engines.confirming import CONFIRMING, can_be_confirmed
from engines.engine import Engine, Frame, Mask, Matte, Profiled, check_frame, fit_mask, was_closed
from engines.errors import BackendUnavailable
from engines.geometry import BASE, Size, low_resolution
from engines.store.cache import Cache, Outdated
from engines.store.entries import Engines, Key
from engines.store.keys import openvino_key, released_digests
from engines.store.parity import MatteOf, check_parity
from engines.tiles import TILE
from engines.weights import FOLDER, INT8, NETWORKS, PARTS, graph, int8_graph, verified

NO_BF16 = "openvino: this CPU has no bf16; take another precision"
KEPT = 8  # entries that stay in the cache on disk, 16 MB each

CheckParity = Callable[[MatteOf], object]  # raises EngineError where an engine is off


_opening = threading.Lock()


def openvino() -> ov.Core:
    """OpenVINO, once for the process, whichever threads ask for it.

    On a CPU with AMX each Core gives the thread a stack for signals, and restores the one before when it goes. Of two, the last
    to go may restore that of the first, which is freed by then: the next signal, such as Ctrl-C, would be a segmentation fault.
    """
    with _opening:  # `cache` alone would let several threads make one each
        return _core()


@cache
def _core() -> ov.Core:
    # The first array of a tensor, where no other thread can take one: two that do so at once wait for each other for ever.
    _ = ov.Tensor(ov.Type.f32, ov.Shape([1])).data
    keep_memory_of_frames()
    return ov.Core()


def bf16_is_native() -> bool:
    """Whether this CPU multiplies bfloat16 natively; otherwise bfloat16 is slower than float32."""
    return "BF16" in openvino().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def fastest_precision() -> str:
    """int8 on x86-64, whether or not the CPU has instructions for it; elsewhere, where it was not measured, bf16 or fp32."""
    if platform.machine().lower() in ("x86_64", "amd64"):
        return "int8"
    return "bf16" if bf16_is_native() else "fp32"


def physical_cores() -> int:
    """The number of threads that OpenVINO takes by default: one per physical core that it may use."""
    nothing = ov.opset15.parameter([1])
    model = openvino().compile_model(ov.Model([nothing], [nothing]), "CPU", {"PERFORMANCE_HINT": "LATENCY"})
    return int(model.get_property("INFERENCE_NUM_THREADS"))


class OpenVINOEngine(Engine):
    """The released networks on a CPU."""

    name = "openvino"

    def __init__(
        self,
        *,
        threads: int | None = None,
        precision: str = "auto",
        model: str = BASE,
        folder: Path = FOLDER,
        cache: Cache | None = None,
        at_once: int = 1,
        confirm: bool = False,
    ) -> None:
        """`threads` None: one per physical core. `precision`: "fp32", "bf16", "int8" (the convolutions of `weights.INT8`; all
        else in bf16 where it is native), or "auto": see `fastest_precision`.

        `cache` None: the user's. `at_once`: frames, each on its share of the threads and with buffers of its own; no more than
        threads. `confirm`: MPN of the base model sees each frame of another model, too, if it is in `folder`: see
        `engines.confirming`.
        Raises WeightsError if the weights are missing or damaged.
        """
        verified(model, folder)
        self.model, self.confirm = model, confirm and can_be_confirmed(model, folder)
        if self.confirm:
            verified(BASE, folder)
        self._folder = folder
        self._cache = cache or Cache()
        self._core = openvino()
        self.device = str(self._core.get_property("CPU", "FULL_DEVICE_NAME")).strip()
        self.precision = fastest_precision() if precision == "auto" else precision
        self._settings = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1", "ENABLE_HYPER_THREADING": "NO"}
        in_bf16 = self.precision == "bf16" or (self.precision == "int8" and bf16_is_native())
        self._settings["INFERENCE_PRECISION_HINT"] = "bf16" if in_bf16 else "f32"
        if at_once > 1:
            threads = threads or physical_cores()
            at_once = min(at_once, threads)
        self.at_once = at_once
        self.threads = threads and threads // at_once  # of one inference; None: OpenVINO's choice
        if self.threads:
            self._settings["INFERENCE_NUM_THREADS"] = str(self.threads)
        if at_once > 1:
            self._settings["ENABLE_CPU_PINNING"] = "NO"  # else the threads of all would share the first cores
        # Those not in use, by the low resolution: nothing in the graphs depends on the frame's size.
        self._ready: dict[Size, SimpleQueue[Requests]] = {}
        self._lock = threading.Lock()
        self._closed = False

    @property
    def _graphs(self) -> tuple[str, ...]:
        return (*PARTS, CONFIRMING) if self.confirm else PARTS

    def key(self, height: int, width: int) -> Key:
        """The key of what is compiled for frames of a size."""
        capabilities = " ".join(sorted(self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")))
        compiler = f"openvino {ov.get_version()}, of one precision, {BATCH} tiles of {TILE}"
        if self.confirm:
            compiler += f", confirmed by {BASE} {' '.join(digest[:8] for digest in released_digests(BASE))}"
        processor = f"{self.device} {capabilities}"
        low = low_resolution(height, width, self.model)
        return openvino_key(*low, precision=self.precision, processor=processor, compiler=compiler, model=self.model)

    def _compile(self, height: int, width: int) -> Models:
        # Static shapes: OpenVINO runs them in two thirds of the time of dynamic ones.
        channels = verified(self.model, self._folder)["dimensions"]["mrn"]["widths"][0] + 1  # the last is the mask's logit
        shapes = part_shapes(height, width, self.model, channels)
        networks = {}
        for name in self._graphs:
            file, of = ("mpn-low", BASE) if name == CONFIRMING else (name, self.model)
            of_integers = self.precision == "int8" and file in INT8
            model = self._core.read_model(graph(int8_graph(file) if of_integers else file, of, self._folder))
            model.reshape(shapes[name])
            if name == CONFIRMING:
                model.add_outputs(UNCLEARED)
            try:
                networks[name] = compiled = self._core.compile_model(model, "CPU", self._settings)
            except RuntimeError as error:
                if self.precision == "bf16" and not bf16_is_native():
                    raise BackendUnavailable(NO_BF16) from error
                raise
            if self.precision == "bf16" and compiled.get_property("INFERENCE_PRECISION_HINT") != ov.Type.bf16:
                raise BackendUnavailable(NO_BF16)  # with AVX2 alone OpenVINO takes float32 in its place
        return networks

    def _import(self, exported: Engines) -> Requests:
        """Load compiled graphs from the cache. Raises Outdated if this OpenVINO does not take them."""
        try:
            return chain({name: self._core.import_model(exported[name], "CPU", self._settings) for name in self._graphs})
        except Exception as error:  # its own, or of Python about bytes in its message
            raise Outdated(f"OpenVINO: {' '.join(str(error).split())[:200]}") from error

    def prepare(self, height: int, width: int, *, check: CheckParity | None = None, must_keep: bool = False) -> None:
        """Compile for a frame size, from the cache or else into it. `check` and `must_keep`: see `Cache.obtain`.

        Raises EngineError where `check` does, or, with `must_keep`, where the disk does not take what was compiled.
        """
        ready: list[Requests] = []

        def build() -> Engines:
            models = self._compile(height, width)
            ready.append(chain(models))
            return {name: model.export_model().getvalue() for name, model in models.items()}

        def load_and_check(exported: Engines) -> None:
            if not ready:
                ready.append(self._import(exported))
            if check is not None:
                check(lambda frame, mask=None: self._run(ready[0], frame, mask).matte)

        exported = self._cache.obtain(self.key(height, width), build, check=load_and_check, must_keep=must_keep, keep=KEPT)
        ready += [self._import(exported) for _ in range(1, self.at_once)]
        self._offer(height, width, ready)

    def _offer(self, height: int, width: int, ready: list[Requests]) -> None:
        waiting = self._ready[low_resolution(height, width, self.model)] = SimpleQueue()
        for requests in ready:
            waiting.put(requests)

    def _for_size(self, height: int, width: int) -> SimpleQueue[Requests]:
        low = low_resolution(height, width, self.model)
        with self._lock:
            if self._closed:
                raise was_closed(self.name)
            if low not in self._ready:
                if self._folder != FOLDER:  # the cache is for the released weights
                    self._offer(height, width, [chain(self._compile(height, width)) for _ in range(self.at_once)])
                else:
                    self.prepare(height, width)
            return self._ready[low]

    def profile(self, frame: Frame, mask: Mask | None = None) -> Profiled:
        with self._requests(frame) as requests:
            return self._run(requests, frame, mask)

    def coarse(self, frame: Frame) -> Mask:
        with self._requests(frame) as requests:
            shrink_into(requests, frame)
            return predict(requests).copy()

    @contextmanager
    def _requests(self, frame: Frame) -> Iterator[Requests]:
        check_frame(frame)
        ready = self._for_size(*frame.shape[:2])
        requests = ready.get()
        try:
            yield requests
        finally:
            ready.put(requests)

    def _run(self, requests: Requests, frame: Frame, mask: Mask | None) -> Profiled:
        times = [time.perf_counter()]
        shrink_into(requests, frame)
        if mask is None:
            coarse = predict(requests)
        else:
            coarse = requests["qun"].get_tensor("coarse").data
            coarse[:] = fit_mask(mask, coarse.shape)
        times.append(time.perf_counter())
        requests["qun"].infer()
        times.append(time.perf_counter())
        unified = requests["qun"].get_tensor("unified").data.copy()
        alpha, foreground = refine_tiles(requests["mrn-features"], requests["mrn-details"], frame, unified)
        times.append(time.perf_counter())
        matte = Matte(alpha=alpha, foreground=foreground, coarse=coarse.copy(), unified=unified)
        return Profiled(matte, dict(zip(NETWORKS, (np.diff(times) * 1e3).tolist(), strict=True)))

    def close(self) -> None:
        """Release the compiled graphs."""
        with self._lock:
            self._closed = True
            self._ready.clear()


def open_engine(name: str, *, device: str, threads: int | None, precision: str, model: str, at_once: int) -> OpenVINOEngine:
    """The engine, for `engines.load`."""
    return OpenVINOEngine(threads=threads, precision=precision, model=model, at_once=at_once, confirm=True)


def compile_ahead(request: Request) -> list[Path]:
    """Compile for this CPU, for `shm-compile`."""
    paths = []
    with OpenVINOEngine(precision=request.precision, model=request.model, cache=request.cache, confirm=True) as engine:
        for profile in request.profiles:
            size = profile.usual

            def compare(matte_of: MatteOf, size: Size = size) -> None:
                request.report(check_parity(matte_of, *size, request.model, tiled=True, precision=engine.precision))

            with request.progress(str(profile)) as on_progress:
                on_progress("openvino", 0)
                engine.prepare(*size, check=compare if request.check else None, must_keep=True)
                on_progress("openvino", 1)
            paths.append(request.cache.path(engine.key(*size)))
    return paths
