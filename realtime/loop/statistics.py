"""Statistics of a live session: frames a second, delay and dropped frames."""

import math
import time
from collections import deque
from collections.abc import Callable
from statistics import median

SPAN = 2.0  # s that the statistics cover
RECENT = 1000  # frames that they cover at most


class LiveStatistics:
    """Counts the frames shown, and how late each was. While none come the rate falls to 0 by itself.

    `clock` returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = self._last = clock()
        self.count = 0
        self._recent: deque[tuple[float, float]] = deque(maxlen=RECENT)  # when each was shown, and its delay

    def add(self, delay: float) -> None:
        """Count a frame that was shown this many seconds after it arrived."""
        self.count += 1
        self._last = self._clock()
        self._recent.append((self._last, delay))

    @property
    def rate(self) -> float:
        """Frames a second over the last two seconds; 0 before the second frame."""
        now = self._clock()
        times = [shown for shown, _ in self._recent if now - shown < SPAN]
        if len(times) < 2:
            return 0.0
        step = (times[-1] - times[0]) / (len(times) - 1)
        # Counted up to now if the next frame is overdue.
        return (len(times) - 1) / max(times[-1] - times[0], now - times[0] - step, 1e-9)

    @property
    def delay_ms(self) -> float:
        """Median milliseconds from arrival to display over the last two seconds; nan if there was no frame."""
        now = self._clock()
        return 1000 * median([delay for shown, delay in self._recent if now - shown < SPAN] or [math.nan])

    @property
    def silence(self) -> float:
        """Seconds since the last frame was shown, or since the start."""
        return self._clock() - self._last

    def line(self, dropped: int) -> str:
        """Rate, delay and drops in words."""
        if self.silence > SPAN:
            return f"no frame for {self.silence:.0f} s, dropped {dropped}"
        return f"{self.rate:.1f} frames/s, delay {self.delay_ms:.0f} ms, dropped {dropped}"

    def summary(self, dropped: int) -> str:
        """One line for the end."""
        seconds = self._last - self._start
        delays = [1000 * delay for _, delay in self._recent]
        if not delays or not seconds:
            return "no frame was shown"
        delay = f"delay {median(delays):.0f} ms (of the last {len(delays)})"
        shown = f"{self.count} frames in {seconds:.1f} s: {self.count / seconds:.1f} frames/s"
        return f"{shown}, {delay}, {dropped} dropped for newer ones"
