"""Time that passes only when something waits for it, so that tests hold on a busy machine."""

import threading
from collections.abc import Callable

from realtime.inputs.live_source import LiveSource


class FakeTime:
    """Stands in for the module `time` of the live sources, and for the event on which they wait."""

    def __init__(self) -> None:
        self.nanoseconds = 1_000_000_000
        self.on_wait: Callable[[], object] = lambda: None

    def monotonic(self) -> float:
        return self.nanoseconds / 1e9

    def monotonic_ns(self) -> int:
        return self.nanoseconds

    def advance(self, seconds: float) -> None:
        self.nanoseconds += max(1, round(seconds * 1e9))

    def drive(self, source: LiveSource) -> None:
        """Let the waits of a source take this time."""
        outer = self

        class Event(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                assert timeout is not None
                outer.on_wait()
                if not self.is_set():
                    outer.advance(timeout)
                return self.is_set()

        source._closed = Event()
