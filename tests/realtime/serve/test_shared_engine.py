"""One engine for several threads: as many frames at once as it can take, and no more."""

import threading
import time

import numpy as np
import pytest

from engines.closer import look_closer
from engines.engine import Engine, Frame, Mask, Matte
from engines.photos import finest_matte
from realtime.loop.following import follow
from realtime.serve.work_queue import SharedEngine, SharedEngines, Turns
from tests.engines.test_closer import Seeing, person
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
    shared = SharedEngine(engine, Turns(at_once))
    threads = [threading.Thread(target=shared, args=(np.zeros((32, 32, 3), np.uint8),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (engine.done, engine.most) == (8, at_once)


@pytest.mark.parametrize("model", ["base", "large"])
def test_photos_and_streams_are_looked_at_as_by_the_engine_alone(model: str) -> None:
    """Closer looks were hidden: a small photo of somebody far away was matted 13 times as a whole, for twice as a part."""
    frame = person(120, 300, 60)
    looks = []
    for shared in (False, True):
        seeing = Seeing()
        seeing.model = model
        engine: Engine = SharedEngines(look_closer(seeing)).first if shared else look_closer(seeing)
        finest_matte(frame, engine)
        stream = follow(engine)
        for _ in range(20):
            stream(frame)
        looks.append((seeing.seen, seeing.looked_at))
    assert looks[0] == looks[1]


def test_who_comes_again_at_once_lets_others_pass() -> None:
    """A photo waited until the last frame of a video was done."""
    turns, came = Turns(1), []

    def photo() -> None:
        with turns:
            came.append("photo")

    thread = threading.Thread(target=photo)
    with turns:
        thread.start()
        while not turns._waiting:
            time.sleep(0.001)
    with turns:
        came.append("next frame")
    thread.join()
    assert came == ["photo", "next frame"]


def test_another_model_is_loaded_once_when_it_is_asked_for_and_shares_the_machine() -> None:
    loaded: list[PlainEngine] = []

    def load(model: str) -> PlainEngine:
        assert model == "large"
        loaded.append(PlainEngine())
        return loaded[-1]

    first = PlainEngine()
    engines = SharedEngines(first, load)  # type: ignore[arg-type]
    assert engines.named(None) == "base"
    assert not loaded
    frame = np.zeros((32, 32, 3), np.uint8)
    for model in ("base", engines.named("large"), "large"):
        engines.of(model)(frame)
    assert [engine.calls for engine in (first, *loaded)] == [1, 2]
    assert engines.of("base") is engines.first
    assert engines.of("large")._free is engines.first._free
    engines.close()
    assert [engine.closed for engine in (first, *loaded)] == [False, True]


def test_a_model_that_cannot_be_loaded_is_refused() -> None:
    engines = SharedEngines(PlainEngine())  # type: ignore[arg-type]
    assert engines.named("base") == "base"
    with pytest.raises(ValueError, match="model: this service has the model base alone"):
        engines.named("large")
