"""The machine that a figure was measured on, and its load from other programs. Without psutil, less is known of both."""

import os
import platform
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engines.errors import MattingError
from engines.weights import digest, models

try:
    import psutil
except ModuleNotFoundError:  # the base install has none
    psutil = None

BUSY = 0.10  # share of the processors' time; if other programs take more, figures are not to be trusted
STOLEN = 0.02  # likewise, of the time that a virtual machine's host takes
SAMPLE = 1.0  # s, of monitoring before the work begins
PACKAGES = ("semantic-human-matting", "openvino", "torch", "tensorrt", "opencv-python", "numpy", "av")
VECTOR_UNITS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")


def describe() -> dict[str, str]:
    """Processor, vector units, cores of this process, memory, GPU, system, versions of what matters, and the weights."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().split("\n\n")[0].splitlines() if path.exists() else []
    information = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    flags = set(information.get("flags", information.get("Features", "")).split())
    facts = {"processor": information.get("model name") or platform.processor() or platform.machine()}
    facts["vector units"] = " ".join(unit for unit in VECTOR_UNITS if unit in flags) or "unknown"
    facts["cores"] = str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    if psutil is not None:
        facts["memory"] = f"{psutil.virtual_memory().total / 2**30:.0f} GiB"
    if gpu := _gpu():
        facts["GPU"] = gpu
    facts |= {"system": platform.platform(terse=True), "python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            facts[package] = version(package)
    return facts | {"weights": weights()}


def weights() -> str:
    """The first digits of the SHA-256 of each model's weights; "none" where they are missing or damaged."""
    try:
        return ", ".join(f"{model} {digest(model)[:8]}" for model in models())
    except (MattingError, KeyError):
        return "none"


def _gpu() -> str:
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return ""
    return "; ".join(done.stdout.strip().splitlines())


@dataclass(frozen=True)
class Load:
    """Load from others while something was measured, as shares of the processors' time, in [0, 1].

    `before` and `during` are of other programs, in the second before and while measuring; `stolen` is of the host of a virtual
    machine.
    """

    before: float
    during: float
    stolen: float

    @property
    def warning(self) -> str | None:
        """One line where the figures are not to be trusted."""
        causes = []
        if max(self.before, self.during) > BUSY:
            causes.append(f"other programs took {self.during:.0%} of the processors ({self.before:.0%} before it began)")
        if self.stolen > STOLEN:
            causes.append(f"the virtual machine's host took {self.stolen:.0%}")
        return f"The machine was busy, so times are too high: {'; '.join(causes)}." if causes else None


class LoadMonitor:
    """Measures the load from programs other than this process and its children, from construction until `load` is called.

    Construction takes SAMPLE seconds, in which this process should be idle.
    """

    def __init__(self) -> None:
        if psutil is None:
            return
        begin = _seconds()
        time.sleep(SAMPLE)
        self._begin = _seconds()
        self._before, _ = _shares(begin, self._begin)

    def load(self) -> Load | None:
        """The load so far, None without psutil."""
        return None if psutil is None else Load(self._before, *_shares(self._begin, _seconds()))


def _seconds() -> tuple[float, float, float]:
    """Seconds of all processors since boot: in all, used by other programs, and taken by the host."""
    times = psutil.cpu_times()
    stolen = getattr(times, "steal", 0.0)
    # Guests are counted in user and nice, too.
    everything = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    used = everything - times.idle - getattr(times, "iowait", 0.0) - stolen
    return everything, used - _own_seconds(), stolen


def _own_seconds() -> float:
    """Seconds that this process and its children have used."""
    own = psutil.Process()
    seconds = 0.0
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.Error):  # it has just ended
            times = process.cpu_times()
            seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def _shares(begin: tuple[float, ...], end: tuple[float, ...]) -> tuple[float, float]:
    """The shares of other programs and of the host between two readings of `_seconds`."""
    everything, others, stolen = (after - before for after, before in zip(end, begin, strict=True))
    everything = max(everything, 0.01)
    return min(1.0, max(0.0, others / everything)), min(1.0, max(0.0, stolen / everything))


def peak_memory(pid: int) -> float | None:
    """Peak memory of a process so far, in MB of 10^6 bytes; on macOS what it has now. None off Linux without psutil.

    Not the maximum of getrusage: on Linux a child inherits its parent's.
    """
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    if psutil is None:
        return None
    memory = psutil.Process(pid).memory_info()
    return float(getattr(memory, "peak_wset", memory.rss)) / 1e6
