"""Videos that begin elsewhere than at 0 by their own times: all their frames are written, as far apart as they were."""

import re
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from realtime.inputs.timestamps import WHOLE, Excerpt
from realtime.inputs.video_file import VideoSource
from realtime.outputs.video_file import VideoSink
from tests.realtime.clips import audio_packets, even_times, frame_times, make_clip
from tests.realtime.outputs.test_video_file import copy, packets

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg program")
LEADING = {"x265-params": "log-level=none:keyint=25:min-keyint=25:open-gop=0:radl=2:bframes=3:b-adapt=0:scenecut=0"}


def ffmpeg(*arguments: str | Path) -> None:
    subprocess.run(["ffmpeg", "-v", "quiet", "-y", *map(str, arguments)], check=True, timeout=60)


def begins_with_leading_pictures(folder: Path) -> Path:
    """A transport stream cut at a key frame before which two frames are shown that come after it."""
    whole = make_clip(folder / "whole.ts", even_times(75), codec="libx265", options=LEADING)
    ffmpeg("-ss", "1.2", "-i", whole, "-c", "copy", folder / "clip.ts")
    return folder / "clip.ts"


def begins_before_zero(folder: Path) -> Path:
    """A fragmented MP4 cut between key frames, without an edit list, as cutting programs make it."""
    whole = make_clip(folder / "whole.mkv", even_times(75), audio="aac", options={"g": "25"})
    ffmpeg("-ss", "1.3", "-i", whole, "-c", "copy", "-movflags", "frag_keyframe+delay_moov", folder / "clip.mp4")
    return folder / "clip.mp4"


def is_early_in_wmv(folder: Path) -> Path:
    whole = make_clip(folder / "whole.wmv", even_times(30), codec="wmv2")
    moved = "-c", "copy", "-avoid_negative_ts", "disabled"
    ffmpeg("-itsoffset", "-0.5", "-i", whole, *moved, folder / "clip.wmv")
    return folder / "clip.wmv"


@needs_ffmpeg
@pytest.mark.parametrize("make", [begins_with_leading_pictures, begins_before_zero, is_early_in_wmv])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_no_frame_before_zero_is_lost(tmp_path: Path, make, suffix: str) -> None:  # type: ignore[no-untyped-def]
    """MP4 lost them, and in Matroska they had no times."""
    clip, out = make(tmp_path), tmp_path / f"out{suffix}"
    there = frame_times(clip)
    copy(clip, out)
    with VideoSource(clip) as source:
        assert frame_times(out) == [packet.time for packet in source] == [time - source.origin for time in there]
        assert 0 <= there[0] - source.origin < Fraction(1, 10)
        if source.audio:
            lag = there[0] - audio_packets(clip)[0][0]
            assert frame_times(out)[0] - audio_packets(out)[0][0] == pytest.approx(lag, abs=1e-3)


@needs_ffmpeg
@pytest.mark.parametrize("make", [begins_with_leading_pictures, begins_before_zero, is_early_in_wmv])
def test_an_excerpt_counts_from_the_same_zero(tmp_path: Path, make) -> None:  # type: ignore[no-untyped-def]
    clip = make(tmp_path)
    with VideoSource(clip) as source:
        times = [packet.time for packet in source]
    with VideoSource(clip, excerpt=Excerpt(start=times[9])) as source:
        assert [packet.time + source.begin for packet in source] == times[9:]
    with VideoSource(clip, excerpt=Excerpt(start=Fraction(0))) as source:
        assert len(list(source)) == len(times)


