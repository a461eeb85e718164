import os
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.engine import Matte
from engines.errors import MattingError
from realtime.compositing.backgrounds import Unchanged, open_background
from realtime.compositing.playlist import Choice
from realtime.compositing.views import viewed
from realtime.inputs.live_source import LiveSource
from realtime.loop.controls import CONTROLS, WORDS, Lines
from realtime.loop.live_session import Show
from realtime.loop.statistics import Meter
from realtime.packet import Packet
from tests.realtime.plain_engine import PlainEngine

RED, BLUE = (255, 0, 0), (0, 0, 255)


class Camera(LiveSource):
    """Grey frames that grow lighter, without end or pause."""

    name, height, width = "camera", 40, 50

    def __iter__(self) -> Iterator[Packet]:
        for index in range(10_000):
            if self._closed.wait(0.005):
                return
            if not self._paused:
                yield Packet(np.full((40, 50, 3), min(index, 255), np.uint8), self._clock.now(), index)


def packet(level: int = 0) -> Packet:
    frame = np.full((40, 50, 3), level, np.uint8)
    return Packet(frame, Fraction(0), 0, matte=PlainEngine()(frame))


def show(tell: list[str], *backgrounds: str) -> Show:
    return Show(Camera(), PlainEngine(), Choice(backgrounds or ["red"], tell=tell.append), tell=tell.append)


def test_keys_and_words_are_one_and_each_is_known_to_a_show() -> None:
    assert len({control.key for control in CONTROLS}) == len({control.word for control in CONTROLS}) == len(CONTROLS)
    assert all(WORDS[control.key] == WORDS[control.word] == control.word for control in CONTROLS)
    for control in CONTROLS:
        told: list[str] = []
        show(told).do(control.word)
        assert not any("unknown" in line for line in told), control.word
    told = []
    show(told).do("nonsense")
    assert "unknown" in told[0]


def test_backgrounds_go_round_and_blur_comes_and_goes(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "b.png"), np.full((50, 50, 3), BLUE[::-1], np.uint8))
    cv2.imwrite(str(tmp_path / "a.png"), np.full((50, 50, 3), RED[::-1], np.uint8))
    (tmp_path / "notes.txt").touch()
    told: list[str] = []
    with Choice([str(tmp_path), "lime"], tell=told.append) as choice:
        shown = []
        for _ in range(4):
            shown.append(tuple(choice.frame(packet())[0, 0].tolist()))
            choice.step(1)
        assert shown == [RED, BLUE, (0, 255, 0), RED]
        choice.step(-1)
        assert tuple(choice.frame(packet())[0, 0]) == RED
        choice.blur()
        assert choice.name == "blur"
        choice.blur()
        assert tuple(choice.frame(packet())[0, 0]) == RED
        (tmp_path / "b.png").unlink()
        choice.step(1)
        assert "no such file" in told[-1]
        assert tuple(choice.frame(packet())[0, 0]) == RED


def test_only_the_background_that_is_shown_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_now: list[str] = []

    class Counted(Unchanged):
        def __init__(self, spec: str) -> None:
            self.spec = spec
            open_now.append(spec)

        def close(self) -> None:
            open_now.remove(self.spec)

    monkeypatch.setattr("realtime.compositing.playlist.open_background", lambda spec, fit: Counted(spec))
    with Choice(["a", "b", "c"], tell=lambda _: None) as choice:
        for _ in range(5):
            choice.step(1)  # faster than frames come
        choice.frame(packet())
        choice.step(1)
        assert len(open_now) == 2
        choice.frame(packet())
        assert len(open_now) == 1
    assert open_now == []


@pytest.mark.parametrize(("specs", "word"), [(["empty"], "no picture"), (["red", "missing.jpg"], "missing.jpg")])
def test_bad_backgrounds_are_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, specs: list[str], word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(MattingError, match=word):
        Choice(specs)


