"""Sinks that a program uses in another way than it should."""

from fractions import Fraction
from pathlib import Path

import pytest

from realtime.outputs.pictures.sequence import PictureSequence
from realtime.outputs.video_file import VideoSink
from tests.realtime.clips import even_times
from tests.realtime.outputs.test_video_file import packets


@pytest.mark.parametrize("name", ["out.mp4", "%05d.png"])
@pytest.mark.parametrize("end", ["close", "abort"])
def test_a_packet_that_comes_after_the_end_is_refused(tmp_path: Path, name: str, end: str) -> None:
    sink = (VideoSink if name == "out.mp4" else PictureSequence)(tmp_path / name, width=96, height=64)
    first, last = packets(even_times(2))
    sink.write(first)
    getattr(sink, end)()
    with pytest.raises(ValueError, match=f"{name}: is closed; write before that"):
        sink.write(last)


@pytest.mark.parametrize(("rate", "stated"), [(29.97, Fraction(2997, 100)), (30000 / 1001, Fraction(30000, 1001)), (25, 25)])
def test_a_rate_may_be_any_number(tmp_path: Path, rate: float, stated: Fraction) -> None:
    with VideoSink(tmp_path / "out.mp4", width=96, height=64, rate=rate) as sink:
        assert sink._stream.codec_context.framerate == stated


def test_a_preset_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown preset 'quick'; there are ultrafast, "):
        VideoSink(tmp_path / "out.mp4", width=96, height=64, preset="quick")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
