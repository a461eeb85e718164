"""Whether an NVIDIA GPU can be used on this machine, and what a backend for one lacks."""

import ctypes
import os

from engines.backends import BACKENDS
from engines.errors import BackendUnavailable


def driver_missing() -> str:
    """Why no NVIDIA GPU can be used, or an empty string if one can, as far as the driver's library says."""
    name = "nvcuda.dll" if os.name == "nt" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return "no NVIDIA driver"
    count = ctypes.c_int()
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
        return "no NVIDIA GPU"
    return ""


def require(backend: str) -> None:
    """Raise BackendUnavailable, one line, with all that a GPU backend lacks on this machine and what to do about it."""
    lacks = []
    if packages := BACKENDS[backend].missing_packages():
        lacks.append(f"{' and '.join(packages)} not installed ({BACKENDS[backend].remedy})")
    if missing := driver_missing():
        lacks.append(f"{missing} (install one from https://www.nvidia.com/drivers, or take the backend openvino)")
    if lacks:
        raise BackendUnavailable(f"{backend} cannot run on this machine: {'; '.join(lacks)}")
