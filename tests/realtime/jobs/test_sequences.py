"""`shm-video` on numbered pictures, its results read back by the `ffmpeg` program."""

import json
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from realtime.commands.job_options import rate_option
from realtime.jobs import segments
from realtime.jobs.settings import VideoSettings
from realtime.jobs.video_job import VideoJob
from tests.realtime.clips import even_times, frame_times, frames, make_clip
from tests.realtime.commands.test_video import GREEN, BallEngine, assert_ball_on, engine, shm_video
from tests.realtime.inputs.test_numbered import write_pictures
from tests.realtime.outputs.test_formats import needs_ffmpeg

__all__ = ["engine"]  # the fixture


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("23.976", Fraction(24_000, 1001)),
        ("23.98", Fraction(24_000, 1001)),
        ("59.94", Fraction(60_000, 1001)),
        ("24.0", Fraction(24)),
        ("12.5", Fraction(25, 2)),
        ("5.0", Fraction(5)),
        ("1.996", Fraction(499, 250)),
    ],
)
def test_decimals_stand_for_an_exact_ratio_only_near_the_rates_of_television(text: str, rate: Fraction) -> None:
    assert rate_option(text) == rate


@needs_ffmpeg
def test_pictures_become_a_film(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, out = write_pictures(tmp_path / "frames", range(1001, 1009)), tmp_path / "out.mp4"
    assert shm_video(monkeypatch, name, out, "--crf", 5) == 0
    assert f"{name}: is taken at 25 pictures a second; --rate gives another\n" in capsys.readouterr().err
    entries = ["-show_entries", "frame=pts_time:format=duration", "-of", "json"]
    command = ["ffprobe", "-v", "error", "-select_streams", "v", *entries, str(out)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    assert [Fraction(frame["pts_time"]) for frame in found["frames"]] == [Fraction(index, 25) for index in range(8)]
    assert float(found["format"]["duration"]) == 8 / 25
    for index, frame in enumerate(frames(out)):
        assert_ball_on(frame, index, GREEN)
    assert shm_video(monkeypatch, tmp_path / "frames", out, "-y", "--rate", "23.976", "--start", "0.1", "--frames", 3) == 0
    assert capsys.readouterr().err.count("\n") == 1
    assert frame_times(out) == [Fraction(index * 1001, 24_000) for index in range(3)]
    assert_ball_on(frames(out)[0], 3, GREEN)


def test_pictures_become_pictures_and_never_their_own(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = write_pictures(tmp_path / "frames", range(5))
    before = {path.name: path.read_bytes() for path in name.parent.iterdir()}
    (tmp_path / "link").symlink_to("frames")
    assert shm_video(monkeypatch, name, tmp_path / "out/%03d.png", "--alpha-out", tmp_path / "matte/%d.png") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{number:03d}.png" for number in range(1, 6)]
    assert len(list((tmp_path / "matte").iterdir())) == 5
    capsys.readouterr()
    for outputs in (["link/%05d.png"], ["frames/%d.png"], ["out.mp4", "--alpha-out", "frames/%05d.png"]):
        monkeypatch.chdir(tmp_path)
        assert shm_video(monkeypatch, name, *outputs, "-y") == 2
        assert "has pictures of IN; write to another folder" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in name.parent.iterdir()} == before


def test_an_interrupted_film_of_pictures_goes_on_until_a_picture_changes(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(segments, "FRAMES", 4)
    name, out, whole = write_pictures(tmp_path / "frames", range(1, 11)), tmp_path / "out.mp4", tmp_path / "whole.mp4"
    assert shm_video(monkeypatch, name, whole, "--smooth", 0, "--crf", 0) == 0
    for shard in ("2/2", "1/2"):
        assert shm_video(monkeypatch, name, out, "--smooth", 0, "--crf", 0, "--shard", shard) == 0
    assert frame_times(out) == frame_times(whole)
    for one, other in zip(frames(out), frames(whole), strict=True):
        np.testing.assert_array_equal(one, other)

    out.unlink()
    assert shm_video(monkeypatch, name, out, "--smooth", 0, "--crf", 0, "--shard", "1/2") == 0
    capsys.readouterr()
    write_pictures(name.parent, range(6, 7))
    assert shm_video(monkeypatch, name, out, "--smooth", 0, "--crf", 0, "--shard", "2/2") == 2
    assert "segments of another run (video differ)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["frames/%04d.png", "out.mp4"], "there are no such pictures; there is frames/%05d.png"),
        (["gap/%d.png", "out.mp4"], "gap/%d.png: 2.png is missing; add it"),
        (["frames", "out"], "frames: no video is there, but numbered pictures; name these, frames/%05d.png"),
        (["two", "out.mp4", "--rate", "24"], "two: holds 2 sequences; name one of them, such as two/a%d.png"),
        (["clips", "out.mp4", "--rate", "24"], "clips: holds no numbered pictures"),
        (["clips/in.mp4", "out.mp4", "--rate", "24"], "--rate: clips/in.mp4 is no sequence of pictures"),
        (["clips/*.mp4", "out", "--rate", "24"], "--rate: videos have times of their own"),
        (["frames/%05d.png", "out.mp4", "--rate", "0"], "--rate 0: give pictures a second"),
        (["frames/%05d.png", "out.mp4", "--rate", "24/0"], "--rate 24/0: give pictures a second"),
        (["frames/%05d.png", "out.mp4", "--start", "9"], "has no frame from 9 s"),
        (["concat:clips/%d.png", "out.mp4"], "concat:clips/%d.png: there are no such pictures"),
    ],
)
def test_bad_sequences_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_pictures(Path("frames"), range(1, 4))
    write_pictures(Path("gap"), range(1, 4), "%d.png")
    Path("gap/2.png").unlink()
    write_pictures(Path("two"), range(2), "a%d.png")
    write_pictures(Path("two"), range(2), "b%d.png")
    Path("clips").mkdir()
    make_clip(Path("clips/in.mp4"))
    before = sorted(tmp_path.rglob("*"))
    assert shm_video(monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert says in error
    assert error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_video_has_no_rate_to_be_given(tmp_path: Path) -> None:
    """It was not heeded, without a word."""
    clip = make_clip(tmp_path / "a.mp4", even_times(3))
    with pytest.raises(ValueError, match="rate 24: is for numbered pictures; a video has times of its own"):
        VideoJob(clip, tmp_path / "out.mp4", VideoSettings(rate=Fraction(24)))
    assert list(tmp_path.iterdir()) == [clip]