def test_views() -> None:
    frame = np.random.default_rng(1).integers(0, 256, (40, 50, 3), np.uint8)
    alpha = np.zeros((40, 50), np.float32)
    alpha[:20] = 1
    alpha[20:30] = 0.5
    foreground = np.full((40, 50, 3), 7, np.uint8)
    seen = Packet(frame, Fraction(0), 0, matte=Matte(alpha, foreground, alpha, alpha))
    with open_background("red") as background:
        picture, levels, colours, split = (
            viewed(seen, background, view) for view in ("picture", "alpha", "foreground", "split")
        )
    assert (picture[:20] == 7).all()
    assert (picture[30:] == RED).all()
    assert (levels[:20] == 255).all()
    assert np.abs(levels[20:30].astype(int) - 128).max() <= 1
    assert (levels[30:] == 0).all()
    assert (colours[:30] == 7).all()
    assert (colours[30:] == 128).all()
    assert (split[:, :25] == frame[:, :25]).all()
    assert (split[:, 25:] == picture[:, 25:]).all()


def test_none_leaves_the_frame_and_checkerboard_has_squares() -> None:
    seen = packet(90)
    with open_background("none") as background:
        assert (viewed(seen, background, "picture") == seen.frame).all()
    with open_background("checkerboard") as background:
        board = background.frame(seen)
    assert set(np.unique(board)) == {153, 204}
    assert board[0, 0, 0] == board[16, 16, 0] != board[0, 16, 0]


def test_a_stronger_blur_blurs_more() -> None:
    frame = np.zeros((100, 100, 3), np.uint8)
    frame[:, ::2] = 255
    frame[:, 40:60] = 255
    seen = Packet(
        frame, Fraction(0), 0, matte=Matte(np.zeros((100, 100), np.float32), frame, *[np.zeros((8, 8), np.float32)] * 2)
    )
    spread = []
    for spec in ("blur:0.5", "blur", "blur:3"):
        with open_background(spec) as background:
            spread.append(background.frame(seen).std())
    assert spread[0] > spread[1] > spread[2]
    for wrong in ("blur:0", "blur:x", "blur:99"):
        with pytest.raises(MattingError, match=r"0\.1 to 10"):
            open_background(wrong)


def test_a_frozen_picture_stays_the_same_and_costs_no_matte() -> None:
    seen = show([])
    first, second = packet(10), packet(200)
    seen.compose(first)
    seen.frozen = True
    second.matte = None
    seen.matte(second)
    assert second.matte is None
    seen.compose(second)
    assert second.picture is first.picture


def test_a_snapshot_is_the_picture_and_replaces_none(tmp_path: Path) -> None:
    told: list[str] = []
    seen = show(told)
    seen.snapshots = tmp_path
    seen.do("snapshot")
    assert "no picture yet" in told[0]
    seen.compose(packet(77))
    for _ in range(3):
        seen.do("g")
    files = list(tmp_path.iterdir())
    assert len(files) == 3
    assert seen.picture is not None
    assert all((cv2.imread(str(file), cv2.IMREAD_COLOR_RGB) == seen.picture).all() for file in files)


def test_a_show_without_a_window_obeys_lines() -> None:
    reading, writing = os.pipe()
    lines = Lines(reading)
    told: list[str] = []
    seen = show(told)
    seen.lines = lines
    thread = threading.Thread(target=seen.run)
    thread.start()
    for line in ("mirror", "help", "ALPHA", "pause"):
        os.write(writing, line.encode() + b"\r\n")
    end = time.monotonic() + 20
    while not seen.paused:
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(0.1)
    count = seen.meter.count
    time.sleep(0.3)
    assert seen.meter.count == count
    assert (seen.mirror, seen.view) == (True, "alpha")
    assert any("next background" in line for line in told)
    os.write(writing, b"quit\n")
    thread.join(20)
    assert not thread.is_alive()
    lines.close()
    os.close(reading)
    os.close(writing)


def test_the_end_of_the_lines_is_not_the_end_of_the_show() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"blur\nmirr")
    os.close(writing)
    lines = Lines(reading)
    lines._thread.join(10)
    assert not lines._thread.is_alive()
    assert (lines.take(), lines.take()) == ("blur", None)
    lines.close()
    os.close(reading)


def test_the_rate_falls_where_no_frames_come(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("realtime.loop.statistics.time.monotonic", lambda: now)
    meter = Meter()
    for _ in range(40):
        now += 0.05
        meter.add(0.03)
    assert meter.rate == pytest.approx(20)
    assert meter.line(3) == "20.0 frames/s, delay 30 ms, dropped 3"
    now += 1
    assert meter.rate < 15
    now += 4
    assert meter.rate == 0
    assert meter.line(3) == "no frame for 5 s, dropped 3"
    assert meter.summary(3).startswith("40 frames in 2.0 s: 20.0 frames/s, delay 30 ms")
