"""Excerpts, sizes, dry runs, reports and folders of `shm-video`."""

import itertools
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import pytest

import engines
from engines import atomic
from engines.atomic import replacing
from engines.engine import Frame, Mask, Matte
from engines.errors import EngineError, MediaError
from realtime.jobs import segments
from realtime.jobs.video_folders import describe_whole_names, video_files
from tests.realtime.clips import audio_packets, even_times, frame_times, frames, make_clip, matte, picture
from tests.realtime.commands.test_video import BallEngine, engine, shm_video

__all__ = ["engine"]  # the fixture

FAST = ("--preset", "ultrafast")


def test_an_excerpt_with_its_sound(tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(tmp_path / "in.mp4", even_times(50), audio="aac")
    out = tmp_path / "out.mp4"
    assert shm_video(monkeypatch, clip, out, "--start", "0:00.4", "--end", "1.2", *FAST) == 0
    assert frame_times(out) == even_times(20)
    begin = Fraction(2, 5)
    within = [(time - begin, sound) for time, sound in audio_packets(clip) if begin <= time < Fraction(6, 5)]
    copied = audio_packets(out)
    assert [sound for _, sound in copied] == [sound for _, sound in within]
    assert all(
        abs(time - due) <= Fraction(1, 1000) for (time, _), (due, _) in zip(copied, within, strict=True)
    )  # as MP4 rounds a start
    assert shm_video(monkeypatch, clip, out, "--start", "0.4", "--frames", "20", "-y", *FAST) == 0
    assert frame_times(out) == even_times(20)
    assert audio_packets(out) == copied


def test_sizes(tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(tmp_path / "in.mp4", even_times(3))
    for size, shape in (("32", (32, 48, 3)), ("64x64", (64, 64, 3))):
        assert shm_video(monkeypatch, clip, tmp_path / "out.mp4", "--size", size, "-y") == 0
        assert frames(tmp_path / "out.mp4")[0].shape == shape


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--start", "soon"], "--start soon: is not a time"),
        (["--end", "-3"], "--end -3: is not a time"),
        (["--start", "3", "--end", "2"], "--end: an end at 2 s is not after the start"),
        (["--start", "60"], "in.mp4: has no frame from 60 s"),
        (["--frames", "0"], "--frames 0"),
        (["--size", "16"], "--size 16: give a height of at least 32"),
        (["--size", "99999"], "--size 99999: give a height of at least 32 and at most 65536"),
        (["--size", "99999x32"], "in.mp4: 99999x32 is too large; a side has 65536 pixels at most"),
        (["--size", "1280*720"], "--size 1280*720: give WIDTHxHEIGHT"),
    ],
)
def test_wrong_excerpts_and_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    clip = make_clip(tmp_path / "in.mp4")
    assert shm_video(monkeypatch, clip, tmp_path / "out.mp4", *options) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert says in error
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def no_engine(*_: object, **__: object) -> None:
    raise AssertionError("no engine is needed")


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engines, "load", no_engine, raising=False)
    clip, out = make_clip(tmp_path / "in.mp4", even_times(25), audio="aac"), tmp_path / "out.mkv"
    assert shm_video(monkeypatch, clip, out, "--dry-run", "--start", "0.2", "--size", "33x33", "--json") == 0
    captured = capsys.readouterr()
    assert captured.err == f"{clip} -> {out}: 34x34, 20 frames, 0.8 s, H.264, sound copied (aac)\n"
    (record,) = json.loads(captured.out)["files"]
    assert (record["status"], record["width"], record["frames"], record["audio"]) == ("planned", 34, 20, ["aac"])
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
    assert shm_video(monkeypatch, clip, tmp_path / "out.webm", "--dry-run") == 0
    assert capsys.readouterr().err.endswith(", VP9, sound converted (aac to Opus)\n")
    assert shm_video(monkeypatch, clip, tmp_path / "nowhere" / "out.mp4", "--dry-run") == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["out.mp4", "--alpha-out", "nowhere/m.mp4"], "nowhere/m.mp4: there is no folder "),
        (["out.mp4", "--alpha-out", "m.xyz"], "m.xyz: unknown kind of video file"),
        (["out.mp4", "--alpha-out", "m.png"], "m.png: names one picture"),
        (["out.mp4", "--alpha-out", "there/%05d.png"], "there/00001.png: exists already; use --overwrite"),
        (["out.mp4", "--alpha-out", "m.mkv", "--resume"], "--alpha-out: cannot be resumed or sharded"),
        (["out.mp4", "--shard", "1/2", "--nvenc"], "--nvenc: cannot be resumed or sharded"),
        (["out/%05d.png", "--resume"], "out/%05d.png: a sequence of pictures cannot be resumed"),
        (["out/%05d.png", "--shard", "1/2"], "out/%05d.png: a sequence of pictures cannot be resumed or sharded"),
        (["there/%05d.png"], "there/00001.png: exists already; use --overwrite to replace all of there/%05d.png"),
        (["no/where/%05d.png"], "no/where/%05d.png: there is no folder "),
        (["one.png"], "one.png: names one picture"),
    ],
)
def test_a_dry_run_refuses_what_the_run_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engines, "load", no_engine, raising=False)
    make_clip(Path("in.mp4"), even_times(3))
    Path("there").mkdir()
    Path("there/00001.png").touch()
    told = []
    for dry in ([], ["--dry-run"]):
        assert shm_video(monkeypatch, "in.mp4", *arguments, *dry) == 2
        told.append(capsys.readouterr().err)
    assert says in told[0]
    assert told[0] == told[1]
    assert told[0].count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "there"]


