"""What a pipeline consists of: named stages, the order in which their packets go on, and the time that they take."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

RECENT = 4096  # times kept of each stage, for its median: constant memory on an endless stream


def nothing() -> None:
    """Default of `release` and `idle`."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A named step: `work(packet)` changes its packet in place, or, as a sink, only reads it.

    `release()` is called when the pipeline stops, from any thread and maybe more than once: work that waits for something
    outside, such as the reader of a pipe, returns soon after.

    `depth` is how many packets may wait for it, by default as many as the pipeline's own depth. `idle()` is called, in the
    stage's thread, whenever no packet has come for `idle_seconds`. With several `threads` it works on as many packets at once,
    which leave it in their order all the same. One that is `ahead` sees the next packet, too: `work(packet, following)`, with
    None behind the last. It has one thread, and is never idle.
    """

    name: str
    work: Callable[..., object]
    release: Callable[[], object] = nothing
    depth: int | None = None
    idle: Callable[[], object] = nothing
    idle_seconds: float | None = None
    threads: int = 1
    ahead: bool = False


class Turn(NamedTuple):
    """Both are set once a packet has gone on: the one before, and this one."""

    before: threading.Event
    done: threading.Event


class Turns:
    """The order in which the packets of a stage go on, whichever of its threads worked on them."""

    def __init__(self, threads: int) -> None:
        self.taking = threading.Lock()  # of a packet and of its turn
        self._last = threading.Event()
        self._last.set()
        self._working = threads

    def take(self) -> "Turn":
        """The next turn. Called with `taking`."""
        before, self._last = self._last, threading.Event()
        return Turn(before, self._last)

    def leave(self) -> bool:
        """Count a thread that ends; return whether it was the last."""
        with self.taking:
            self._working -= 1
            return not self._working


class StageTimes:
    """The times that a stage takes for its packets."""

    def __init__(self) -> None:
        self.count = 0
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._lock = threading.Lock()

    def add(self, seconds: float) -> None:
        """Count one packet."""
        with self._lock:
            self.count += 1
            self._recent.append(seconds)

    @property
    def median_ms(self) -> float:
        """Median milliseconds over the most recent packets (4096 at most); nan before the first."""
        with self._lock:
            return 1000 * median(self._recent) if self._recent else float("nan")
