"""The engine for any CPU: the three graphs in OpenVINO, compiled for each frame size that comes.

What was compiled for the first size goes into the cache, so that the next start is quick. The sizes after it do not: a folder
of photos has hundreds.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino as ov

from engines.engine import Engine, Frame, Mask, Matte, Profiled, check_frame, fit_mask
from engines.geometry import BASE, input_shapes
from engines.store.cache import Cache, Engines, Key
from engines.store.keys import openvino_key
from engines.store.parity import MatteOf
from engines.weights import FOLDER, NETWORKS, graph, verified

log = logging.getLogger("engines")

SIZES_KEPT = 4  # frame sizes whose compiled graphs are kept: each holds its weights and its buffers
SIZES_CACHED = 8  # frame sizes that stay in the cache on disk, 16 MB each
# MPN in bfloat16 moves the edge of the mask, on dark and bright frames by a hundred levels of alpha; the other two lose nothing
# that is seen. It is the cheapest of the three.
FULL_PRECISION = {"mpn"}

Models = dict[str, ov.CompiledModel]
CheckParity = Callable[[MatteOf], object]  # raises EngineError where an engine is off


def bf16_is_native() -> bool:
    """Whether this CPU multiplies bfloat16 itself; where it does not, bfloat16 is slower than float32."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@dataclass
class Compiled:
    """The three graphs for one frame size. An inference request holds buffers, so one frame at a time goes through."""

    requests: dict[str, ov.InferRequest]
    lock: threading.Lock