@needs_ffmpeg
@pytest.mark.parametrize("audio", [True, False])
def test_a_whole_file_that_begins_before_zero_is_not_taken_for_a_part(tmp_path: Path, audio: bool) -> None:
    """What is before 0 was counted as missing at the end."""
    clip, cut = begins_before_zero(tmp_path), tmp_path / "cut.mp4"
    if not audio:
        ffmpeg("-i", tmp_path / "whole.mkv", "-c", "copy", "-an", tmp_path / "silent.mkv")
        ffmpeg("-ss", "1.3", "-i", tmp_path / "silent.mkv", "-c", "copy", "-movflags", "frag_keyframe+delay_moov", clip)
    for excerpt in (WHOLE, Excerpt(start=Fraction(1))):
        with VideoSource(clip, excerpt=excerpt) as source:
            assert list(source)
            assert source.shortfall is None
    data = clip.read_bytes()
    cut.write_bytes(data[: data.rindex(b"mdat") + 200])
    with VideoSource(cut) as source:
        assert list(source)
        assert re.search(r"ends at 1\.\d\d s of 2\.\d\d s; the rest is missing or damaged", str(source.shortfall))


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options", "within"),
    [
        ("clip.flv", ("-avoid_negative_ts", "disabled"), 0.01),
        ("clip.mkv", ("-avoid_negative_ts", "disabled"), 0.07),  # the sound begins so much earlier
        ("clip.ogv", ("-c:v", "libtheora", "-c:a", "flac"), 0.33),  # its times beyond the first page are some frames late
    ],
)
def test_times_before_zero_that_ffmpeg_does_not_read(
    tmp_path: Path, name: str, options: tuple[str, ...], within: float
) -> None:
    """Of FLV and Ogg it makes times of weeks and of ages, of Matroska none: pictures came then, or sound was not in step."""
    whole = make_clip(tmp_path / "whole.mkv", even_times(75), audio="aac", options={"g": "25"})
    if name == "clip.ogv":
        ffmpeg("-i", whole, *options, "-g", "25", tmp_path / "whole.ogv")
        whole, options = tmp_path / "whole.ogv", ()
    clip, out = tmp_path / name, tmp_path / "out.mkv"
    ffmpeg("-ss", "1.3", "-i", whole, "-c", "copy", *options, clip)
    copy(clip, out)
    times = frame_times(out)
    assert len(times) == 51
    assert times[:7] == [Fraction(index, 25) for index in range(7)]
    assert float(times[-1]) == pytest.approx(2, abs=within)
    assert float(audio_packets(out)[0][0]) == pytest.approx(0, abs=within + 0.07)
    with VideoSource(clip) as source:
        assert len(list(source)) == len(times)
        assert source.shortfall is None
        assert source.duration is not None
        assert 0 < source.duration < 3


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_that_an_edit_list_hides_stays_hidden(tmp_path: Path, suffix: str) -> None:
    """As telephones trim videos: what was cut off was heard in Matroska."""
    whole = make_clip(tmp_path / "whole.mp4", even_times(100), audio="aac")
    clip, out = tmp_path / "clip.mov", tmp_path / f"out{suffix}"
    ffmpeg("-ss", "1.5", "-i", whole, "-c", "copy", clip)
    assert audio_packets(clip)[0][0] < -1
    copy(clip, out)
    assert frame_times(out)[0] == 0
    assert -Fraction(1, 10) <= audio_packets(out)[0][0] < 0
    assert abs(audio_packets(out)[-1][0] - audio_packets(clip)[-1][0]) < Fraction(1, 1000)


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mkv", ".flv"])
def test_a_part_of_a_long_recording_begins_at_0(tmp_path: Path, suffix: str) -> None:
    """Its result began after 50 minutes of nothing."""
    whole = make_clip(tmp_path / "whole.mp4", even_times(150), audio="aac", options={"g": "25"})
    clip, out = tmp_path / f"clip{suffix}", tmp_path / "out.mp4"
    ffmpeg("-itsoffset", "3000", "-i", whole, "-c", "copy", "-copyts", clip)
    lag = frame_times(clip)[0] - audio_packets(clip)[0][0]
    copy(clip, out)
    assert 0 <= frame_times(out)[0] < Fraction(1, 10)
    assert frame_times(out)[0] - audio_packets(out)[0][0] == pytest.approx(lag, abs=1e-3)
    with VideoSource(clip) as source:
        times = [packet.time for packet in source]
        assert len(times) == 150
        assert source.duration == pytest.approx(6, abs=0.1)
        assert source.shortfall is None
    with VideoSource(clip, excerpt=Excerpt(start=Fraction(5))) as source:
        assert [packet.time + source.begin for packet in source] == [time for time in times if time >= 5]


@needs_ffmpeg
def test_a_transport_stream_of_one_frame_begins_at_0(tmp_path: Path) -> None:
    """FFmpeg does not say where it begins, and its result did 1.4 s late."""
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=96x64:r=30", "-frames:v", "1", "-c:v", "mpeg2video", tmp_path / "clip.ts")
    with VideoSource(tmp_path / "clip.ts") as source:
        assert [packet.time for packet in source] == [0]


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("recoverable", [False, True])
@pytest.mark.parametrize(
    ("unit", "begin", "step"), [(Fraction(1, 90_000), 68_625, 3600), (Fraction(1, 30), 1, 1), (Fraction(1, 24), 7, 1)]
)
def test_pictures_begin_to_the_tick(
    tmp_path: Path, suffix: str, recoverable: bool, unit: Fraction, begin: int, step: int
) -> None:
    """They began to the millisecond, as the movie's own timescale has it unless it is told."""
    times = [(begin + index * step) * unit for index in range(5)]
    out = tmp_path / f"out{suffix}"
    with VideoSink(out, width=96, height=64, time_base=unit, recoverable=recoverable) as sink:
        for packet in packets(times):
            sink.write(packet)
    assert frame_times(out) == times


def test_a_time_before_zero_is_refused(tmp_path: Path) -> None:
    says = r"a packet at -0.2 s: times begin at 0; subtract that of the first packet"
    with pytest.raises(ValueError, match=says), VideoSink(tmp_path / "out.mp4", width=96, height=64) as sink:
        sink.write(packets([Fraction(-1, 5)])[0])
    assert list(tmp_path.iterdir()) == []
