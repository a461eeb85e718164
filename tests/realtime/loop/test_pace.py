"""`load_for_pace`, with engines of known speed, and a live session with an engine that takes two frames at once."""

import threading
import time
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from engines.engine import Frame, Mask, Matte
from engines.errors import EngineError
from realtime.compositing.filters import stream_filters
from realtime.compositing.playlist import Playlist
from realtime.inputs.live_source import LiveSource
from realtime.loop.live_session import LiveSession
from realtime.loop.pace import load_for_pace
from realtime.packet import Packet
from tests.realtime.plain_engine import PlainEngine


class Machine:
    """Loads engines that take so many seconds a frame, and so many frames at once at most."""

    def __init__(self, seconds: float, most: int = 2) -> None:
        self.seconds, self.most = seconds, most
        self.loaded: list[PlainEngine] = []

    def load(self, at_once: int) -> PlainEngine:
        engine = PlainEngine(self.seconds)
        engine.at_once = min(at_once, self.most)
        self.loaded.append(engine)
        return engine


@pytest.mark.parametrize(("seconds", "rate", "at_once"), [(0.05, 2.0, 1), (0.05, 18.0, 2), (0.05, 60.0, 2), (0, 30.0, 1)])
def test_two_frames_at_once_where_one_takes_too_long(seconds: float, rate: float, at_once: int) -> None:
    machine = Machine(seconds)
    taken = load_for_pace(machine.load, height=48, width=64, rate=rate)
    assert taken.at_once == at_once
    assert [engine.closed for engine in machine.loaded] == [engine is not taken for engine in machine.loaded]


def test_an_engine_that_takes_one_at_a_time_is_not_timed() -> None:
    machine = Machine(1, most=1)
    assert load_for_pace(machine.load, height=48, width=64, rate=30) is machine.loaded[0]
    assert [(engine.calls, engine.closed) for engine in machine.loaded] == [(0, False)]


def test_an_engine_that_fails_is_closed() -> None:
    class Failing(PlainEngine):
        def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
            raise EngineError("out of memory")

    engines = [Failing(), Failing()]
    engines[0].at_once = 2
    with pytest.raises(EngineError, match="memory"):
        load_for_pace(lambda at_once: engines[2 - at_once], height=48, width=64, rate=30)
    assert all(engine.closed for engine in engines)


class Eager(LiveSource):
    """Frames that grow lighter, each as soon as the one before is being matted, so that none is dropped there."""

    name, height, width, count = "eager", 64, 96, 12

    def __init__(self) -> None:
        super().__init__()
        self.wanted = threading.Semaphore(1)

    def __iter__(self) -> Iterator[Packet]:
        for index in range(self.count):
            assert self.wanted.acquire(timeout=60)
            yield Packet(np.full((64, 96, 3), 10 * index, np.uint8), Fraction(index, 25), index)


def test_a_session_mattes_two_at_once_and_filters_them_in_their_order() -> None:
    """Each waits for the other: one at a time would never be done."""
    both, begun, seen = threading.Barrier(2, timeout=60), [], []

    class Two(PlainEngine):
        at_once = 2

        def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
            begun.append(frame[0, 0, 0])
            source.wanted.release()
            both.wait()
            time.sleep(0.01 * (frame[0, 0, 0] % 20 == 0))  # the first of each pair is done later
            return super().__call__(frame, mask)

    with Eager() as source, Playlist(["red"]) as backgrounds:
        filters = [*stream_filters("all", 0.5), lambda packet: seen.append(packet.index)]
        session = LiveSession(source, Two(), backgrounds, filters=filters, notify=lambda line: None)
        session.run()
    assert sorted(begun) == list(range(0, 120, 10))
    assert seen
    assert seen == sorted(seen)
