import threading
from pathlib import Path

import pytest

from realtime.inputs.video_file import VideoSource
from realtime.loop.mattes import mattes
from tests.realtime.clips import even_times, make_clip
from tests.realtime.loop.test_live_session import Camera
from tests.realtime.plain_engine import PlainEngine


def pipeline_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("pipeline-")]


def test_of_a_file_every_frame_comes_with_its_own_matte(tmp_path: Path) -> None:
    with VideoSource(make_clip(tmp_path / "a.mp4", even_times(12))) as source:
        packets = list(mattes(source, PlainEngine(seconds=0.01)))
    assert [packet.index for packet in packets] == list(range(12))
    for packet in packets:
        assert packet.matte is not None
        assert (packet.matte.foreground == packet.frame).all()


def test_of_a_live_source_the_newest_comes_and_leaving_ends_its_threads() -> None:
    seen = []
    with Camera() as source:
        for packet in mattes(source, PlainEngine(seconds=0.03)):
            seen.append(packet.index)
            if len(seen) == 10:
                break
    assert seen == sorted(seen)
    assert seen[-1] > 15
    assert pipeline_threads() == []


def test_the_name_of_a_file_is_no_source() -> None:
    with pytest.raises(ValueError, match=r"talk.mp4: is a name, not a source; give VideoSource"):
        next(mattes("talk.mp4", PlainEngine()))  # type: ignore[arg-type]
