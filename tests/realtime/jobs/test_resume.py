"""Jobs that are killed and resumed: the result is that of a run that nothing disturbed."""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engines.closer import look_closer
from engines.engine import Engine
from engines.errors import MediaError
from realtime.compositing.filters import stream_filters
from realtime.inputs.timestamps import Excerpt
from realtime.inputs.video_file import VideoSource
from realtime.jobs import segments
from realtime.jobs.settings import VideoSettings
from realtime.jobs.shards import Shard
from realtime.jobs.video_job import VideoJob
from tests.realtime.clips import audio_packets, duration, even_times, frame_times, frames, make_clip, matte
from tests.realtime.jobs.flickering import FRAMES, FlickeringEngine

ROOT = Path(__file__).parents[3]
LOSSLESS = {"crf": 0, "preset": "ultrafast"}


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "FRAMES", FRAMES)


class Stopped(Exception):
    pass


def run(
    source: Path,
    target: Path,
    settings: VideoSettings,
    *,
    stop: int | None = None,
    resume: bool = True,
    shard: Shard | None = None,
    closer: bool = False,
) -> int:
    """Run a job, interrupted after some frames; return the frames that it did not do again."""

    def on_progress(count: int) -> None:
        if stop is not None and count >= stop:
            raise Stopped

    with VideoJob(str(source), str(target), settings, resume=resume, shard=shard) as job:  # text will do
        engine: Engine = FlickeringEngine()
        return job.run(look_closer(engine) if closer else engine, on_progress).done_before


def assert_same(one: Path, other: Path, *, sound: bool = True) -> None:
    assert frame_times(one) == frame_times(other)
    for frame, same in zip(frames(one), frames(other), strict=True):
        np.testing.assert_array_equal(frame, same)
    assert duration(one) == pytest.approx(duration(other), abs=0.002)
    if sound:
        assert audio_packets(one) == audio_packets(other)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_job_killed_again_and_again_gives_the_frames_of_one_that_was_not(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", even_times(45), audio="aac")
    behind = make_clip(tmp_path / "behind.mp4", even_times(7, 20), ground=(20, 200, 20))
    before = clip.read_bytes()
    whole, out = tmp_path / "whole.mp4", tmp_path / "out" / "out.mp4"
    out.parent.mkdir()
    settings = VideoSettings(bg=str(behind), **LOSSLESS)
    run(clip, whole, settings, resume=False)

    command = [sys.executable, "-m", "tests.realtime.jobs.flickering", "0.02", str(clip), str(out), "--resume"]
    command += ["--bg", str(behind), "--crf", "0", "--preset", "ultrafast"]
    chance = random.Random(1)
    done = 0
    for _ in range(3):
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        goal = done + chance.randint(1, 2)
        give_up = time.monotonic() + 60
        while len([*out.parent.glob("out.mp4.unfinished/[0-9]*.mp4")]) < goal:
            assert process.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert [path.name for path in out.parent.iterdir() if not path.name.startswith(".")] == ["out.mp4.unfinished"]
        done = goal
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert " that were done before" in ended.stderr
    assert_same(out, whole)
    assert [path.name for path in out.parent.iterdir()] == ["out.mp4"]
    assert clip.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "kind", "codec"),
    [
        ("out.mov", "cutout", "qtrle"),
        ("out.mp4", "composite", "hevc"),
        ("out.mp4", "composite", "av1"),
        ("out.mkv", "composite", None),
        ("out.webm", "cutout", "vp9"),
    ],
)
def test_an_interrupted_job_of_each_container_goes_on(tmp_path: Path, name: str, kind: str, codec: str | None) -> None:
    times = [Fraction(1001 * index + (index % 5 == 0) * 300, 30_000) for index in range(20)]
    clip = make_clip(tmp_path / "in.mp4", times, time_base=Fraction(1, 30_000), audio="libopus")
    settings = VideoSettings(output_kind=kind, codec=codec, audio=name != "out.mov")  # type: ignore[arg-type]
    if codec is None:  # libx264 does not always encode the same pictures alike, unless it keeps all of them
        settings = replace(settings, **LOSSLESS)  # type: ignore[arg-type]
    undisturbed, out = tmp_path / f"undisturbed-{name}", tmp_path / name
    run(clip, undisturbed, settings)
    with pytest.raises(Stopped):
        run(clip, out, settings, stop=2 * FRAMES + 3)
    assert not out.exists()
    assert (tmp_path / f"{name}.unfinished").is_dir()
    assert run(clip, out, settings) in (FRAMES, 2 * FRAMES, 3 * FRAMES)  # threads may be ahead of the progress that stopped it
    assert_same(out, undisturbed, sound=settings.audio)
    plain = tmp_path / f"plain-{name}"
    run(clip, plain, settings, resume=False)
    assert frame_times(plain) == frame_times(out)
    if settings.audio:
        assert audio_packets(plain) == audio_packets(out)
    assert duration(plain) == pytest.approx(duration(out), abs=0.002)
    with av.open(str(out)) as one, av.open(str(plain)) as other:
        for fact in ("codec_tag", "pix_fmt", "width", "color_primaries", "color_range"):
            assert getattr(one.streams.video[0].codec_context, fact) == getattr(other.streams.video[0].codec_context, fact)
        assert one.streams.video[0].metadata == other.streams.video[0].metadata
    shown = subprocess.run(["ffmpeg", "-v", "error", "-i", str(out), "-f", "null", "-"], capture_output=True, text=True)
    assert (shown.returncode, shown.stderr) == (0, "")


