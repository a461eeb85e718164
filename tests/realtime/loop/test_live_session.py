import os
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from realtime.compositing.playlist import Playlist
from realtime.inputs.live_source import LiveSource
from realtime.loop.controls import CONTROLS, LineReader
from realtime.loop.live_session import LiveSession
from realtime.packet import Packet
from tests.realtime.plain_engine import PlainEngine


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


def live_session(notify: list[str], *backgrounds: str) -> LiveSession:
    return LiveSession(Camera(), PlainEngine(), Playlist(backgrounds or ["red"], notify=notify.append), notify=notify.append)


def test_every_control_is_known_to_a_session() -> None:
    for control in CONTROLS:
        notices: list[str] = []
        live_session(notices).execute(control.word)
        assert not any("unknown" in line for line in notices), control.word
    notices = []
    live_session(notices).execute("nonsense")
    assert "unknown" in notices[0]


def test_a_frozen_picture_stays_the_same_and_costs_no_matte() -> None:
    session = live_session([])
    first, second = packet(10), packet(200)
    session.compose(first)
    session.frozen = True
    second.matte = None
    session.matte(second)
    assert second.matte is None
    session.compose(second)
    assert second.picture is first.picture


def test_a_snapshot_is_the_picture_and_replaces_none(tmp_path: Path) -> None:
    notices: list[str] = []
    session = live_session(notices)
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
    session = live_session(notices)
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
