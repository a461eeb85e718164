"""One engine for several threads: as many frames at once as it can take, and no more."""

import threading

import numpy as np
import pytest

from engines.engine import Frame, Mask, Matte
from realtime.serve.work_queue import SharedEngine
from tests.realtime.plain_engine import PlainEngine


@pytest.mark.parametrize("at_once", [1, 2])
def test_as_many_frames_at_once_as_the_engine_takes(at_once: int) -> None:
    class Counting(PlainEngine):
        running = most = done = 0
        lock, full = threading.Lock(), threading.Barrier(at_once)

        def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
            with self.lock:
                self.running += 1
                self.most = max(self.most, self.running)
            self.full.wait(60)  # breaks unless so many come at once
            matte = super().__call__(frame, mask)
            with self.lock:
                self.running -= 1
                self.done += 1
            return matte

    engine = Counting(0.01)
    engine.at_once = at_once
    shared = SharedEngine(engine)
    threads = [threading.Thread(target=shared, args=(np.zeros((32, 32, 3), np.uint8),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (engine.done, engine.most) == (8, at_once)
