"""One engine for several threads."""

import threading

from engines.engine import Engine, Frame, Mask, Matte, Profiled


class SharedEngine(Engine):
    """An engine that takes frames from any thread, as many as it can at once: photos pass between the frames of a video."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._free = engine, threading.Semaphore(engine.at_once)
        self.name, self.device, self.precision, self.model = engine.name, engine.device, engine.precision, engine.model
        self.at_once = engine.at_once

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        with self._free:
            return self._engine(frame, mask)

    def profile(self, frame: Frame, mask: Mask | None = None) -> Profiled:
        with self._free:
            return self._engine.profile(frame, mask)

    def close(self) -> None:
        """Leaves the engine open, which belongs to who opened it."""
