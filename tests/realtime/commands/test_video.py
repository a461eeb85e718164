import io
import itertools
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
import pytest
from rich.console import Console

import engines
from engines.atomic import UNFINISHED
from engines.engine import Frame, Mask, Matte
from realtime.commands import progress, video
from realtime.inputs.video_file import VideoSource
from realtime.loop import edit_video
from realtime.outputs.video_file import VideoSink
from tests.realtime.clips import (
    BALL,
    audio_packets,
    even_times,
    frame_times,
    frames,
    make_clip,
    matte,
    opencv_frames,
    picture,
)

GREEN = (0, 0xB1, 0x40)


class BallEngine:
    """Knows the ball of the clips by its colour; as slow as asked for."""

    name, device, precision, model, at_once = "ball", "test", "exact", "base", 1

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        time.sleep(self.seconds)
        return matte(frame)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> BallEngine:
    ball = BallEngine()

    def load(backend: str = "auto", **_: object) -> BallEngine:
        return ball

    monkeypatch.setattr(engines, "load", load, raising=False)
    return ball


def shm_video(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Runs the command as its script does; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["shm-video", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        video.main()
    return int(ended.value.code or 0)


def assert_ball_on(frame: Frame, index: int, background: tuple[int, int, int]) -> None:
    assert np.abs(frame[32, 24 + 2 * index].astype(int) - BALL).max() <= 8
    assert np.abs(frame[60, 90].astype(int) - background).max() <= 8


def test_a_clip_gets_a_green_screen_and_keeps_its_times_and_sound(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    times = [Fraction(ms, 1000) for ms in (0, 40, 80, 200, 233, 700, 740, 900)]
    clip = make_clip(tmp_path / "in.mp4", times, audio="aac", time_base=Fraction(1, 15_000))
    out = tmp_path / "out.mp4"
    assert shm_video(monkeypatch, clip, out) == 0
    assert frame_times(out) == times
    assert audio_packets(out) == audio_packets(clip)
    assert len(opencv_frames(out)) == len(times)
    for index, frame in enumerate(frames(out)):
        assert_ball_on(frame, index, GREEN)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]
    assert engine.closed
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1  # not a terminal: no progress bar
    assert captured.err.startswith(f"{out}: 8 frames in ")
    assert captured.err.endswith(" frames/s (ball exact, test)\n")


def test_backgrounds(tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(tmp_path / "in.mp4")
    yellow = np.full((80, 80, 3), (0, 220, 220), np.uint8)  # BGR
    cv2.imwrite(str(tmp_path / "yellow.png"), yellow)
    for bg, colour in (("#ff8000", (255, 128, 0)), ("navy", (0, 0, 128)), (tmp_path / "yellow.png", (220, 220, 0))):
        assert shm_video(monkeypatch, clip, tmp_path / "out.mp4", "--bg", bg, "--overwrite") == 0
        decoded = frames(tmp_path / "out.mp4")
        assert len(decoded) == 10
        assert_ball_on(decoded[9], 9, colour)
    assert shm_video(monkeypatch, clip, tmp_path / "blur.mkv", "--bg", "blur") == 0
    behind = make_clip(tmp_path / "behind.mp4", even_times(3), size=(128, 128))
    assert shm_video(monkeypatch, clip, tmp_path / "video.mov", "--bg", behind, "--fit", "stretch") == 0
    assert len(frames(tmp_path / "blur.mkv")) == len(frames(tmp_path / "video.mov")) == 10


def test_a_background_has_its_shape_behind_wide_pixels(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A square takes 48 columns of a frame of 64 rows, as these are wide by a third."""
    clip = make_clip(tmp_path / "in.mp4", pixel_aspect=Fraction(4, 3))
    cv2.imwrite(str(tmp_path / "white.png"), np.full((64, 64, 3), 255, np.uint8))
    out = tmp_path / "out.mkv"
    assert shm_video(monkeypatch, clip, out, "--bg", tmp_path / "white.png", "--fit", "contain") == 0
    row = frames(out)[0][60, :, 1] > 127
    assert (np.flatnonzero(row).min(), row.sum()) == (24, 48)


def test_a_turned_clip_of_odd_size_comes_out_upright(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts: dict[str, Any] = {"size": (97, 65), "codec": "ffv1", "pix_fmt": "bgr0"}
    assert shm_video(monkeypatch, make_clip(tmp_path / "odd.mkv", **facts), tmp_path / "odd.mp4") == 0
    assert frames(tmp_path / "odd.mp4")[0].shape == (66, 98, 3)
    assert shm_video(monkeypatch, make_clip(tmp_path / "turned.mp4", rotation=-90), tmp_path / "turned.mkv") == 0
    for reader in (frames, opencv_frames):
        upright = reader(tmp_path / "turned.mkv")[0]
        assert upright.shape == (96, 64, 3)
        assert np.abs(upright[24, 31].astype(int) - BALL).max() < 24  # it was on the left, and is now at the top
        assert np.abs(upright[72, 31].astype(int) - GREEN).max() < 24


def test_progress_on_a_terminal(tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.seconds = 0.02
    screen = io.StringIO()
    monkeypatch.setattr(progress, "console", Console(file=screen, force_terminal=True, width=100))
    assert shm_video(monkeypatch, make_clip(tmp_path / "in.mp4", even_times(40)), tmp_path / "out.mp4") == 0
    assert "out.mp4" in screen.getvalue()
    assert "/40" in screen.getvalue()
    assert " frames/s" in screen.getvalue()


def test_no_audio_and_the_quality(tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(tmp_path / "in.mp4", even_times(25), audio="aac")
    assert shm_video(monkeypatch, clip, tmp_path / "a.mp4", "--no-audio", "--crf", 40, "--preset", "ultrafast") == 0
    assert shm_video(monkeypatch, clip, tmp_path / "b.mp4", "--no-audio", "--crf", 5, "--preset", "ultrafast") == 0
    assert (tmp_path / "a.mp4").stat().st_size < (tmp_path / "b.mp4").stat().st_size
    with pytest.raises(IndexError):
        audio_packets(tmp_path / "a.mp4")


SAMPLE = Path(video.__file__).parents[1] / "samples" / "sample.mp4"


def test_the_person_of_the_sample_stays_and_her_room_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, out = tmp_path / "in.mp4", tmp_path / "out.mp4"
    with VideoSource(SAMPLE) as source, VideoSink(clip, width=source.width, height=source.height) as sink:
        for packet in itertools.islice(source, 8):
            packet.picture = packet.frame
            sink.write(packet)
    assert shm_video(monkeypatch, clip, out, "--threads", 2) == 0
    assert frame_times(out) == frame_times(clip)
    for before, after in zip(frames(clip), frames(out), strict=True):
        for y, x in ((400, 270), (300, 340), (140, 310)):  # jumper and face
            assert np.abs(after[y, x].astype(int) - before[y, x]).max() <= 40
        for y, x in ((60, 150), (100, 560), (250, 130)):  # walls and board
            assert np.abs(after[y, x].astype(int) - GREEN).max() <= 40


def bad_inputs() -> list[tuple[str, list[str], str]]:
    return [
        ("missing input", ["missing.mp4", "out.mp4"], "missing.mp4: no such file"),
        (
            "an address",
            ["http://me:secret@host/a.mp4", "out.mp4"],
            "error: http://host/a.mp4: is an address; save what is there",
        ),
        ("folder as input", ["folder", "out.mp4"], "folder: no video is there"),
        ("text named .mp4", ["text.mp4", "out.mp4"], "text.mp4: is not a video"),
        ("sound only", ["sound.wav", "out.mp4"], "sound.wav: has no video"),
        ("no frames", ["none.mp4", "out.mp4"], "none.mp4: "),
        ("picture", ["picture.png", "out.mp4"], "use shm-image"),
        ("unwritable", ["in.mp4", "/proc/out.mp4"], "/proc/out.mp4: cannot be written"),
        ("the current folder", ["in.mp4", "."], ".: is a folder; name a file in it"),
        ("the folder of all", ["in.mp4", "/"], "/: is a folder; name a file in it"),
        ("to an address", ["in.mp4", "https://me:secret@host/out.mp4"], "error: https://host/out.mp4: is an address, and only"),
        (
            "pictures to an address",
            ["in.mp4", "https://me:secret@host/a/%05d.png"],
            "error: https://host/a/%05d.png: is an address",
        ),
        ("no such folder", ["in.mp4", "nowhere/out.mp4"], "there is no folder"),
        ("folder as output", ["in.mp4", "folder"], "folder: is a folder"),
        ("kind of output", ["in.mp4", "out.gif"], "unknown kind of video file"),
        ("output there", ["in.mp4", "there.mp4"], "use --overwrite"),
        ("output is input", ["in.mp4", "in.mp4", "--overwrite"], "is the same file as IN"),
        ("output links to input", ["in.mp4", "link.mp4", "--overwrite"], "is the same file as IN"),
        ("output is a hard link to input", ["in.mp4", "hard.mp4", "--overwrite"], "is the same file as IN"),
        ("output is background", ["in.mp4", "there.mp4", "--bg", "there.mp4", "-y"], "is the same file as --bg"),
        ("standard output", ["in.mp4", "/dev/stdout"], "/dev/stdout: is standard output; write - for it"),
        ("loop of links", ["loop.mp4", "out.mp4"], "loop.mp4: is a link that leads back to itself; name the file itself"),
        ("output is a loop", ["in.mp4", "loop.mp4"], "loop.mp4: is a link that leads back to itself; choose another name"),
        ("background is a loop", ["in.mp4", "out.mp4", "--bg", "loop.mp4"], "--bg loop.mp4: is a link that leads back"),
        ("missing background", ["in.mp4", "out.mp4", "--bg", "nothing.jpg"], "nothing.jpg"),
        ("broken background", ["in.mp4", "out.mp4", "--bg", "text.mp4"], "text.mp4"),
        ("folder as background", ["in.mp4", "out.mp4", "--bg", "folder"], "folder"),
        ("unknown colour", ["in.mp4", "out.mp4", "--bg", "#12345"], "#12345"),
        ("crf", ["in.mp4", "out.mp4", "--crf", "52"], "--crf"),
        ("smooth", ["in.mp4", "out.mp4", "--smooth", "1"], "--smooth 1"),
        ("keep", ["in.mp4", "out.mp4", "--keep", "two"], "--keep"),
        ("light wrap", ["in.mp4", "out.mp4", "--light-wrap", "2"], "--light-wrap 2"),
        ("fit", ["in.mp4", "out.mp4", "--fit", "tile"], "--fit"),
    ]


@pytest.mark.parametrize(("arguments", "says"), [row[1:] for row in bad_inputs()], ids=[row[0] for row in bad_inputs()])
def test_bad_input_is_reported_in_one_line_and_nothing_is_lost(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    def load(*_: object, **__: object) -> None:
        raise AssertionError("inputs are checked before the engine starts")

    monkeypatch.setattr(engines, "load", load, raising=False)
    monkeypatch.chdir(tmp_path)
    make_clip(Path("in.mp4"), audio="aac")
    make_clip(Path("none.mp4"), [])
    make_clip(Path("there.mp4"))
    Path("folder").mkdir()
    Path("text.mp4").write_text("no video\n" * 100)
    Path("sound.wav").write_bytes(
        b"RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\x08\0\0\0" + bytes(8)
    )
    cv2.imwrite("picture.png", picture(0))
    Path("link.mp4").symlink_to("in.mp4")
    Path("hard.mp4").hardlink_to("in.mp4")
    Path("loop.mp4").symlink_to("loop.mp4")
    before = {path: path.read_bytes() for path in sorted(tmp_path.iterdir()) if path.is_file()}

    assert shm_video(monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    after = {path: path.read_bytes() for path in sorted(tmp_path.iterdir()) if path.is_file()}
    assert after == before


def test_an_engine_that_fails_midway_leaves_nothing(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(packet: object, background: object, *, light_wrap: float) -> None:
        raise RuntimeError("broke")

    monkeypatch.setattr(edit_video, "composite", fail)
    clip = make_clip(tmp_path / "in.mp4", even_times(50))
    (tmp_path / "out.mp4").write_bytes(b"precious")
    monkeypatch.setattr(sys, "argv", ["shm-video", str(clip), str(tmp_path / "out.mp4"), "--overwrite"])
    with pytest.raises(RuntimeError, match="broke"):
        video.main()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]
    assert (tmp_path / "out.mp4").read_bytes() == b"precious"
    assert engine.closed


SLOW = """
import sys
import engines
from tests.realtime.commands.test_video import BallEngine
engines.load = lambda *_, **__: BallEngine(seconds=0.05)
from realtime.commands.video import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing_behind(tmp_path: Path, number: signal.Signals, code: int) -> None:
    clip = make_clip(tmp_path / "in.mp4", even_times(500), audio="aac")
    out = tmp_path / "out.mp4"
    out.write_bytes(b"precious")
    command = [sys.executable, "-c", SLOW, str(clip), str(out), "--overwrite"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
    give_up = time.monotonic() + 120
    while not any(path.stat().st_size for path in tmp_path.glob(f"{UNFINISHED}*")):
        assert process.poll() is None
        assert time.monotonic() < give_up
        time.sleep(0.02)
    process.send_signal(number)
    time.sleep(0.01)
    process.send_signal(number)  # an impatient user
    _, error = process.communicate(timeout=120)
    assert process.returncode == code
    assert "Traceback" not in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]
    assert out.read_bytes() == b"precious"
