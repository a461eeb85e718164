"""One engine for several threads."""

import threading

from engines.engine import Engine, Frame, Mask, Matte, Profiled


class SharedEngine(Engine):
    """An engine that takes frames from any thread, one at a time: photos pass between the frames of a video."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._lock = engine, threading.Lock()
        self.name, self.device, self.precision, self.model = engine.name, engine.device, engine.precision, engine.model

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        with self._lock:
            return self._engine(frame, mask)

    def profile(self, frame: Frame, mask: Mask | None = None) -> Profiled:
        with self._lock:
            return self._engine.profile(frame, mask)

    def close(self) -> None:
        """Leaves the engine open, which belongs to who opened it."""
