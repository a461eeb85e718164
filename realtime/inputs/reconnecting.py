"""Live sources that may stall or disappear: the base of cameras and network streams."""

import itertools
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from engines.engine import Frame, Matte
from engines.geometry import Size
from realtime.choices import HOLD
from realtime.inputs.live_source import LiveSource
from realtime.packet import Packet
from realtime.pixels.resize import resize_to_fit

SILENT = 1.5  # s without a picture until the user is notified
STALL = 5.0  # s without a picture until the source is reopened
GONE = 0.5  # s: a read that fails sooner than this did not wait for a picture, so the source is gone
RETRY = 0.5  # s between attempts to reopen a source


class ReconnectingSource(LiveSource):
    """A source that is waited for when it stalls and reopened when it is gone, with a notice to the user.

    Meanwhile the last picture stays for `hold` seconds; then come packets that are `absent`: black, with an empty matte, so
    that the background is shown alone. Pictures of another size than the first are resized to it.

    Args:
        hold: in seconds.
        notify: called with one line when pictures stay away, for each reason that gets known, when they return, or change size.
    """

    def __init__(self, *, hold: float = HOLD, notify: Callable[[str], object] = print) -> None:
        super().__init__()
        self._hold = hold
        self._notify = notify
        self._ended = False  # set when no more pictures are to be waited for
        self._announced_size: Size | None = None
        self._fault: str | None = None  # why no picture comes and what to do, where `_read` knows
        self._opacity: NDArray[np.uint8] | None = None  # of the picture that `_read` gave last, of its size

    def _read(self) -> Frame | None:
        """The next picture, uint8 RGB (H, W, 3), or None if none came within about a second."""
        raise NotImplementedError

    def _reopen(self) -> None:
        """Try to open the source again. Whether that worked shows in `_read`."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Packet]:
        numbers = itertools.count()
        last = time.monotonic()
        told: set[str | None] = set()  # faults, since pictures came
        again = False  # whether the last read gave a picture: one alone may be the last of a broken connection, come late
        while not self._closed.is_set():
            asked = time.monotonic()
            picture = self._read()
            now = time.monotonic()
            if self._closed.is_set() or self._ended:
                return
            if picture is not None:
                if told and again:
                    self._notify(f"{self.name} gives pictures again")
                    told = set()
                last, again = now, True
                if not self._paused:
                    frame, opacity = self._resized(picture), self._opacity
                    if opacity is not None and opacity.shape != frame.shape[:2]:
                        opacity = resize_to_fit(opacity, self.height, self.width, "cover")
                    yield Packet(frame, self._clock.now(), next(numbers), opacity=opacity)
                continue
            again = False
            if now - last > SILENT and self._fault not in told and (self._fault or not told):
                reason = f" ({self._fault})" if self._fault else ""
                self._notify(f"{self.name} gives no picture{reason}; waiting for it")
                told.add(self._fault)
            if now - asked < GONE:
                self._closed.wait(RETRY)
            if now - asked < GONE or now - last > STALL:
                self._reopen()
            if now - last > self._hold and not self._paused:
                yield self._absent(next(numbers))

    def _resized(self, picture: Frame) -> Frame:
        size, expected = Size(*picture.shape[:2]), Size(self.height, self.width)
        if size == expected:
            return picture
        if size != self._announced_size:
            self._announced_size = size
            self._notify(f"{self.name} now gives {size}; it is resized to {expected}")
        return resize_to_fit(picture, *expected, "cover")

    def _absent(self, index: int) -> Packet:
        empty = np.zeros((self.height, self.width), np.float32)
        black = np.zeros((self.height, self.width, 3), np.uint8)
        small = np.zeros((8, 8), np.float32)
        return Packet(black, self._clock.now(), index, matte=Matte(empty, black, small, small), absent=True)
