"""The engine for any CPU: the three graphs in OpenVINO, compiled for each frame size that comes."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino as ov

from engines.engine import Frame, Mask, Matte, check_frame, fit_mask
from engines.geometry import input_shapes
from engines.weights import FOLDER, NETWORKS, graph

SIZES_KEPT = 4  # frame sizes whose compiled graphs are kept: each holds its weights and its buffers


def bf16_is_native() -> bool:
    """Whether this CPU multiplies bfloat16 itself; where it does not, bfloat16 is slower than float32."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@dataclass
class Compiled:
    """The three graphs for one frame size. An inference request holds buffers, so one frame at a time goes through."""

    requests: dict[str, ov.InferRequest]
    lock: threading.Lock


class OpenVINOEngine:
    """See `engines.engine.Engine`. `last_ms` has the milliseconds of the last call: mpn, qun, mrn."""

    name = "openvino"

    def __init__(self, *, threads: int | None = None, precision: str = "auto", folder: Path = FOLDER) -> None:
        """`threads` None: as many as there are physical cores. `precision`: "bf16", "fp32", or "auto": bf16 where it is native.

        Raises InputError if the weights are missing or damaged.
        """
        self._core = ov.Core()
        self.device = str(self._core.get_property("CPU", "FULL_DEVICE_NAME")).strip()
        self.precision = ("bf16" if bf16_is_native() else "fp32") if precision == "auto" else precision
        self._settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_PRECISION_HINT": {"bf16": "bf16", "fp32": "f32"}[self.precision],
        }
        if threads:
            self._settings["INFERENCE_NUM_THREADS"] = str(threads)
        self._models = {name: self._core.read_model(graph(name, folder)) for name in NETWORKS}
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

    def _compile(self, height: int, width: int) -> Compiled:
        # Static shapes: OpenVINO runs them in two thirds of the time of dynamic ones.
        shapes = input_shapes(height, width)
        requests = {}
        for name in NETWORKS:
            model = self._models[name].clone()
            model.reshape(shapes[name])
            requests[name] = self._core.compile_model(model, "CPU", self._settings).create_infer_request()
        # What one network gives is what the next one takes, without a copy.
        requests["qun"].set_tensor("image", requests["mpn"].get_tensor("image"))
        requests["qun"].set_tensor("coarse", requests["mpn"].get_tensor("coarse"))
        requests["mrn"].set_tensor("unified", requests["qun"].get_tensor("unified"))
        return Compiled(requests, threading.Lock())

    def _for_size(self, height: int, width: int) -> Compiled:
        with self._lock:
            compiled = self._compiled.get((height, width))
            if compiled is None:
                compiled = self._compiled[height, width] = self._compile(height, width)
                if len(self._compiled) > SIZES_KEPT:
                    self._compiled.popitem(last=False)
            self._compiled.move_to_end((height, width))
            return compiled

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        """See `engines.engine.Engine`."""
        check_frame(frame)
        compiled = self._for_size(*frame.shape[:2])
        with compiled.lock:
            requests = compiled.requests
            shared = ov.Tensor(frame, shared_memory=True)
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
            self.last_ms = dict(zip(NETWORKS, (np.diff(times) * 1e3).tolist(), strict=True))
            return Matte(
                alpha=requests["mrn"].get_tensor("alpha").data.copy(),
                foreground=requests["mrn"].get_tensor("foreground").data.copy(),
                coarse=coarse.copy(),
                unified=requests["qun"].get_tensor("unified").data.copy(),
            )

    def close(self) -> None:
        """Gives back the compiled graphs."""
        with self._lock:
            self._compiled.clear()
