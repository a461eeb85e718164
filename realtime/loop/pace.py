"""An engine that keeps pace with a live source: one frame at a time, or two where one takes too long."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median

from engines.engine import Engine
from engines.store.parity import sample_frame

ROOM = 0.75  # of the time from one frame to the next: the rest is for reading, compositing and showing it
RUNS = 3


def load_for_pace(load: Callable[..., Engine], *, height: int, width: int, rate: float) -> Engine:
    """Load the engine with the least delay that keeps pace with frames of a size, `rate` a second, if any does.

    `load(at_once=2)` gives an engine that takes two frames at once, if it can. One alone is done sooner, on all cores; of two,
    each on half of them, more are done in a second, as none waits while another thread has a core. A portrait of that size is
    matted to tell.
    """
    with ExitStack() as on_error:
        two = on_error.enter_context(load(at_once=2))
        if two.at_once == 1:
            on_error.pop_all()
            return two
        one = on_error.enter_context(load(at_once=1))
        keeps_pace = frame_seconds(one, height, width) * rate <= ROOM
        on_error.pop_all()
    taken, other = (one, two) if keeps_pace else (two, one)
    other.close()
    return taken


def frame_seconds(engine: Engine, height: int, width: int) -> float:
    """Median seconds that the engine takes for a portrait of a size, once it is prepared."""
    frame = sample_frame("real", height, width)
    engine(frame)
    seconds = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        engine(frame)
        seconds.append(time.perf_counter() - begin)
    return median(seconds)