@pytest.mark.parametrize("smooth", [0, 0.7])
def test_shards_of_one_video_give_the_frames_of_one_process(tmp_path: Path, smooth: float) -> None:
    """Exactly those where frames are matted one by one; nearly, where the temporal filter warms up."""
    clip = make_clip(tmp_path / "in.mp4", even_times(130), audio="aac")
    behind = make_clip(tmp_path / "behind.mp4", even_times(7, 20), ground=(20, 200, 20))
    settings = VideoSettings(bg=str(behind), excerpt=Excerpt(end=Fraction(5)), smooth=smooth, **LOSSLESS)  # type: ignore[arg-type]
    run(clip, tmp_path / "plain.mp4", settings, resume=False)
    out = tmp_path / "out.mp4"
    run(clip, out, settings, shard=Shard(3, 3))
    with pytest.raises(Stopped):
        run(clip, out, settings, shard=Shard(2, 3), stop=FRAMES + 4)
    assert not out.exists()
    run(clip, out, settings, shard=Shard(1, 3))
    assert not out.exists()
    assert run(clip, out, settings, shard=Shard(2, 3)) >= FRAMES - 1  # goes on, and joins
    if smooth:
        assert frame_times(out) == frame_times(tmp_path / "plain.mp4")
        assert audio_packets(out) == audio_packets(tmp_path / "plain.mp4")
        for frame, same in zip(frames(out), frames(tmp_path / "plain.mp4"), strict=True):
            assert np.abs(frame.astype(int) - same).max() <= 8
    else:
        assert_same(out, tmp_path / "plain.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["behind.mp4", "in.mp4", "out.mp4", "plain.mp4"]


def test_a_shard_that_finds_the_file_joined_before_its_segments_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, out = make_clip(tmp_path / "in.mp4", even_times(30)), tmp_path / "out.mp4"
    settings, folder, copy = VideoSettings(preset="ultrafast", smooth=0), tmp_path / "out.mp4.unfinished", tmp_path / "copy"
    run(clip, out, settings, shard=Shard(1, 2))
    lock = segments.SegmentedSink._lock

    def lock_too_late(sink: segments.SegmentedSink) -> None:
        monkeypatch.setattr(segments.SegmentedSink, "_lock", lock)
        shutil.copytree(folder, copy)
        run(clip, out, settings, shard=Shard(2, 2))  # another process, which joins them
        copy.rename(folder)  # and has not removed them yet
        lock(sink)

    monkeypatch.setattr(segments.SegmentedSink, "_lock", lock_too_late)
    run(clip, out, settings, shard=Shard(2, 2))
    assert frame_times(out) == even_times(30)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4", "out.mp4.unfinished"]


def test_more_shards_than_segments(tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "in.mp4", even_times(8)), tmp_path / "out.mp4"
    for index in (1, 2, 3, 4):
        assert not out.exists()
        run(clip, out, VideoSettings(preset="ultrafast"), shard=Shard(index, 4))
    assert frame_times(out) == even_times(8)


def test_an_excerpt_is_resumed_with_its_sound(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", even_times(40), audio="aac")
    settings = VideoSettings(excerpt=Excerpt(start=Fraction(1, 5), frames=20), keep="largest", **LOSSLESS)  # type: ignore[arg-type]
    run(clip, tmp_path / "plain.mp4", settings, resume=False)
    with pytest.raises(Stopped):
        run(clip, tmp_path / "out.mp4", settings, stop=15)
    assert run(clip, tmp_path / "out.mp4", settings) >= FRAMES
    assert_same(tmp_path / "out.mp4", tmp_path / "plain.mp4")


@pytest.mark.skipif(sys.platform == "win32", reason="no colon in names of files")
def test_segments_in_a_relative_folder_with_a_colon_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("10:30").mkdir()
    run(make_clip(tmp_path / "in.mp4", even_times(8)), Path("10:30/12:00.mp4"), VideoSettings(preset="ultrafast"))
    assert frame_times(tmp_path / "10:30/12:00.mp4") == even_times(8)


@pytest.mark.parametrize("change", ["video", "options", "engine"])
def test_segments_of_another_run_are_refused_and_stay(tmp_path: Path, change: str) -> None:
    clip, out = make_clip(tmp_path / "in.mp4", even_times(30)), tmp_path / "out.mp4"
    settings = VideoSettings(preset="ultrafast")
    with pytest.raises(Stopped):
        run(clip, out, settings, stop=20)
    kept = sorted((tmp_path / "out.mp4.unfinished").iterdir())
    if change == "video":
        make_clip(clip, even_times(31))
    elif change == "options":
        settings = VideoSettings(preset="ultrafast", smooth=0.5)
    with pytest.raises(Exception, match=rf"out.mp4.unfinished: holds the segments of another run \({change} differ\)"):
        run(clip, out, settings, closer=change == "engine")
    assert sorted((tmp_path / "out.mp4.unfinished").iterdir()) == kept
    assert not out.exists()


@pytest.mark.parametrize("place", [None, 60])
def test_damaged_notes_beside_segments_are_one_line(tmp_path: Path, place: int | None) -> None:
    """Within what is compressed it was a traceback."""
    clip, out = make_clip(tmp_path / "in.mp4", even_times(30)), tmp_path / "out.mp4"
    with pytest.raises(Stopped):
        run(clip, out, VideoSettings(preset="ultrafast"), stop=20)
    for path in (tmp_path / "out.mp4.unfinished").glob("*.npz"):
        data = bytearray(path.read_bytes())
        if place is None:
            data[:] = b"PK\x03\x04 not an archive"
        else:
            data[place : place + 40] = 40 * b"\xff"
        path.write_bytes(data)
    with pytest.raises(Exception, match=r"out.mp4.unfinished: cannot be used \(damaged\); remove the folder"):
        run(clip, out, VideoSettings(preset="ultrafast"))


@pytest.mark.parametrize(
    ("number", "remedy"), [(errno.ENOSPC, "check its disk and permissions"), (errno.ENAMETOOLONG, "give OUT a shorter name")]
)
def test_segments_that_cannot_be_written_now_are_not_to_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    """On a full disk the remedy was to remove the folder, with all that was done."""

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("realtime.jobs.segment_folder.write_text", fail)
    with pytest.raises(MediaError, match=rf"out.mp4.unfinished: cannot be used \({os.strerror(number)}\); {remedy}$"):
        run(make_clip(tmp_path / "in.mp4", even_times(2)), tmp_path / "out.mp4", VideoSettings(preset="ultrafast"))


@pytest.mark.parametrize("settings", [VideoSettings(preset="ultrafast"), VideoSettings(preset="ultrafast", keep="largest")])
def test_what_another_version_remembered_is_one_line(tmp_path: Path, settings: VideoSettings) -> None:
    clip, out = make_clip(tmp_path / "in.mp4", even_times(30)), tmp_path / "out.mp4"
    with pytest.raises(Stopped):
        run(clip, out, settings, stop=20)
    for path in (tmp_path / "out.mp4.unfinished").glob("*.npz"):
        with np.load(path) as stored:
            renamed = {f"{name}_before": stored[name] for name in stored.files}
        np.savez(path, allow_pickle=False, **renamed)
    with pytest.raises(MediaError, match=r"out.mp4.unfinished: is of another version of this program; remove the folder"):
        run(clip, out, settings)


def test_a_shard_that_stops_early_leaves_only_what_is_of_others(tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "in.mp4", even_times(30)), tmp_path / "out.mp4"
    settings = VideoSettings(preset="ultrafast", smooth=0)
    with pytest.raises(Stopped):  # up to three frames later, before a segment is complete
        run(clip, out, settings, shard=Shard(2, 2), stop=1)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
    run(clip, out, settings, shard=Shard(1, 2))
    kept = sorted((tmp_path / "out.mp4.unfinished").iterdir())
    with pytest.raises(Stopped):
        run(clip, out, settings, shard=Shard(2, 2), stop=1)
    assert sorted((tmp_path / "out.mp4.unfinished").iterdir()) == kept
    run(clip, out, settings, shard=Shard(2, 2))
    assert frame_times(out) == even_times(30)


def test_an_early_stop_leaves_nothing(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", even_times(30))
    with pytest.raises(Stopped):
        run(clip, tmp_path / "out.mp4", VideoSettings(), stop=1)
    with pytest.raises(Exception, match="a sequence of pictures cannot be resumed"):
        run(clip, tmp_path / "%d.png", VideoSettings())
    assert [path.name for path in tmp_path.iterdir()] in (["in.mp4"], ["in.mp4", "out.mp4.unfinished"])


def test_filters_go_on_where_their_memory_ends(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", even_times(12))
    straight, first, second = stream_filters("largest", 0.7), stream_filters("largest", 0.7), stream_filters("largest", 0.7)
    engine = FlickeringEngine()
    with VideoSource(clip) as source:
        for packet in source:
            packet.matte = engine(packet.frame)
            other = packet.matte
            for each in straight:
                each(packet)
            expected, packet.matte = packet.fetch().alpha, other
            for each in first if packet.index < 6 else second:
                each(packet)
            np.testing.assert_array_equal(packet.fetch().alpha, expected)
            if packet.index == 5:
                for old, new in zip(first, second, strict=True):
                    new.recall(old.memory())
    assert matte(packet.frame).alpha.max() > packet.fetch().alpha.max()
