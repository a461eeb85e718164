"""The machine that a figure was measured on, and whether it had anything else to do."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

BUSY = 0.10  # share of the processors' time taken by others from which figures are not to be trusted
PACKAGES = ("semantic-human-matting", "openvino", "torch", "tensorrt", "opencv-python", "numpy")
VECTOR_UNITS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")
STATISTICS = Path("/proc/stat")


def describe() -> dict[str, str]:
    """Processor, its vector units, cores that this process may use, system, and versions of what is installed and matters."""
    information = _processor_information()
    flags = set(information.get("flags", information.get("Features", "")).split())
    facts = {"processor": information.get("model name") or platform.processor() or platform.machine()}
    facts["vector units"] = " ".join(unit for unit in VECTOR_UNITS if unit in flags) or "not known"
    facts |= {"cores": str(_cores()), "system": platform.platform(terse=True), "python": platform.python_version()}
    for package in PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            continue
    return facts


class OtherWork:
    """Watches what share of the processors' time other programs take, from its making until `share` is called."""

    def __init__(self) -> None:
        self._begin = _seconds() if STATISTICS.exists() else None

    def share(self) -> float:
        """In [0, 1]. This process and its children that have ended are not others.

        Where the system has no /proc/stat it is the load average of the last minute less this process's one, by the cores.
        """
        if self._begin is None:
            load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
            return min(1.0, max(0.0, load - _cores()) / _cores())
        total, used, own = (after - before for after, before in zip(_seconds(), self._begin, strict=True))
        return min(1.0, max(0.0, (used - own) / max(total, 0.01)))


def _seconds() -> tuple[float, float, float]:
    """Seconds of all processors since the start: all, those in use, and those that this process and its ended children used."""
    ticks = [int(field) for field in STATISTICS.read_text().splitlines()[0].split()[1:9]]
    idle = ticks[3] + ticks[4]  # nothing to do, or waiting for a disk
    rate = os.sysconf("SC_CLK_TCK")
    return sum(ticks) / rate, (sum(ticks) - idle) / rate, sum(os.times()[:4])


def _processor_information() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    first = path.read_text().split("\n\n")[0] if path.exists() else ""
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
