"""`load`: an engine for this machine, and why it is that one."""

import logging

from engines.backends.nvidia import driver_missing, packages_missing, remedy, require
from engines.engine import Engine
from engines.errors import BackendUnavailable
from engines.geometry import BASE, MODELS

log = logging.getLogger("engines")

ON_GPU = ("tensorrt", "tensorrt-rtx", "torch")  # fastest first
BACKENDS = ("auto", *ON_GPU, "openvino")
PRECISIONS = {
    "openvino": ("auto", "bf16", "fp32"),
    "torch": ("auto", "fp32", "bf16", "fp16"),
    "tensorrt": ("auto", "fp16"),
    "tensorrt-rtx": ("auto", "fp16"),
}


def fastest() -> tuple[str, str]:
    """The fastest backend that this machine can run, and why it is that one."""
    if missing := driver_missing():
        return "openvino", f"no GPU backend: {missing}"
    for backend in ON_GPU:
        if not packages_missing(backend):
            return backend, "an NVIDIA GPU is here"
    return "openvino", f"there is an NVIDIA GPU, but {packages_missing('torch')[0]} is not installed; {remedy('torch')}"


def load(backend: str = "auto", *, threads: int | None = None, precision: str = "auto", model: str = BASE) -> Engine:
    """An engine with the weights that ship.

    `backend` "auto" takes the fastest that this machine can run: "tensorrt", "tensorrt-rtx" or "torch" on an NVIDIA GPU,
    whichever is installed, else "openvino" on the CPU; the logger "engines" says which and why. A backend asked for by name is
    taken, or the error says what it lacks. Engines for a size of frames are built when the first such frame comes, and kept.
    `threads`: of a CPU, None for one per physical core. `precision`: "auto", "fp32", "bf16" or "fp16". `model`: "base", or
    "large", which sees more than twice as many pixels where it looks for people: finer mattes, and more time.

    Raises BackendUnavailable if there is no such backend, precision or model, or it cannot run here.
    """
    if backend not in BACKENDS:
        raise BackendUnavailable(f"--backend {backend}: unknown; take one of {', '.join(BACKENDS)}")
    if threads is not None and threads < 1:
        raise BackendUnavailable(f"--threads {threads}: must be at least 1")
    check_model(model)
    why = "asked for"
    device = "auto"  # PyTorch, asked for by name, is content with a CPU
    if backend == "auto":
        backend, why = fastest()
        device = "cuda"
    if precision not in PRECISIONS[backend]:
        raise BackendUnavailable(f"--precision {precision}: {backend} has {', '.join(PRECISIONS[backend])}")
    engine = made(backend, threads, precision, device, model)
    log.info("%s, %s, model %s, on %s (%s)", engine.name, engine.precision, engine.model, engine.device, why)
    return engine


def check_model(model: str) -> None:
    """Raises BackendUnavailable if there is no such model."""
    if model not in MODELS:
        raise BackendUnavailable(f"--model {model}: unknown; take one of {', '.join(MODELS)}")


def made(backend: str, threads: int | None, precision: str, device: str, model: str) -> Engine:
    """The engine of a backend. Each is imported only when it is wanted: no CPU engine loads PyTorch."""
    if backend == "openvino":
        from engines.backends.openvino import OpenVINOEngine

        return OpenVINOEngine(threads=threads, precision=precision, model=model)
    if backend == "torch":
        if packages_missing("torch"):
            raise BackendUnavailable(f"--backend torch: PyTorch is not installed; {remedy('torch')}")
        from engines.backends.torch import TorchEngine

        return TorchEngine(threads=threads, precision=precision, device=device, model=model)
    require(backend)
    from engines.backends.tensorrt.engine import TensorRTEngine

    return TensorRTEngine(backend, model=model)
