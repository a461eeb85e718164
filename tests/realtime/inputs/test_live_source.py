import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.engine import Frame
from realtime.inputs import live_source
from realtime.inputs.cameras import wants_mjpeg
from realtime.inputs.live_source import Clock, PacedClip, RestoredSource
from tests.realtime.compositing.test_backgrounds import write_video

GREY = np.full((40, 50, 3), 128, np.uint8)
LARGE = np.full((80, 100, 3), 200, np.uint8)


class Faltering(RestoredSource):
    """Gives what it is told to: a picture, None at once (gone), or seconds of silence; it ends with the list."""

    name, height, width = "a camera", 40, 50

    def __init__(self, script: list[Any], **options: Any) -> None:
        super().__init__(**options)
        self._script = iter(script)
        self.reopened = 0

    def _read(self) -> Frame | None:
        item = next(self._script, "end")
        if isinstance(item, str):
            self._ended = True
        elif isinstance(item, float):
            self._closed.wait(item)
        return item if isinstance(item, np.ndarray) else None

    def _reopen(self) -> None:
        self.reopened += 1


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything takes a part of its time."""
    for name, seconds in {"SILENT": 0.15, "STALL": 1.0, "GONE": 0.05, "RETRY": 0.05}.items():
        monkeypatch.setattr(live_source, name, seconds)


@pytest.mark.usefixtures("impatient")
def test_a_camera_that_goes_is_held_then_absent_and_told_when_it_is_back() -> None:
    told: list[str] = []
    source = Faltering([GREY, *[0.15] * 6, GREY, GREY], hold=0.4, tell=told.append)
    packets = list(source)
    absent = [packet.absent for packet in packets]
    assert not absent[0]
    assert absent[-2:] == [False, False]
    assert 1 <= sum(absent) <= 4  # those reads that came after the hold
    assert all(absent[1:-2])
    assert [packet.index for packet in packets] == list(range(len(packets)))
    for packet in packets:
        assert (packet.matte is not None) == packet.absent
        if packet.matte is not None:
            assert packet.matte.alpha.max() == packet.frame.max() == 0
    assert told == ["a camera gives no picture; waiting for it", "a camera gives pictures again"]


@pytest.mark.usefixtures("impatient")
def test_one_that_is_gone_is_opened_anew_at_once_and_one_that_stalls_later() -> None:
    gone = Faltering([GREY, None, None, None, GREY], tell=lambda _: None)
    assert len(list(gone)) == 2
    assert gone.reopened == 3
    stalled = Faltering([GREY, *[0.15] * 4, GREY], tell=lambda _: None)
    assert len(list(stalled)) == 2
    assert stalled.reopened == 0
    stalled = Faltering([GREY, *[0.15] * 10, GREY], tell=lambda _: None)
    list(stalled)
    assert stalled.reopened >= 1


def test_another_size_in_mid_stream_is_brought_to_the_first_and_told_once() -> None:
    told: list[str] = []
    packets = list(Faltering([GREY, LARGE, LARGE, GREY], tell=told.append))
    assert [packet.frame.shape for packet in packets] == [(40, 50, 3)] * 4
    assert [packet.frame.mean() for packet in packets] == [128, 200, 200, 128]
    assert told == ["a camera now gives 100x80; it is brought to 50x40"]


def test_stopping_ends_the_wait_for_a_camera_that_is_gone() -> None:
    source = Faltering([GREY] + [None] * 10_000, tell=lambda _: None)
    start = time.monotonic()
    for _ in source:
        source.stop()
    assert time.monotonic() - start < 5


def test_a_clock_stands_still_while_it_is_paused() -> None:
    clock = Clock()
    clock.pause(True)
    stands = clock.now()
    time.sleep(0.05)
    assert clock.now() == stands
    clock.pause(False)
    assert stands <= clock.now() < stands + Fraction(1, 20)
    time.sleep(0.05)
    assert clock.now() >= stands + Fraction(1, 20)


def test_a_paused_clip_stands_still_and_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_source, "LATEST", Fraction(60))
    clip = write_video(tmp_path / "a.mkv", [0, 50, 100, 150, 200], rate=20)
    with PacedClip(clip) as source:
        packets = iter(source)
        next(packets)
        source.pause(True)
        later: list[Any] = []

        def rest() -> Iterator[None]:
            for packet in packets:
                later.append(packet)
                yield

        import threading

        thread = threading.Thread(target=lambda: list(rest()))
        thread.start()
        time.sleep(0.6)
        assert later == []
        source.pause(False)
        thread.join(20)
    assert [packet.time for packet in later] == [Fraction(i, 20) for i in range(1, 5)]


def test_mjpeg_is_asked_for_where_raw_pictures_come_too_slowly() -> None:
    v4l2 = pytest.importorskip("realtime.inputs.v4l2", reason="V4L2 is Linux's")
    modes = [
        v4l2.Mode("YUYV", 640, 480, Fraction(30)),
        v4l2.Mode("YUYV", 1280, 720, Fraction(10)),
        v4l2.Mode("MJPG", 640, 480, Fraction(30)),
        v4l2.Mode("MJPG", 1280, 720, Fraction(30)),
    ]
    assert wants_mjpeg(modes, (1280, 720), None)
    assert not wants_mjpeg(modes, (1280, 720), Fraction(10))
    assert not wants_mjpeg(modes, (640, 480), Fraction(60))
    assert not wants_mjpeg(modes, None, None)
    assert wants_mjpeg([], (1280, 720), None)
    assert not wants_mjpeg([], (640, 480), None)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clip's clock is not put back, however busy the machine is."""
    monkeypatch.setattr("realtime.inputs.live_source.LATEST", Fraction(60))


@pytest.mark.usefixtures("patient")
def test_a_clip_is_played_at_its_own_pace(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mkv", [0, 255] * 5, rate=20)
    start = time.monotonic()
    with PacedClip(clip) as source:
        packets = list(source)
    assert 0.4 < time.monotonic() - start < 5
    assert [packet.time for packet in packets] == [Fraction(i, 20) for i in range(10)]


@pytest.mark.usefixtures("patient")
def test_a_looped_clip_goes_on(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mkv", [0, 100, 200], rate=50)
    with PacedClip(clip, loop=True, size=(40, 60)) as source:
        packets = [packet for packet, _ in zip(source, range(8), strict=False)]
    assert [round(packet.frame.mean(), -1) for packet in packets] == [0, 100, 200, 0, 100, 200, 0, 100]
    assert packets[0].frame.shape == (60, 40, 3)
    assert all(packet.time == Fraction(i, 50) for i, packet in enumerate(packets))


def test_a_clip_that_is_decoded_too_slowly_is_slowed(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mkv", [0] * 4, rate=20)
    with PacedClip(clip) as source:
        frames = iter(source)
        next(frames)
        time.sleep(0.6)
        packets = list(frames)
        assert packets[0].time > 0.5
        assert source.delay(packets[-1]) < 0.4
