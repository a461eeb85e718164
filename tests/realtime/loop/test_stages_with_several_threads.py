import threading
import time

import pytest

from realtime.loop.pipeline import Pipeline
from realtime.loop.stages import Stage
from realtime.packet import Packet
from tests.realtime.loop.test_pipeline import WAIT, packets


def test_a_stage_of_two_threads_works_on_two_frames_at_once_and_keeps_their_order() -> None:
    both = threading.Barrier(2, timeout=WAIT)
    arrived: list[int] = []

    def work(packet: Packet) -> None:
        both.wait()  # nobody passes alone
        time.sleep(0.003 * (packet.index % 2 == 0))  # the first of two is the later one

    stages = [Stage("work", work, threads=2), Stage("next", lambda packet: arrived.append(packet.index))]
    with Pipeline(packets(20), stages) as pipeline:
        pipeline.run()
    assert arrived == list(range(20))
    assert pipeline.times["work"].count == 20


def test_behind_a_frame_that_failed_in_one_of_two_threads_comes_none() -> None:
    failing = threading.Event()
    arrived: list[int] = []

    def work(packet: Packet) -> None:
        if packet.index == 5:
            failing.wait(WAIT)
            raise ValueError("frame 5")
        if packet.index == 6:
            failing.set()  # done before

    stages = [Stage("work", work, threads=2), Stage("next", lambda packet: arrived.append(packet.index))]
    with pytest.raises(ValueError, match="frame 5"), Pipeline(packets(20), stages) as pipeline:
        pipeline.run()
    assert arrived == list(range(len(arrived)))
    assert len(arrived) <= 5
