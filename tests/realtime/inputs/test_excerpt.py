"""Excerpts of videos to the frame, and frames of another size."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.errors import MediaError
from engines.geometry import Size
from realtime.inputs.timestamps import Excerpt, Timestamps, parse_time
from realtime.inputs.video_file import VideoSource
from tests.realtime.clips import even_times, make_clip


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("83.5", "83.5"), ("0", "0"), ("1:23.5", "83.5"), ("01:02:03.040", "3723.04"), ("90:00", "5400"), ("1.", "1")],
)
def test_times(text: str, seconds: str) -> None:
    assert parse_time(text) == Fraction(seconds)


@pytest.mark.parametrize("text", ["", "-1", "1:60", "1:60:00", "1:2:3:4", "nan", "1e3", "1,5", "ten"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        parse_time(text)


VARIABLE = [Fraction(ms, 1000) for ms in (0, 40, 80, 200, 233, 700, 740, 900)]


@pytest.mark.parametrize(
    ("excerpt", "first", "last"),
    [
        (Excerpt(start=Fraction(1, 5)), 3, 7),  # a frame at the very time is in
        (Excerpt(end=Fraction(1, 5)), 0, 2),  # and at the end is not
        (Excerpt(start=Fraction(1, 100), end=Fraction(7, 10)), 1, 4),
        (Excerpt(frames=2), 0, 1),
        (Excerpt(start=Fraction(1, 5), frames=3), 3, 5),
        (Excerpt(start=Fraction(7, 10), frames=99), 5, 7),
    ],
)
def test_an_excerpt_has_exactly_the_frames_between_its_times(tmp_path: Path, excerpt: Excerpt, first: int, last: int) -> None:
    clip = make_clip(tmp_path / "in.mp4", VARIABLE, time_base=Fraction(1, 15_000))
    with VideoSource(clip) as source:
        whole = list(source)
    with VideoSource(clip, excerpt=excerpt) as source:
        for _ in range(2):  # iterating again starts again
            packets = list(source)
            assert [packet.index for packet in packets] == list(range(last - first + 1))
            for packet, other in zip(packets, whole[first : last + 1], strict=True):
                np.testing.assert_array_equal(packet.frame, other.frame)
                assert packet.time == other.time - source.origin
                assert packet.duration == other.duration
            if last < 7:
                assert source.end == whole[last + 1].time - source.origin
        assert source.origin == (VARIABLE[first] if excerpt.start else 0)


def test_an_excerpt_without_frames_is_refused(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4")
    with pytest.raises(MediaError, match="has no frame from 7 s to 8 s; choose other times"):
        VideoSource(clip, excerpt=Excerpt(start=Fraction(7), end=Fraction(8)))
    with pytest.raises(ValueError, match="is not after the start"):
        Excerpt(start=Fraction(2), end=Fraction(2))


def test_the_number_of_frames_is_estimated(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", even_times(10))
    for excerpt, count in ((Excerpt(start=Fraction(1, 5)), 5), (Excerpt(frames=3), 3), (Excerpt(end=Fraction(1, 5)), 5)):
        with VideoSource(clip, excerpt=excerpt) as source:
            assert source.frames == count


def test_skipped_frames_are_only_timed(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", VARIABLE, time_base=Fraction(1, 15_000))
    with VideoSource(clip) as source:
        whole = list(source)
    with VideoSource(clip) as source:
        assert list(source.skip(5)) == VARIABLE[:5]
        packets = list(source)
        assert [packet.index for packet in packets] == [5, 6, 7]
        np.testing.assert_array_equal(packets[0].frame, whole[5].frame)
        assert list(source.skip(99)) == VARIABLE  # from the start again
        assert list(source) == []


@pytest.mark.parametrize(
    ("size", "expected", "aspect"),
    [(None, (96, 64), 1), (32, (48, 32), 1), (Size(height=48, width=48), (48, 48), Fraction(3, 2))],
)
def test_frames_of_another_size(tmp_path: Path, size: Size | int | None, expected: tuple[int, int], aspect: Fraction) -> None:
    with VideoSource(make_clip(tmp_path / "in.mp4"), size=size) as source:
        packet = next(iter(source))
        assert (source.width, source.height) == expected
        assert packet.frame.shape == (expected[1], expected[0], 3)
        assert source.pixel_aspect == aspect  # what is shown keeps its shape
    turned = make_clip(tmp_path / "turned.mp4", rotation=-90)
    with VideoSource(turned, size=64 if size == 32 else size) as source:
        assert next(iter(source)).frame.shape[:2] == (source.height, source.width)
    with pytest.raises(MediaError, match="is too small"):
        VideoSource(tmp_path / "in.mp4", size=30)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("in.mp4", {"options": {"g": "60", "bf": "3"}}),
        ("in.mkv", {"options": {"x264-params": "open-gop=1:keyint=40:bframes=3"}}),
        ("in.mp4", {"options": {"x264-params": "intra-refresh=1:keyint=60:bframes=0"}}),
        ("turned.mp4", {"rotation": -90, "options": {"g": "40"}}),
        ("in.ts", {"options": {"g": "40"}}),
    ],
)
def test_a_late_excerpt_has_the_frames_of_the_whole_video(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    clip = make_clip(tmp_path / name, even_times(200), **options)
    with VideoSource(clip) as source:
        whole = [(packet.time, packet.frame) for packet in source]
    for start in (Fraction(3), Fraction(131, 25), Fraction(199, 25)):
        with VideoSource(clip, excerpt=Excerpt(start=start, frames=3)) as source:
            packets = list(source)
            expected = [(time, frame) for time, frame in whole if time >= start][:3]
            assert [packet.time for packet in packets] == [time - expected[0][0] for time, _ in expected]
            for packet, (_, frame) in zip(packets, expected, strict=True):
                np.testing.assert_array_equal(packet.frame, frame)
            assert source.damaged == 0


def test_a_late_excerpt_is_found_by_a_key_frame_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[Fraction] = []
    real = Timestamps.time

    def time(self: Timestamps, *arguments: Any) -> Fraction:
        decoded.append(real(self, *arguments))
        return decoded[-1]

    monkeypatch.setattr(Timestamps, "time", time)
    clip = make_clip(tmp_path / "in.mp4", even_times(200), options={"g": "25"})
    with VideoSource(clip, excerpt=Excerpt(start=Fraction(6), frames=2)) as source:
        assert len(list(source)) == 2
    assert 3 <= decoded[0] <= 4


@pytest.mark.parametrize("count", [0, -1])
def test_an_excerpt_of_no_frames_is_not_the_whole_video(count: int) -> None:
    with pytest.raises(ValueError, match=f"an excerpt of {count} frames is empty; give 1 or more"):
        Excerpt(frames=count)


@pytest.mark.parametrize("name", ["start", "end"])
@pytest.mark.parametrize("seconds", ["1", float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(name: str, seconds: object) -> None:
    with pytest.raises(ValueError, match=f"{name} {seconds!r}: is not a time; give seconds"):
        Excerpt(**{name: seconds})  # type: ignore[arg-type]


def test_half_a_frame_is_not_the_whole_video() -> None:
    """It was never counted to."""
    with pytest.raises(ValueError, match=r"frames 2.5: must be a whole number, or None for all"):
        Excerpt(frames=2.5)  # type: ignore[arg-type]