def test_a_report_in_json(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, out = make_clip(tmp_path / "in.mp4", audio="aac"), tmp_path / "out.mp4"
    assert shm_video(monkeypatch, clip, out, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["engine"] == {"name": "ball", "precision": "exact", "device": "test", "model": "base"}
    (record,) = report["files"]
    assert (record["status"], record["source"], record["target"]) == ("written", str(clip), str(out))
    assert (record["frames"], record["damaged"], record["damaged_audio"], record["shortfall"]) == (10, 0, 0, None)
    assert set(record["stage_ms"]) == {"source", "matte", "smooth", "composite", "encode"}
    assert record["frames_a_second"] == pytest.approx(10 / record["seconds"])


def tree(folder: Path) -> Path:
    """Videos in folders, one of them no video but by its name, and other things."""
    (folder / "b").mkdir(parents=True)
    make_clip(folder / "one.mp4", even_times(3))
    make_clip(folder / "b" / "two.avi", even_times(4), codec="mpeg4", pix_fmt="yuv420p", time_base=Fraction(1, 25))
    (folder / "b" / "bad.mp4").write_text("no video\n" * 100)
    make_clip(folder / ".hidden.mp4", even_times(2))
    cv2.imwrite(str(folder / "photo.png"), picture(0))
    return folder


def test_a_folder_is_mirrored_and_what_fails_harms_no_other(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clips, out = tree(tmp_path / "clips"), tmp_path / "deep" / "out"
    loaded: list[int] = []
    real = engines.load

    def load(*arguments: Any, **options: Any) -> Any:
        loaded.append(1)
        return real(*arguments, **options)

    monkeypatch.setattr(engines, "load", load)
    assert shm_video(monkeypatch, clips, out, "--json", *FAST) == 1
    captured = capsys.readouterr()
    assert loaded == [1]  # for all files
    assert {str(path.relative_to(out)) for path in out.rglob("*.*")} == {"one.mp4", "b/two.mp4"}
    assert len(frames(out / "b" / "two.mp4")) == 4
    lines = captured.err.splitlines()
    assert lines[0].startswith(f"error: {clips / 'b' / 'bad.mp4'}: is not a video")
    assert lines[1].startswith(f"{out / 'b' / 'two.mp4'}: 4 frames in ")
    assert lines[2].startswith(f"{out / 'one.mp4'}: 3 frames in ")
    assert lines[3:] == ["left out: 1 files that are no videos by their names", "2 videos written, 1 failed"]
    assert [record["status"] for record in json.loads(captured.out)["files"]] == ["failed", "written", "written"]

    (clips / "b" / "bad.mp4").unlink()
    before = (out / "one.mp4").stat().st_mtime_ns
    assert shm_video(monkeypatch, clips, out) == 0
    assert capsys.readouterr().err.endswith("0 videos written, 2 existed already\n")
    assert (out / "one.mp4").stat().st_mtime_ns == before
    assert loaded == [1]  # nothing to do, and no engine to do it


def test_shards_share_a_folder(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clips, out = tmp_path / "clips", tmp_path / "out"
    clips.mkdir()
    for name in "abc":
        make_clip(clips / f"{name}.mp4", even_times(2))
    assert shm_video(monkeypatch, clips, out, "--shard", "2/2", *FAST) == 0
    assert [path.name for path in out.iterdir()] == ["b.mp4"]
    for name, value in {"ID": 0, "MIN": 0, "COUNT": 2}.items():
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))
    assert shm_video(monkeypatch, clips, out, "--shard", "auto", *FAST) == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.mp4", "b.mp4", "c.mp4"]
    capsys.readouterr()
    assert shm_video(monkeypatch, clips, out, "--shard", "3/2") == 2
    assert capsys.readouterr().err == "error: --shard: shard 3 of 2 does not exist; they are numbered from 1 to 2\n"


def test_shards_share_a_video(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(segments, "FRAMES", 5)
    clip, out = make_clip(tmp_path / "in.mp4", even_times(12)), tmp_path / "out.mp4"
    assert shm_video(monkeypatch, clip, out, "--shard", "2/2", "--json", *FAST) == 0
    captured = capsys.readouterr()
    assert f"{out}: appears when all shards of it are done\n" in captured.err
    (record,) = json.loads(captured.out)["files"]
    assert (record["status"], record["frames"]) == ("part", 7)
    assert shm_video(monkeypatch, clip, out, *FAST, "--dry-run") == 0
    assert "--resume goes on from there" in capsys.readouterr().err
    assert shm_video(monkeypatch, clip, out, "--shard", "1/2", *FAST) == 0
    assert frame_times(out) == even_times(12)
    assert shm_video(monkeypatch, clip, out, "--shard", "1/2", *FAST) == 0  # as a scheduler may start it again
    assert capsys.readouterr().err.endswith(f"{out}: exists already\n")
    assert shm_video(monkeypatch, clip, tmp_path / "a.mp4", "--resume", "--alpha-out", tmp_path / "b.mp4") == 2
    assert "--alpha-out: cannot be resumed or sharded" in capsys.readouterr().err


def test_a_run_that_fails_midway_says_what_is_kept(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(segments, "FRAMES", 5)
    clip, out = make_clip(tmp_path / "in.mp4", even_times(30)), tmp_path / "out.mp4"
    count = itertools.count()

    def fail(self: BallEngine, frame: Frame, mask: Mask | None = None) -> Matte:
        if next(count) == 20:
            raise EngineError("the device is gone")
        return matte(frame)

    with monkeypatch.context() as patched:
        patched.setattr(BallEngine, "__call__", fail)
        assert shm_video(monkeypatch, clip, out, "--resume", *FAST) == 2
    error = capsys.readouterr().err
    assert f"{out}: what is done is kept beside it; the same command goes on from there\n" in error
    assert error.endswith("error: the device is gone\n")
    assert shm_video(monkeypatch, clip, out, "--resume", *FAST) == 0
    assert " that were done before" in capsys.readouterr().err
    assert frame_times(out) == even_times(30)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


def test_a_run_that_is_refused_does_not_say_that_the_same_command_goes_on(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, out = make_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    kept = tmp_path / "out.mp4.unfinished"
    kept.mkdir()
    (kept / "run.json").write_text("{}")
    for words in ((), ("--overwrite",)):
        assert shm_video(monkeypatch, clip, out, "--resume", *words, *FAST) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {kept}: holds the segments of another run (")
        assert line.endswith(" differ); repeat that run, or remove the folder")
    with replacing(out, overwrite=False):
        monkeypatch.setattr(atomic, "_ours", set())  # it stands for another process
        assert shm_video(monkeypatch, clip, out, "--resume", *FAST) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {out}: another process is writing it; wait for it")


def test_results_below_the_folder_of_videos_are_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.mp4", "done/b.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert video_files(tmp_path, Path("done")).jobs == [(tmp_path / "a.mp4", Path("done/a.mp4"))]


@pytest.mark.parametrize("target", ["clips", "clips/a.mp4"])
def test_the_folder_of_the_videos_is_no_place_for_results(tmp_path: Path, target: str) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").touch()
    for source in (tmp_path / "clips", tmp_path / "clips" / "*.mp4"):
        with pytest.raises(MediaError, match=r"is a file or the folder of the videos; name another folder"):
            video_files(source, tmp_path / target)


def test_a_dry_run_of_a_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(engines, "load", no_engine, raising=False)
    clips, out = tree(tmp_path / "clips"), tmp_path / "out"
    assert shm_video(monkeypatch, f"{clips}/**/*o*.*", out, "--dry-run", "--output-kind", "cutout") == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[0] for line in lines[:2]] == [
        f"{clips}/b/two.avi -> {out}/b/two.mov",
        f"{clips}/one.mp4 -> {out}/one.mov",
    ]
    assert lines[-1] == "2 videos to write"
    assert not out.exists()


def test_videos_of_one_stem_keep_their_whole_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.avi", "a.mov", "a.mp4", "b.mov"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    jobs = video_files(Path(), Path("out")).jobs
    results = {str(video): path.name for video, path in jobs}
    assert results == {"a.avi": "a.avi.mp4", "a.mov": "a.mov", "a.mp4": "a.mp4.mp4", "b.mov": "b.mov"}
    assert describe_whole_names(jobs) == "share stems: 2 files, whose results keep their whole names (a.avi.mp4, a.mp4.mp4)"


def test_videos_that_would_become_one_file_all_the_same(tmp_path: Path) -> None:
    for name in ("a.avi", "a.mp4", "a.avi.mp4"):
        (tmp_path / name).touch()
    with pytest.raises(MediaError, match=r"a.avi.mp4: would become .*a.avi.mp4, and so would a.avi; rename one of them"):
        video_files(tmp_path, tmp_path / "out")
