"""`load`: an engine for this machine, and why it is that one."""

import ctypes
import importlib.util
import logging
import os

from engines.engine import Engine
from engines.errors import InputError

log = logging.getLogger("engines")

BACKENDS = ("auto", "openvino", "torch")
PRECISIONS = {"openvino": ("auto", "bf16", "fp32"), "torch": ("auto", "fp32", "bf16", "fp16")}


def nvidia_driver_missing() -> str:
    """Why no NVIDIA GPU can be used here: an empty string if one can, as far as the driver's library tells."""
    name = "nvcuda.dll" if os.name == "nt" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return "no NVIDIA driver"
    count = ctypes.c_int()
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
        return "no NVIDIA GPU"
    return ""


def _torch(threads: int | None, precision: str, device: str) -> Engine:
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("safetensors") is None:
        raise InputError("--backend torch: PyTorch is not installed; type: pip install 'semantic-human-matting[torch]'")
    from engines.torch_engine import TorchEngine

    return TorchEngine(threads=threads, precision=precision, device=device)


def _openvino(threads: int | None, precision: str) -> Engine:
    from engines.openvino_engine import OpenVINOEngine

    return OpenVINOEngine(threads=threads, precision=precision)


def load(backend: str = "auto", *, threads: int | None = None, precision: str = "auto") -> Engine:
    """An engine with the weights that ship.

    `backend` "auto" takes the fastest that this machine can run: "torch" on an NVIDIA GPU, else "openvino" on the CPU; the
    logger "engines" says which and why the others were not taken. A backend asked for by name is taken, or the error says what
    it lacks. `threads`: of a CPU, None for as many as there are cores. `precision`: "auto", "fp32", "bf16" or "fp16".

    Raises InputError if there is no such backend or precision, or it cannot run here.
    """
    if backend not in BACKENDS:
        raise InputError(f"--backend {backend}: unknown; take one of {', '.join(BACKENDS)}")
    if threads is not None and threads < 1:
        raise InputError(f"--threads {threads}: must be at least 1")
    device, why = "auto", "asked for"
    if backend == "auto":
        missing = nvidia_driver_missing()
        if not missing and importlib.util.find_spec("torch") is None:
            missing = "there is an NVIDIA GPU, but PyTorch is not installed: pip install 'semantic-human-matting[torch]'"
        backend, device, why = (
            ("openvino", "cpu", f"no GPU backend: {missing}") if missing else ("torch", "cuda", "an NVIDIA GPU is here")
        )
    if precision not in PRECISIONS[backend]:
        raise InputError(f"--precision {precision}: {backend} has {', '.join(PRECISIONS[backend])}")
    engine = _openvino(threads, precision) if backend == "openvino" else _torch(threads, precision, device)
    log.info("%s, %s, on %s (%s)", engine.name, engine.precision, engine.device, why)
    return engine
