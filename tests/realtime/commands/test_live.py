import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import numpy as np
import pytest

from engines.atomic import UNFINISHED
from engines.engine import Frame, Mask, Matte
from engines.errors import EngineError, MediaError
from realtime.commands.live import fill_in_values, main
from realtime.compositing.playlist import Playlist
from realtime.inputs.cameras import find_camera
from realtime.inputs.live_source import LiveSource
from realtime.inputs.paced_video import PacedVideo
from realtime.loop import live_session
from realtime.loop.live_session import LiveSession
from realtime.outputs.output import VideoFormat
from realtime.outputs.recording import Recording
from realtime.packet import Packet
from tests.realtime.clips import frame_times, frames
from tests.realtime.compositing.test_backgrounds import write_video
from tests.realtime.fake_time import FakeTime
from tests.realtime.loop.test_live_session import Camera
from tests.realtime.plain_engine import PlainEngine


class SilentWindow:
    """A window that nobody sees: it keeps what it is shown, and gives the keys to press, one after each picture."""

    def __init__(self, *keys: str | None) -> None:
        self.pictures: list[np.ndarray] = []
        self.lines: list[list[str]] = []
        self.closed = False
        self._keys = iter(keys)
        self._answered = 0

    def show(self, picture: np.ndarray, lines: list[str]) -> None:
        self.pictures.append(picture)
        self.lines.append(lines)

    def key(self) -> str | None:
        if self._answered == len(self.pictures):
            return None
        self._answered = len(self.pictures)
        return next(self._keys, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.closed = True


def shm_live(*arguments: str) -> int:
    """Runs the command and gives its exit code."""
    with patch("sys.argv", ["shm-live", *arguments]), pytest.raises(SystemExit) as exit_:
        main()
    return int(exit_.value.code or 0)


def wait_until(holds: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def play(clip: Path, window: SilentWindow, engine: PlainEngine, **options: Any) -> LiveSession:
    with PacedVideo(clip, **options) as source, Playlist(["#0000ff"]) as backgrounds:
        session = LiveSession(source, engine, backgrounds, window=window)  # type: ignore[arg-type]
        session.run()
        return session


def test_dark_is_kept_and_light_replaced(tmp_path: Path) -> None:
    window, engine = SilentWindow(), PlainEngine()
    play(write_video(tmp_path / "a.mkv", [0, 255, 0, 255], rate=4), window, engine)
    assert len(window.pictures) == engine.calls == 4
    assert window.pictures[0].max() <= 3
    assert np.abs(window.pictures[1].astype(int) - (0, 0, 255)).max() <= 3


class FastCamera(LiveSource):
    """Gives eight frames, 40 ms, while the engine works on one, for a while. Each shown picture's delay is kept."""

    name, height, width = "fast", 40, 50

    def __init__(self, fake_time: FakeTime, frames: int) -> None:
        super().__init__()
        self.fake_time = fake_time
        self.frames = frames
        self.delays: list[float] = []
        self.busy, self.may_end, self.shown = threading.Semaphore(0), threading.Semaphore(0), threading.Semaphore(1)

    def __iter__(self) -> Iterator[Packet]:
        for index in range(self.frames):
            self.fake_time.advance(0.005)
            yield Packet(np.zeros((40, 50, 3), np.uint8), self._clock.now(), index)
            if index % 8 == 0:
                if index:
                    self.may_end.release()
                assert self.busy.acquire(timeout=60)
                assert self.shown.acquire(timeout=60)
        self.may_end.release()

    def delay(self, packet: Packet) -> float:
        self.delays.append(super().delay(packet))
        self.shown.release()
        return self.delays[-1]

    def engine(self) -> PlainEngine:
        """An engine that works while eight frames come."""
        camera = self

        class SlowEngine(PlainEngine):
            def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
                camera.busy.release()
                assert camera.may_end.acquire(timeout=60)
                return super().__call__(frame, mask)

        return SlowEngine()


def test_a_source_much_faster_than_the_engine_is_never_late(fake_time: FakeTime) -> None:
    """Frames come at 200 a second, and the engine takes 25 of them: the newest ones, so that the delay does not grow."""
    notices: list[str] = []
    source = FastCamera(fake_time, frames=241)
    engine = source.engine()
    with source, Playlist(["red"]) as backgrounds:
        LiveSession(source, engine, backgrounds, notify=notices.append).run()
    assert engine.calls == 31
    assert source.delays[:-1] == pytest.approx([0.04] * 30)
    assert "31 frames in " in notices[-1]
    assert notices[-1].endswith("210 dropped for newer ones")


def test_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = write_video(tmp_path / "a.mkv", [0] * 50, rate=50)
    window = SilentWindow(None, "s", "h", None, "m", "s", "h", "escape")
    session = play(clip, window, PlainEngine())
    assert len(window.pictures) == 8
    assert [len(lines) for lines in window.lines] == [0, 0, 3, 16, 16, 16, 13, 0]
    assert session.mirror
    assert re.match(r"[1-8] frames in .* s: .* frames/s, delay .* ms .*, \d+ dropped", capsys.readouterr().out)


class StalledCamera(LiveSource):
    """A camera that gives one frame, and then no more."""

    name, height, width = "stalled", 40, 50

    def __iter__(self) -> Iterator[Packet]:
        yield Packet(np.zeros((40, 50, 3), np.uint8), self._clock.now(), 0)
        self.stopped = self._closed.wait(60)


class PolledWindow(SilentWindow):
    """One that gives a key each time it is asked, once it has been shown something."""

    def key(self) -> str | None:
        return next(self._keys, None) if self.pictures else None


def test_keys_work_while_the_camera_stalls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_session, "REFRESH", 60)
    window = PolledWindow(*[None] * 40, "s", *[None] * 5, "q")
    with StalledCamera() as source, Playlist(["red"]) as backgrounds:
        LiveSession(source, PlainEngine(), backgrounds, window=window).run()  # type: ignore[arg-type]
    assert source.stopped
    assert [len(lines) for lines in window.lines] == [0, 3]


def test_a_mirrored_frame_is_matted_as_shown() -> None:
    frame = np.zeros((40, 50, 3), np.uint8)
    frame[:, :10] = 255
    packet = Packet(frame, Fraction(0), 0)
    session = LiveSession(None, PlainEngine(), None, mirror=True)  # type: ignore[arg-type]
    session.matte(packet)
    assert packet.matte is not None
    assert (packet.frame[:, 40:] == 255).all()
    assert (packet.matte.alpha[:, 40:] == 0).all()
    assert (packet.matte.alpha[:, :40] == 1).all()


def test_an_error_in_a_stage_ends_it_once(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mkv", [0] * 20, rate=50)
    with (
        patch.object(PlainEngine, "__call__", side_effect=EngineError("out of memory")),
        pytest.raises(EngineError, match="memory"),
    ):
        play(clip, SilentWindow(), PlainEngine())


def test_options_without_a_value() -> None:
    assert fill_in_values([]) == []
    assert fill_in_values(["--webcam"]) == ["--webcam", "0"]
    assert fill_in_values(["--webcam", "--bg", "red"]) == ["--webcam", "0", "--bg", "red"]
    assert fill_in_values(["--webcam", "/dev/video2", "--loop"]) == ["--webcam", "/dev/video2", "--loop"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="device paths are Linux's")
def test_a_missing_camera_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no such camera") as caught:
        find_camera("97")
    assert "choose one of /dev/video" in str(caught.value) or "plug one in" in str(caught.value)
    (tmp_path / "a.mp4").touch()
    with pytest.raises(MediaError, match="is not a camera"):
        find_camera(str(tmp_path / "a.mp4"))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "--webcam"),
        (["--webcam", "--input", "a.mkv"], "one source"),
        (["--webcam", "--loop"], "--loop"),
        (["--webcam", "97"], "--webcam 97: no such camera"),
        (["--webcam", "text.mp4"], "for a video file use --input text.mp4"),
        (["--input", "missing.mp4"], "missing.mp4"),
        (["--input", "text.mp4"], "text.mp4"),
        (["--input", "a.mkv", "--size", "big"], "--size big: give WIDTHxHEIGHT"),
        (["--input", "a.mkv", "--size", "20x20"], "--size 20x20: give WIDTHxHEIGHT"),
        (["--input", "a.mkv", "--smooth", "2"], "--smooth"),
        (["--input", "a.mkv", "--bg", "blur:x"], "--bg blur:x: is not a strength of blur"),
        (["--input", "a.mkv", "--virtual-camera", "/dev/video97"], "--virtual-camera /dev/video97: no such device"),
        (["--input", "a.mkv", "--fps", "20"], "--fps"),
        (["--input", "a.mkv", "--no-window"], "--no-window"),
        (["--input", "a.mkv", "--snapshots", "missing"], "--snapshots"),
        (["--input", "a.mkv", "--record", "there.mkv"], "there.mkv: exists already; use --overwrite"),
        (["--input", "a.mkv", "--record", "a.mkv"], "is the same file as --input a.mkv"),
        (["--input", "a.mkv", "--record", "a.mkv", "-y"], "is the same file as --input a.mkv"),
        (["--input", "a.mkv", "--record", "a.avi"], "a.avi"),
        (["--input", "a.mkv", "--bg", "red", "--bg", "missing.jpg"], "--bg missing.jpg: no such file"),
        (["--input", "a.mkv", "--bg", "missing.jpg"], "missing.jpg"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "a.mkv", [0, 255])
    write_video(tmp_path / "there.mkv", [0, 255])
    (tmp_path / "text.mp4").write_text("no video " * 100)
    with patch("realtime.outputs.window.check_display"):
        assert shm_live(*arguments) == 2
    errors = capsys.readouterr().err
    assert word in errors
    assert errors.count("\n") == 1


PLAIN = (
    "from tests.realtime.plain_engine import plain_engine\nfrom realtime.commands.live import main\nwith plain_engine(): main()"
)
ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_with_the_recording_finished(tmp_path: Path, number: signal.Signals, code: int) -> None:
    clip = write_video(tmp_path / "a.mkv", [255, 255], rate=20, size=(480, 360))
    words = ["--input", str(clip), "--loop", "--bg", "#0000ff", "--no-window", "--record", str(tmp_path / "out.mp4")]
    with subprocess.Popen([sys.executable, "-c", PLAIN, *words], stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        wait_until(lambda: process.poll() is not None or any(f.stat().st_size for f in tmp_path.glob(f"{UNFINISHED}*")))
        time.sleep(0.5)
        process.send_signal(number)
        time.sleep(0.01)
        process.send_signal(number)  # an impatient user
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert "frames/s" in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mkv", "out.mp4"]
    recorded = frames(tmp_path / "out.mp4")
    assert len(recorded) >= 2
    assert np.abs(recorded[0].astype(int) - (0, 0, 255)).mean() < 8


def test_all_outputs_at_once_without_a_window(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mkv", [255] * 30, rate=20, size=(96, 64))
    words = ["--input", str(clip), "--bg", "#0000ff", "--no-window", "--record", str(tmp_path / "out.mkv"), "--pipe", "rgb24"]
    command = [sys.executable, "-c", PLAIN, *words]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    piped = np.frombuffer(done.stdout, np.uint8).reshape(-1, 64, 96, 3)
    assert 2 <= len(piped) <= 31
    assert np.abs(piped[-1].astype(int) - (0, 0, 255)).mean() < 3
    assert frame_times(tmp_path / "out.mkv")[0] == 0


def test_a_recording_that_is_too_slow_says_how_much_is_missing(tmp_path: Path) -> None:
    """It takes one picture, while twelve more are matted."""
    notices: list[str] = []
    engine = PlainEngine(seconds=0.002)
    video_format = VideoFormat(50, 40, Fraction(25))

    class SlowRecording(Recording):
        depth = 2

        def write(self, packet: Packet) -> None:
            due = min(engine.calls + 12, 72)
            wait_until(lambda: engine.calls >= due, seconds=60)
            super().write(packet)
            if due == 72:
                source.stop()

    with Camera() as source, Playlist(["red"]) as backgrounds, SlowRecording(tmp_path / "a.mkv", video_format) as recording:
        LiveSession(source, engine, backgrounds, [recording], notify=notices.append).run()
    lost = int(re.search(r"record: (\d+) pictures are missing", " ".join(notices))[1])  # type: ignore[index]
    assert lost > 20
    assert 2 <= len(frame_times(tmp_path / "a.mkv")) < 20


def test_quit_as_a_line_on_standard_input(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mkv", [255] * 30, rate=20)
    words = ["--input", str(clip), "--loop", "--no-window", "--statistics", "--record", str(tmp_path / "out.mkv")]
    command = [sys.executable, "-c", PLAIN, *words]
    done = subprocess.run(command, input="help\nwhat\nquit\n", capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0
    assert "previous background" in done.stderr
    assert "'what' is unknown" in done.stderr
