import threading
import time
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from realtime.loop.pipeline import Pipeline
from realtime.loop.queue import Policy
from realtime.loop.stages import Stage
from realtime.packet import Packet

WAIT = 60  # s until a test that hangs fails


def packet(index: int) -> Packet:
    return Packet(np.full((32, 32, 3), index % 256, np.uint8), Fraction(index, 25), index)


def packets(count: int) -> Iterator[Packet]:
    return (packet(index) for index in range(count))


def nothing(_: Packet) -> None:
    pass


def pipeline_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("pipeline-")]


@pytest.fixture(autouse=True)
def _no_thread_outlives_its_pipeline() -> Iterator[None]:
    yield
    assert pipeline_threads() == []


def test_every_frame_arrives_once_and_in_order_through_stages_of_uneven_speed() -> None:
    rng = np.random.default_rng(1)

    def uneven(_: Packet) -> None:
        time.sleep(rng.uniform(0, 0.002))

    def invert(packet: Packet) -> None:
        packet.picture = 255 - packet.frame

    written: list[int] = []
    sink = Stage("write", lambda packet: written.append(packet.index))
    with Pipeline(packets(100), [Stage("uneven", uneven), Stage("invert", invert)], [sink]) as pipeline:
        seen = list(pipeline)

    assert [packet.index for packet in seen] == written == list(range(100))
    assert all(packet.picture is not None and packet.picture[0, 0, 0] == 255 - packet.index for packet in seen)
    assert pipeline.dropped == {"uneven": 0, "invert": 0, "write": 0, "caller": 0}
    assert {name: timing.count for name, timing in pipeline.times.items()} == dict.fromkeys(
        ["source", "uneven", "invert", "write"], 100
    )


def test_every_frame_bounds_what_is_in_flight() -> None:
    made = 0

    def source() -> Iterator[Packet]:
        nonlocal made
        for index in range(200):
            made += 1
            yield packet(index)

    most = 0
    with Pipeline(source(), [Stage("a", nothing), Stage("b", nothing)], depth=2) as pipeline:
        for taken, _ in enumerate(pipeline, 1):
            time.sleep(0.0005)
            most = max(most, made - taken)
    assert made == 200
    assert most <= 3 * 2 + 3  # three hand-overs of two, and one packet in each of source and stages


def test_newest_frame_keeps_delay_bounded_when_the_source_is_faster() -> None:
    """Ten frames come while the stage works on one: it takes the newest next, and never one that waited."""
    busy, may_end = threading.Semaphore(0), threading.Semaphore(0)
    latest = -1

    def camera() -> Iterator[Packet]:
        nonlocal latest
        for latest in range(301):
            yield packet(latest)  # resumed when the packet is in the queue
            if latest % 10 == 0:
                if latest:
                    may_end.release()
                assert busy.acquire(timeout=WAIT)

    taken: list[int] = []
    lateness: list[int] = []

    def slow(packet: Packet) -> None:
        taken.append(packet.index)
        lateness.append(latest - packet.index)
        busy.release()
        if packet.index < 300:
            assert may_end.acquire(timeout=WAIT)

    with Pipeline(camera(), [Stage("matte", slow)], policy=Policy.NEWEST_FRAME) as pipeline:
        indices = [packet.index for packet in pipeline]
    assert taken == list(range(0, 301, 10))
    assert lateness == [0] * 31
    assert indices == sorted(set(indices))
    assert len(indices) + sum(pipeline.dropped.values()) == 301
    assert indices[-1] == 300


def test_a_slow_sink_does_not_slow_the_others() -> None:
    counts = {"slow": 0, "fast": 0}
    release = threading.Event()
    arrived = threading.Semaphore(0)

    def slow(_: Packet) -> None:
        counts["slow"] += 1
        assert release.wait(WAIT)

    def fast(packet: Packet) -> None:
        counts["fast"] += 1
        if packet.index == 59:
            release.set()
        arrived.release()

    def camera() -> Iterator[Packet]:
        for index in range(60):
            yield packet(index)
            assert arrived.acquire(timeout=WAIT)

    sinks = [Stage("slow", slow), Stage("fast", fast)]
    with Pipeline(camera(), [Stage("matte", nothing)], sinks, policy=Policy.NEWEST_FRAME) as pipeline:
        pipeline.run()
    assert counts["fast"] == 60
    assert counts["slow"] <= 2  # the first, and the newest


@pytest.mark.parametrize("where", ["source", "first", "second", "sink"])
@pytest.mark.parametrize("policy", Policy)
def test_an_error_in_any_thread_stops_all_and_is_raised_once(where: str, policy: Policy) -> None:
    def fails(name: str) -> Stage:
        def work(packet: Packet) -> None:
            if where == name and packet.index >= 5:
                raise ValueError(f"{name} broke")

        return Stage(name, work)

    def endless() -> Iterator[Packet]:
        index = 0
        while True:
            if where == "source" and index == 5:
                raise ValueError("source broke")
            yield packet(index)
            index += 1

    raised = 0
    with Pipeline(endless(), [fails("first"), fails("second")], [fails("sink")], policy=policy) as pipeline:
        try:
            pipeline.run()
        except ValueError as error:
            raised += 1
            assert str(error) == f"{where} broke"  # noqa: PT017
        assert pipeline_threads() == []
    assert raised == 1  # and leaving the block raised nothing more


def test_an_error_is_raised_on_leaving_where_nobody_iterates() -> None:
    def fail(_: Packet) -> None:
        raise ValueError("broke")

    with pytest.raises(ValueError, match="broke"), Pipeline(packets(5), [Stage("a", fail)]) as pipeline:
        pipeline._threads[1].join()


