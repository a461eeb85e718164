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
