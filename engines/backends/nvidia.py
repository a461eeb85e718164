"""What an NVIDIA GPU needs to be of use here, and what to type where it is missing."""

import ctypes
import importlib.util
import os

from engines.errors import BackendUnavailable

PACKAGES = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx", "torch": "torch"}  # backend, which is its extra: module


def driver_missing() -> str:
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


def packages_missing(backend: str) -> list[str]:
    """The modules that a GPU backend needs and that are not installed."""
    needed = dict.fromkeys((PACKAGES[backend], "torch", *(["safetensors"] if backend == "torch" else ["onnx"])))
    return [name for name in needed if importlib.util.find_spec(name) is None]


def remedy(backend: str) -> str:
    """What to type to install what a GPU backend needs."""
    extras = {"tensorrt-rtx": "tensorrt-rtx,torch"}.get(backend, backend)
    return f"type: pip install 'semantic-human-matting[{extras}]'"


def require(backend: str) -> None:
    """Raises BackendUnavailable, one line, with all that a GPU backend lacks here and what to do about it."""
    lacks = []
    if packages := packages_missing(backend):
        lacks.append(f"{' and '.join(packages)} not installed ({remedy(backend)})")
    if missing := driver_missing():
        lacks.append(f"{missing} (install one from https://www.nvidia.com/drivers, or take --backend openvino)")
    if lacks:
        raise BackendUnavailable(f"--backend {backend} cannot run here: {'; '.join(lacks)}")
