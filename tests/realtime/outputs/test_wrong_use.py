"""Sinks that a program uses in another way than it should."""

import math
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from engines.errors import FileAppeared, MediaError
from realtime.outputs.pictures.sequence import PictureSequence
from realtime.outputs.tracks.subtitles import SubtitleCopier
from realtime.outputs.video_file import VideoSink
from tests.realtime.clips import even_times, make_clip
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
        sink.write(packets(even_times(1))[0])


@pytest.mark.parametrize("rate", [-1, 0, 0.0, Fraction(-1, 2), math.nan, math.inf, "25"])
def test_a_rate_that_there_is_not_is_refused(tmp_path: Path, rate: object) -> None:
    with pytest.raises(ValueError, match=rf"rate {re.escape(repr(rate))}: must be a number above 0, such as 25"):
        VideoSink(tmp_path / "out.mp4", width=96, height=64, rate=rate)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("unit", [0, -1, Fraction(-1, 25), 0.04, "1/25"])
def test_a_unit_of_times_that_there_is_not_is_refused(tmp_path: Path, unit: object) -> None:
    with pytest.raises(ValueError, match=rf"time_base {re.escape(repr(unit))}: must be a fraction above 0, such as Fraction"):
        VideoSink(tmp_path / "out.mp4", width=96, height=64, time_base=unit)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_preset_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown preset 'quick'; there are ultrafast, "):
        VideoSink(tmp_path / "out.mp4", width=96, height=64, preset="quick")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out.mp4", "%05d.png"])
def test_a_sink_that_no_packet_came_to_leaves_what_was_there(tmp_path: Path, name: str) -> None:
    """It left a file that no player opens, in the place of one that they do."""
    there = tmp_path / ("out.mp4" if name == "out.mp4" else "00001.png")
    there.write_text("precious")
    kind = VideoSink if name == "out.mp4" else PictureSequence
    with pytest.raises(MediaError, match=f"{name}: is not written, because no packet came"):
        kind(tmp_path / name, width=96, height=64, overwrite=True).close()
    assert [each.read_text() for each in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize("sink", [VideoSink, PictureSequence])
@pytest.mark.parametrize("width", [0, -64, 64.0, "64", None, 100_000])
def test_a_size_that_there_is_not_is_refused(tmp_path: Path, sink: type[VideoSink], width: object) -> None:
    with pytest.raises(ValueError, match=f"width {width!r}: must be a whole number from 1 to 65536"):
        sink(tmp_path / ("out.mp4" if sink is VideoSink else "%05d.png"), width=width, height=48)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bitrate", [0, -3, 1.5, "2M"])
def test_a_bit_rate_that_there_is_not_is_refused(tmp_path: Path, bitrate: object) -> None:
    with pytest.raises(ValueError, match=f"bitrate {bitrate!r}: must be a whole number from 1000 to"):
        VideoSink(tmp_path / "out.mp4", width=96, height=64, bitrate=bitrate)  # type: ignore[arg-type]


WRONG = [
    ("codec", ["h264"]),
    ("codec", {}),
    ("kind", ["cutout"]),
    ("metadata", "Talk"),
    ("metadata", 1.5),
    ("metadata", {"title": 1}),
    ("bit_depth", None),
    ("bit_depth", "10"),
    ("audio", "talk.mp4"),
    ("subtitles", "talk.mp4"),
    ("chapters", None),
    ("chapters", ["one"]),
    ("high_range", "pq"),
]


@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_an_argument_of_another_type_is_named(tmp_path: Path, name: str, wrong: object) -> None:
    """They were a TypeError or an AttributeError."""
    with pytest.raises(ValueError, match=rf"{name} {re.escape(repr(wrong))}(: must be .|; there are )"):
        VideoSink(tmp_path / "out.mp4", width=96, height=64, **{name: wrong})  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_rate_may_be_one_of_numpy(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "out.mp4", width=96, height=64, rate=np.float32(25)) as sink:  # type: ignore[arg-type]
        assert sink._stream.codec_context.framerate == 25
        sink.write(packets(even_times(1))[0])


@pytest.mark.parametrize(("name", "error"), [(None, ValueError), ("talk", MediaError), ("talk.avi", MediaError)])
def test_subtitles_are_for_a_video_file(tmp_path: Path, name: str | None, error: type[Exception]) -> None:
    clip = make_clip(tmp_path / "in.mp4", even_times(1))
    with pytest.raises(error, match=r"None: is no name of a file; give|unknown kind of video file '(\.avi)?'; end its name in"):
        SubtitleCopier(clip, name)  # type: ignore[arg-type]


def test_what_is_no_packet_or_no_picture_is_named(tmp_path: Path) -> None:
    packet = packets(even_times(1))[0]
    packet.picture = packet.frame.tolist()
    for wrong, says in ((packet.frame, "takes packets, not numpy.ndarray"), (packet, "uint8 RGB, not list")):
        with pytest.raises(ValueError, match=says), VideoSink(tmp_path / "out.mp4", width=96, height=64) as sink:
            sink.write(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["out.mp4", "%05d.png", "new/%05d.png"])
@pytest.mark.parametrize("complete", [True, False])
def test_a_program_may_go_to_another_folder_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, complete: bool
) -> None:
    """The result was lost, and stayed behind unfinished."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    sink = (VideoSink if name == "out.mp4" else PictureSequence)(name, width=96, height=64)
    monkeypatch.chdir("elsewhere")
    sink.write(packets(even_times(1))[0])
    if complete:
        sink.close()
    else:
        sink.abort()
    there = {name.replace("%05d", "00001")} if complete else set()
    assert {str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*") if each.is_file()} == there


def test_a_picture_that_appears_meanwhile_in_the_current_folder_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    sink = PictureSequence("%05d.png", width=96, height=64)
    sink.write(packets(even_times(1))[0])
    Path("00001.png").write_text("theirs")
    with pytest.raises(FileAppeared, match="here-2"):
        sink.close()
    assert Path("00001.png").read_text() == "theirs"
    assert (tmp_path / "here-2/00001.png").is_file()
