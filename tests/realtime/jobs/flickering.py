"""`shm-video` with an engine whose mattes flicker, so that each depends on all before it through the temporal filter."""

import os
import sys
import time
import zlib
from typing import Any

import numpy as np

import engines
from engines.engine import Frame, Mask, Matte
from realtime.jobs import segments
from tests.realtime.clips import matte
from tests.realtime.plain_engine import PlainEngine

FRAMES = 6  # of a segment
SECONDS = "FLICKERING_SECONDS"  # variable: what the engine of a Ray worker takes for a frame


class FlickeringEngine(PlainEngine):
    """Weakens the matte of a clip's ball at random, always alike for the same frame."""

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        time.sleep(self.seconds)
        found = matte(frame)
        weak = np.random.default_rng(zlib.crc32(frame)).uniform(0.2, 1, found.alpha.shape).astype(np.float32)
        return Matte(found.alpha * weak, found.foreground, found.coarse, found.unified)


def install(seconds: float) -> None:
    def load(*_: Any, **__: Any) -> FlickeringEngine:
        return FlickeringEngine(seconds)

    engines.load = load
    segments.FRAMES = FRAMES


def install_in_worker() -> None:
    """Called by Ray in each worker, before its first task."""
    install(float(os.environ[SECONDS]))


if __name__ == "__main__":
    install(float(sys.argv.pop(1)))
    from realtime.commands.video import main

    main()