def test_the_callers_own_error_wins() -> None:
    def interrupted() -> None:
        with Pipeline(packets(100), [Stage("a", nothing)]) as pipeline:
            for _ in pipeline:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()


def test_leaving_early_stops_an_endless_source() -> None:
    def endless() -> Iterator[Packet]:
        index = 0
        while True:
            yield packet(index)
            index += 1

    with Pipeline(endless(), [Stage("a", nothing)]) as pipeline:
        for taken in pipeline:
            if taken.index == 10:
                break


def test_stop_from_another_thread_ends_the_loop() -> None:
    def endless() -> Iterator[Packet]:
        index = 0
        while True:
            yield packet(index)
            index += 1

    with Pipeline(endless(), [Stage("a", nothing)], policy=Policy.NEWEST_FRAME) as pipeline:
        threading.Timer(0.05, pipeline.stop).start()
        pipeline.run()


def test_a_caller_that_polls_stays_awake_while_the_source_stalls() -> None:
    stalled, released = threading.Event(), 0

    def camera() -> Iterator[Packet]:
        yield packet(0)
        stalled.wait(WAIT)
        yield packet(1)

    def release() -> None:
        nonlocal released
        released += 1

    seen: list[int | None] = []
    with Pipeline(camera(), [Stage("a", nothing, release)], policy=Policy.NEWEST_FRAME, release=stalled.set) as pipeline:
        for taken in pipeline.polled(0.005):
            seen.append(taken.index if taken else None)
            if len(seen) == 6:
                stalled.set()
        assert stalled.is_set()
    assert [index for index in seen if index is not None] == [0, 1]
    assert seen.count(None) >= 4
    assert released >= 1


def test_leaving_releases_a_source_that_stalls() -> None:
    stalled = threading.Event()
    released: list[bool] = []

    def camera() -> Iterator[Packet]:
        yield packet(0)
        released.append(stalled.wait(WAIT))

    with Pipeline(camera(), [], policy=Policy.NEWEST_FRAME, release=stalled.set) as pipeline:
        assert next(pipeline.polled(WAIT)) is not None
    assert released == [True]


def test_draining_lets_packets_in_flight_reach_the_sinks() -> None:
    gate, stalled = threading.Event(), threading.Event()

    def camera() -> Iterator[Packet]:
        yield from packets(26)
        stalled.wait(WAIT)
        yield packet(26)  # comes too late

    written: list[int] = []

    def slow(packet: Packet) -> None:
        assert gate.wait(WAIT)
        written.append(packet.index)

    sinks = [Stage("record", slow, depth=30)]
    with Pipeline(camera(), [], sinks, policy=Policy.NEWEST_FRAME, release=stalled.set) as pipeline:
        for taken in pipeline:
            if taken.index == 25:
                break
        assert written == []
        gate.set()
        pipeline.drain(WAIT)
    assert written[:26] == list(range(26))


def test_draining_does_not_wait_for_a_sink_that_hangs() -> None:
    hung = threading.Event()
    released: list[bool] = []
    sinks = [Stage("hangs", lambda _: released.append(hung.wait(WAIT)), release=hung.set)]
    with Pipeline(packets(1000), [Stage("a", nothing)], sinks, policy=Policy.NEWEST_FRAME) as pipeline:
        next(iter(pipeline))
        pipeline.drain(0.1)
    assert released
    assert all(released)


def test_a_stage_with_nothing_to_do_is_called_as_idle() -> None:
    idle = threading.Event()

    def camera() -> Iterator[Packet]:
        yield packet(0)
        assert idle.wait(WAIT)
        yield packet(1)

    stage = Stage("keeps alive", nothing, idle=idle.set, idle_seconds=0.01)
    with Pipeline(camera(), [], [stage], policy=Policy.NEWEST_FRAME) as pipeline:
        assert [packet.index for packet in pipeline][-1] == 1


def test_ctrl_c_between_the_starts_of_two_threads_leaves_none_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    # A file that was closed under the thread that still read it took the whole program down.
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        if thread.name == "pipeline-second":
            raise KeyboardInterrupt
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt), Pipeline(packets(10**9), [Stage("first", nothing), Stage("second", nothing)]):
        raise AssertionError("was not to be entered")
    assert pipeline_threads() == []


def test_no_stages_and_no_packets() -> None:
    with Pipeline(packets(3), []) as pipeline:
        assert [packet.index for packet in pipeline] == [0, 1, 2]
    with Pipeline(packets(0), [Stage("a", nothing)]) as pipeline:
        assert list(pipeline) == []
    assert np.isnan(pipeline.median_ms["a"])


class ThreadClock(threading.local):
    """A clock of each thread's own, which only its own work advances."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_median_time_of_a_stage() -> None:
    clock = ThreadClock()

    def work(packet: Packet) -> None:
        clock.now += 0.005 if packet.index < 8 else 60

    def source() -> Iterator[Packet]:
        for each in packets(9):
            clock.now += 0.001
            yield each

    with Pipeline(source(), [Stage("work", work)], clock=clock) as pipeline:
        pipeline.run()
    assert pipeline.median_ms == pytest.approx({"source": 1, "work": 5})


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="names must differ"):
        Pipeline(packets(1), [Stage("a", nothing), Stage("a", nothing)])
    with pytest.raises(RuntimeError, match="with"):
        Pipeline(packets(1), []).run()
