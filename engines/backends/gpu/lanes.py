"""The lanes of one engine: one for each frame size that comes, kept for the last few."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from engines.backends.gpu.lane import Lane, PendingFrame
from engines.backends.gpu.streams import Streams, Timer
from engines.engine import Frame, Mask, check_frame, was_closed

SIZES_KEPT = 4  # frame sizes whose buffers and graphs are kept


class Lanes:
    """Takes frames of any size, from any number of threads.

    `name`: of the backend. `make(height, width)` makes the lane of a size.
    """

    def __init__(self, name: str, streams: Streams, make: Callable[[int, int], Lane]) -> None:
        self._name = name
        self._streams = streams
        self._make = make
        self._lanes: OrderedDict[tuple[int, int], Lane] = OrderedDict()
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, frame: Frame, mask: Mask | None = None, timers: tuple[Timer, Timer] | None = None) -> PendingFrame:
        """Start a frame in the lane of its size. Raises ValueError for a frame or a mask of another form, and EngineError after
        `close`.

        `timers`: see `Lane.submit`.
        """
        check_frame(frame)
        height, width = frame.shape[:2]
        with self._lock:
            if self._closed:
                raise was_closed(self._name)
            if (height, width) not in self._lanes:
                self._lanes[height, width] = self._make(height, width)
                if len(self._lanes) > SIZES_KEPT:
                    self._streams.drain()  # memory in use must not be freed
                    self._lanes.popitem(last=False)
            self._lanes.move_to_end((height, width))
            return self._lanes[height, width].submit(frame, mask, timers)

    def close(self) -> None:
        """Release the networks and their buffers, except those of frames that nobody has taken yet."""
        with self._lock:
            self._closed = True
            self._streams.drain()
            self._lanes.clear()
