"""Frames that come at their own pace, whether we are ready or not: the base of cameras, streams and videos that play."""

import threading
import time
from collections.abc import Iterator
from fractions import Fraction

from realtime.closing import Closing
from realtime.packet import Packet

NANOSECOND = Fraction(1, 1_000_000_000)


class PausableClock:
    """Exact seconds since its start, never stepping back, and stopped while it is paused."""

    def __init__(self) -> None:
        self._start = time.monotonic_ns()
        self._paused_at: int | None = None
        self._lock = threading.Lock()

    def now(self) -> Fraction:
        """Seconds since the start, without the pauses."""
        with self._lock:
            return ((self._paused_at or time.monotonic_ns()) - self._start) * NANOSECOND

    def pause(self, paused: bool) -> None:
        """Stop the clock, or let it go on."""
        with self._lock:
            if paused and self._paused_at is None:
                self._paused_at = time.monotonic_ns()
            elif not paused and self._paused_at is not None:
                self._start += time.monotonic_ns() - self._paused_at
                self._paused_at = None


class LiveSource(Closing):
    """Packets at their own pace; `packet.time` is when the frame arrived, and `delay` how long ago that was.

    Attributes:
        height, width: of the frames, in pixels.
        rate: frames a second, or None if unknown.
        name: of the source, for the user.
    """

    height: int
    width: int
    rate: Fraction | None = None
    name: str

    def __init__(self) -> None:
        self._clock = PausableClock()
        self._closed = threading.Event()
        self._paused = False

    def __iter__(self) -> Iterator[Packet]:
        raise NotImplementedError

    def delay(self, packet: Packet) -> float:
        """Seconds since the frame of this packet arrived."""
        return float(self._clock.now() - packet.time)

    def pause(self, paused: bool) -> None:
        """Deliver no packets and stop the clock until called with False. What a camera shows meanwhile is lost."""
        self._paused = paused
        self._clock.pause(paused)

    def stop(self) -> None:
        """End the iteration, from any thread, within about a second, even if no frame comes."""
        self._closed.set()

    def close(self) -> None:
        """End the iteration and release the source. While another thread iterates, call `stop` instead."""
        self.stop()
