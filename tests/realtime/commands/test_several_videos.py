"""`shm-video` with several videos, named one by one."""

from pathlib import Path

import pytest

from tests.realtime.clips import even_times, frames, make_clip
from tests.realtime.commands.test_video import BallEngine, engine, shm_video

__all__ = ["engine"]  # the fixture

FAST = ("--preset", "ultrafast")


def test_several_videos_may_be_named(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a shell does of clips/*.mp4."""
    monkeypatch.chdir(tmp_path)
    Path("other").mkdir()
    clips = [make_clip(Path(name), even_times(3)) for name in ("a.mp4", "other/b.avi", "other/a.mov")]
    assert shm_video(monkeypatch, *clips, "missing.mp4", "out", *FAST) == 1
    assert "missing.mp4: no such file" in capsys.readouterr().err
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.mov", "a.mp4", "b.mp4"]
    assert len(frames(Path("out/b.mp4"))) == 3
    assert shm_video(monkeypatch, clips[0], "out", "-", *FAST) == 2
    assert "-: standard output holds one video, and IN names several" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a.mp4", "b.mp4", "there.txt"], "there.txt: is a file; for several videos, name a folder to write to last"),
        (
            ["a.mp4", "b.mp4", "beach.jpg"],
            "beach.jpg: is named like a file, and several videos need a folder; make that folder",
        ),
        (["frames", "out.mp4"], "frames: no video is there, but numbered pictures; name these, frames/%d.png"),
        (["clips", "out.MP4"], "out.MP4: is named like a file, and several videos need a folder; make that folder first, name"),
        (["clips", "https://me:secret@host/"], "error: https://host: is an address, and only files are written; name a folder"),
        (["clips/*.mp4", "out.webm", "--dry-run"], "out.webm: is named like a file"),
        (["a.mp4", "clips", "out"], "clips: is a folder; name it alone, or videos alone"),
        (["a.mp4", "-", "out"], "-: standard input holds one video; name it alone, or files alone"),
        (["a.mp4", "clips/a.mp4", "out"], "clips/a.mp4: would become out/a.mp4.mp4, and so would a.mp4; rename one of them"),
        (["a.mp4", "b.mp4", "out", "--rate", "25"], "--rate: videos have times of their own"),
        (["a.mp4", "b.mp4", ".", "--overwrite"], "a.mp4: is the same file as IN"),
    ],
)
def test_several_videos_that_cannot_be_done(
    tmp_path: Path,
    engine: BallEngine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("clips").mkdir()
    Path("frames").mkdir()
    for name in ("a.mp4", "b.mp4", "clips/a.mp4", "there.txt", "frames/1.png", "frames/2.png"):
        Path(name).write_text("precious")
    assert shm_video(monkeypatch, *words) in (1, 2)
    assert says in capsys.readouterr().err
    assert {path.read_text() for path in Path().rglob("*") if path.is_file()} == {"precious"}
    assert {path.name for path in Path().iterdir() if path.is_dir()} <= {"clips", "frames", "out"}


def test_a_folder_that_is_there_may_have_any_name(tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("reel.mov").mkdir()
    clips = [make_clip(Path(name), even_times(3)) for name in ("a.mp4", "b.mp4")]
    assert shm_video(monkeypatch, *clips, "reel.mov", *FAST) == 0
    assert sorted(path.name for path in Path("reel.mov").iterdir()) == ["a.mp4", "b.mp4"]


def test_a_result_may_have_a_name_as_long_as_there_are(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There would be none for its segments, which nobody had asked for."""
    out = tmp_path / f"{'x' * 251}.mp4"
    assert shm_video(monkeypatch, make_clip(tmp_path / "a.mp4", even_times(3)), out, *FAST) == 0
    assert len(frames(out)) == 3