def chained(models: Models) -> Compiled:
    """Requests that hand on without a copy: what one network gives is what the next one takes."""
    requests = {name: model.create_infer_request() for name, model in models.items()}
    requests["qun"].set_tensor("image", requests["mpn"].get_tensor("image"))
    requests["qun"].set_tensor("coarse", requests["mpn"].get_tensor("coarse"))
    requests["mrn"].set_tensor("unified", requests["qun"].get_tensor("unified"))
    return Compiled(requests, threading.Lock())


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
    ) -> None:
        """`threads` None: as many as there are physical cores. `precision`: "bf16", "fp32", or "auto": bf16 where it is native.

        In "bf16" the networks of FULL_PRECISION stay float32. `cache` None: the user's.
        Raises EngineError if the weights are missing or damaged.
        """
        verified(folder)
        self.model = model
        self._folder = folder
        self._cache = cache or Cache()
        self._core = ov.Core()
        self.device = str(self._core.get_property("CPU", "FULL_DEVICE_NAME")).strip()
        self.precision = ("bf16" if bf16_is_native() else "fp32") if precision == "auto" else precision
        self._settings = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1", "ENABLE_HYPER_THREADING": "NO"}
        if threads:
            self._settings["INFERENCE_NUM_THREADS"] = str(threads)
        self._compiled: OrderedDict[tuple[int, int], Compiled] = OrderedDict()
        self._lock = threading.Lock()
        self.last_ms: dict[str, float] = {}

    @property
    def threads(self) -> int:
        """How many threads an inference uses."""
        with self._lock:
            for compiled in self._compiled.values():
                model = compiled.requests["mrn"].get_compiled_model()
                return int(model.get_property("INFERENCE_NUM_THREADS"))
        return int(self._settings.get("INFERENCE_NUM_THREADS", 0))

    def _settings_for(self, name: str) -> dict[str, str]:
        bf16 = self.precision == "bf16" and name not in FULL_PRECISION
        return {**self._settings, "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32"}

    def key(self, height: int, width: int) -> Key:
        """Under which the cache has what was compiled for a frame size."""
        abilities = " ".join(sorted(self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")))
        compiler, processor = f"openvino {ov.get_version()}", f"{self.device} {abilities}"
        return openvino_key(height, width, precision=self.precision, processor=processor, compiler=compiler, model=self.model)

    def _compile(self, height: int, width: int) -> Models:
        # Static shapes: OpenVINO runs them in two thirds of the time of dynamic ones.
        shapes = input_shapes(height, width, self.model)
        models = {}
        for name in NETWORKS:
            model = self._core.read_model(graph(name, self._folder, self.model))
            model.reshape(shapes[name])
            models[name] = self._core.compile_model(model, "CPU", self._settings_for(name))
        return models

    def _imported(self, exported: Engines | None) -> Models | None:
        """Compiled graphs out of the cache; None if there are none, or this OpenVINO cannot take them."""
        if exported is None:
            return None
        try:
            return {name: self._core.import_model(exported[name], "CPU", self._settings_for(name)) for name in NETWORKS}
        except (RuntimeError, KeyError) as error:
            log.warning("OpenVINO does not take what is in the cache (%s); it compiles anew", str(error).splitlines()[0])
            return None

    def prepare(self, height: int, width: int, *, check: CheckParity | None = None, must_keep: bool = False) -> None:
        """Makes ready for a frame size, from the cache or else into it. `check` and `must_keep`: see `Cache.obtain`.

        Raises EngineError where `check` says so, or, with `must_keep`, the disk does not take what was compiled.
        """
        made: list[Models] = []

        def build() -> Engines:
            made.append(self._compile(height, width))
            return {name: model.export_model().getvalue() for name, model in made[0].items()}

        def checked(exported: Engines) -> None:
            models = made[0] if made else self._imported(exported)
            if check is not None and models is not None:
                check(lambda frame: self._run(chained(models), frame, None).matte)

        key = self.key(height, width)
        exported = self._cache.obtain(key, build, check=checked if check else None, must_keep=must_keep, keep=SIZES_CACHED)
        models = made[0] if made else self._imported(exported) or self._compile(height, width)
        self._compiled[height, width] = chained(models)

    def _for_size(self, height: int, width: int) -> Compiled:
        with self._lock:
            if (height, width) not in self._compiled:
                if self._folder != FOLDER:  # the cache is for the weights that ship
                    self._compiled[height, width] = chained(self._compile(height, width))
                elif not self._compiled:
                    self.prepare(height, width)
                else:
                    models = self._imported(self._cache.read(self.key(height, width))) or self._compile(height, width)
                    self._compiled[height, width] = chained(models)
                if len(self._compiled) > SIZES_KEPT:
                    self._compiled.popitem(last=False)
            self._compiled.move_to_end((height, width))
            return self._compiled[height, width]

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        return self.profile(frame, mask).matte

    def profile(self, frame: Frame, mask: Mask | None = None) -> Profiled:
        check_frame(frame)
        return self._run(self._for_size(*frame.shape[:2]), frame, mask)

    def _run(self, compiled: Compiled, frame: Frame, mask: Mask | None) -> Profiled:
        with compiled.lock:
            requests = compiled.requests
            shared = ov.Tensor(frame, shared_memory=True)
            # The last network writes into the caller's own arrays.
            alpha, foreground = np.empty(frame.shape[:2], np.float32), np.empty_like(frame)
            requests["mrn"].set_tensor("alpha", ov.Tensor(alpha, shared_memory=True))
            requests["mrn"].set_tensor("foreground", ov.Tensor(foreground, shared_memory=True))
            times = [time.perf_counter()]
            requests["mpn"].set_tensor("frame", shared)
            requests["mpn"].infer()
            coarse = requests["mpn"].get_tensor("coarse").data
            if mask is not None:
                coarse[:] = fit_mask(mask, coarse.shape)
            times.append(time.perf_counter())
            requests["qun"].infer()
            times.append(time.perf_counter())
            requests["mrn"].set_tensor("frame", shared)
            requests["mrn"].infer()
            times.append(time.perf_counter())
            unified = requests["qun"].get_tensor("unified").data.copy()
            matte = Matte(alpha=alpha, foreground=foreground, coarse=coarse.copy(), unified=unified)
            self.last_ms = dict(zip(NETWORKS, (np.diff(times) * 1e3).tolist(), strict=True))
            return Profiled(matte, self.last_ms)

    def close(self) -> None:
        """Gives back the compiled graphs."""
        with self._lock:
            self._compiled.clear()


def open_engine(name: str, *, device: str, threads: int | None, precision: str, model: str) -> OpenVINOEngine:
    """The engine, for `engines.load`."""
    return OpenVINOEngine(threads=threads, precision=precision, model=model)
