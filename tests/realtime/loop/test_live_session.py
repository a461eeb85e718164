import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import cv2
import numpy as np
import pytest

from engines.engine import Frame, Mask, Matte
from engines.errors import EngineError
from realtime.compositing.playlist import Playlist
from realtime.inputs.live_source import LiveSource
from realtime.inputs.paced_video import PacedVideo
from realtime.loop import live_session
from realtime.loop.controls import CONTROLS, LineReader
from realtime.loop.live_session import LiveSession
from realtime.outputs.output import Output, VideoFormat
from realtime.outputs.recording import Recording
from realtime.packet import Packet
from tests.realtime.clips import frame_times
from tests.realtime.compositing.test_backgrounds import write_video
from tests.realtime.fake_time import FakeTime
from tests.realtime.plain_engine import PlainEngine


def wait_until(holds: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.001)


def packet(level: int = 0) -> Packet:
    frame = np.full((40, 50, 3), level, np.uint8)
    return Packet(frame, Fraction(0), 0, matte=PlainEngine()(frame))


class Camera(LiveSource):
    """Grey frames that grow lighter, without end or pause."""

    name, height, width = "camera", 40, 50

    def __iter__(self) -> Iterator[Packet]:
        for index in range(10_000):
            if self._closed.wait(0.005):
                return
            if not self._paused:
                yield Packet(np.full((40, 50, 3), min(index, 255), np.uint8), self._clock.now(), index)


def new_session(notify: list[str], *backgrounds: str) -> LiveSession:
    return LiveSession(Camera(), PlainEngine(), Playlist(backgrounds or ["red"], notify=notify.append), notify=notify.append)


def test_every_control_is_known_to_a_session() -> None:
    for control in CONTROLS:
        notices: list[str] = []
        new_session(notices).execute(control.word)
        assert not any("unknown" in line for line in notices), control.word
    notices = []
    new_session(notices).execute("nonsense")
    assert "unknown" in notices[0]


def test_a_frozen_picture_stays_the_same_and_costs_no_matte() -> None:
    session = new_session([])
    first, second = packet(10), packet(200)
    session.compose(first)
    session.frozen = True
    second.matte = None
    session.matte(second)
    assert second.matte is None
    session.compose(second)
    assert second.picture is first.picture


def test_a_frozen_picture_stays_while_the_camera_is_away() -> None:
    """Its source then gives packets with a matte of their own, of nobody."""
    session = new_session([])
    first, absent = packet(10), replace(packet(200), absent=True)
    session.compose(first)
    session.frozen = True
    session.matte(absent)
    session.compose(absent)
    assert absent.picture is first.picture


def test_a_snapshot_is_the_picture_and_replaces_none(tmp_path: Path) -> None:
    notices: list[str] = []
    session = new_session(notices)
    session.snapshots = tmp_path
    session.execute("snapshot")
    assert "no picture yet" in notices[0]
    session.compose(packet(77))
    for _ in range(3):
        session.execute("g")
    files = list(tmp_path.iterdir())
    assert len(files) == 3
    assert session.picture is not None
    assert all((cv2.imread(str(file), cv2.IMREAD_COLOR_RGB) == session.picture).all() for file in files)


def test_a_session_without_a_window_obeys_lines() -> None:
    reading, writing = os.pipe()
    lines = LineReader(reading)
    notices: list[str] = []
    session = new_session(notices)
    session.lines = lines
    thread = threading.Thread(target=session.run)
    thread.start()
    for line in ("mirror", "help", "ALPHA", "pause"):
        os.write(writing, line.encode() + b"\r\n")
    end = time.monotonic() + 20
    while not session.paused:
        assert time.monotonic() < end
        time.sleep(0.01)
    count = -1
    while count != session.statistics.count:  # what was in flight may still arrive
        assert time.monotonic() < end
        count = session.statistics.count
        time.sleep(0.3)
    assert (session.mirror, session.view) == (True, "alpha")
    assert any("next background" in line for line in notices)
    os.write(writing, b"quit\n")
    thread.join(20)
    assert not thread.is_alive()
    lines.close()
    os.close(reading)
    os.close(writing)


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


def test_a_recording_that_is_too_slow_says_how_much_is_missing(tmp_path: Path) -> None:
    """It takes one picture, while twelve more are matted."""
    notices: list[str] = []
    engine = PlainEngine(seconds=0.002)
    video_format = VideoFormat(50, 40, Fraction(25))

    class SlowRecording(Recording):
        def write(self, packet: Packet) -> None:
            due = min(engine.calls + 12, 72)
            wait_until(lambda: engine.calls >= due, seconds=60)
            super().write(packet)
            if due == 72:
                source.stop()

    with Camera() as source, Playlist(["red"]) as backgrounds, SlowRecording(tmp_path / "a.mkv", video_format) as recording:
        recording.depth = 2
        LiveSession(source, engine, backgrounds, [recording], notify=notices.append).run()
    lost = int(re.search(r"record: (\d+) pictures are missing", " ".join(notices))[1])  # type: ignore[index]
    assert lost > 20
    assert 2 <= len(frame_times(tmp_path / "a.mkv")) < 20


def test_what_waits_for_a_recording_is_its_picture_alone(tmp_path: Path) -> None:
    """Frame, matte and foreground would be three times as much, for each of the pictures that wait."""
    seen: list[Packet] = []

    class Waiting(Output):
        name = "waiting"
        depth = 10

        def write(self, packet: Packet) -> None:
            seen.append(packet)

    clip = write_video(tmp_path / "a.mkv", [0] * 10, rate=50)
    with PacedVideo(clip) as source, Playlist(["red"]) as backgrounds:
        LiveSession(source, PlainEngine(), backgrounds, [Waiting()], notify=lambda _: None).run()
    assert seen
    for packet in seen:
        assert packet.picture is not None
        assert packet.frame is packet.picture
        assert packet.matte is None
        assert packet.pending is None
