"""What it costs to hand a packet from one thread to the next."""

import threading
from fractions import Fraction

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from realtime.loop.pipeline import Pipeline, Stage
from realtime.loop.queue import Handover, Policy
from realtime.packet import Packet

PACKETS = 200
PACKET = Packet(np.zeros((32, 32, 3), np.uint8), Fraction(0), 0)


@pytest.mark.parametrize("policy", list(Policy), ids=lambda policy: policy.name.lower())
def test_put_and_get_in_one_thread(benchmark: BenchmarkFixture, policy: Policy) -> None:
    """The lock alone."""
    handover = Handover(2, policy)

    def once() -> Packet | None:
        handover.put(PACKET)
        return handover.get()

    assert benchmark(once) is PACKET


def test_from_thread_to_thread(benchmark: BenchmarkFixture) -> None:
    """There and back, so that each waits for the other: two hand-overs and two changes of thread."""
    there, back = Handover(1, Policy.EVERY_FRAME), Handover(1, Policy.EVERY_FRAME)

    def echo() -> None:
        while (packet := there.get()) is not None:
            back.put(packet)

    thread = threading.Thread(target=echo, daemon=True)
    thread.start()

    def once() -> Packet | None:
        there.put(PACKET)
        return back.get()

    assert benchmark(once) is PACKET
    there.end()
    thread.join()


def test_packets_through_an_empty_loop(benchmark: BenchmarkFixture) -> None:
    """PACKETS packets through three stages that do nothing: threads started, and all handed over four times."""

    def nothing(_: Packet) -> None:
        pass

    def once() -> int:
        stages = [Stage(name, nothing) for name in ("one", "two", "three")]
        with Pipeline([PACKET] * PACKETS, stages) as pipeline:
            return sum(1 for _ in pipeline)

    assert benchmark(once) == PACKETS
