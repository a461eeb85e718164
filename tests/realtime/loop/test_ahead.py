"""A stage that sees the next packet, too."""

import threading
from collections.abc import Iterator

import pytest

from realtime.loop.pipeline import Pipeline
from realtime.loop.stages import Stage
from realtime.packet import Packet
from tests.realtime.loop.test_pipeline import WAIT, packet, packets


def test_a_stage_that_is_ahead_sees_the_next_packet_too() -> None:
    pairs: list[tuple[int, int | None]] = []

    def look(packet: Packet, following: Packet | None) -> None:
        pairs.append((packet.index, None if following is None else following.index))

    for count in (0, 1, 5):
        pairs.clear()
        with Pipeline(packets(count), [Stage("look", look, ahead=True)]) as pipeline:
            assert [packet.index for packet in pipeline] == list(range(count))
        assert pairs == [(index, index + 1 if index + 1 < count else None) for index in range(count)]
        assert pipeline.times["look"].count == count


def test_where_a_pipeline_is_stopped_no_packet_is_taken_for_the_last() -> None:
    seen: list[Packet | None] = []
    broken = threading.Event()

    def broken_source() -> Iterator[Packet]:
        yield packet(0)
        yield packet(1)
        broken.wait(WAIT)
        raise RuntimeError("lost")

    def look(_: Packet, following: Packet | None) -> None:
        seen.append(following)
        broken.set()

    with pytest.raises(RuntimeError, match="lost"), Pipeline(broken_source(), [Stage("look", look, ahead=True)]) as pipeline:
        pipeline.run()
    assert [following and following.index for following in seen] == [1]
