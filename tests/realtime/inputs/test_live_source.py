import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.container import InputContainer

from engines.engine import Frame
from engines.errors import MediaError
from engines.geometry import Size, parse_size
from realtime.inputs.cameras import prefers_mjpeg
from realtime.inputs.live_source import PausableClock
from realtime.inputs.media.files import Media
from realtime.inputs.paced_video import PacedVideo
from realtime.inputs.reconnecting import ReconnectingSource
from realtime.inputs.webcam import Webcam
from realtime.packet import Packet
from tests.realtime.clips import even_times, make_clip
from tests.realtime.compositing.test_backgrounds import write_video
from tests.realtime.fake_time import FakeTime

GREY = np.full((40, 50, 3), 128, np.uint8)
HD, VGA = Size(720, 1280), Size(480, 640)
LARGE = np.full((80, 100, 3), 200, np.uint8)


class Faltering(ReconnectingSource):
    """Follows a script: a picture, None at once (gone), or seconds of silence; it ends with the list."""

    name, height, width = "a camera", 40, 50

    def __init__(self, script: list[Any], fake_time: FakeTime, **options: Any) -> None:
        super().__init__(**options)
        fake_time.drive(self)
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


def test_a_camera_that_disappears_is_held_then_absent_and_its_return_reported(fake_time: FakeTime) -> None:
    notices: list[str] = []
    packets = list(Faltering([GREY, *[1.0] * 6, GREY, GREY], fake_time, hold=2.5, notify=notices.append))
    assert [packet.absent for packet in packets] == [False, True, True, True, True, False, False]
    assert [packet.index for packet in packets] == list(range(len(packets)))
    assert [packet.time for packet in packets] == [0, 3, 4, 5, 6, 6, 6]
    for packet in packets:
        assert (packet.matte is not None) == packet.absent
        if packet.matte is not None:
            assert packet.matte.alpha.max() == packet.frame.max() == 0
    assert notices == ["a camera gives no picture; waiting for it", "a camera gives pictures again"]


def test_a_picture_that_comes_alone_is_not_a_return(fake_time: FakeTime) -> None:
    """As of a stream that gives one picture in two seconds, and of a broken connection whose last picture comes late."""
    notices: list[str] = []
    slow = [GREY, *[1.0, 1.0, GREY] * 5]
    assert len(list(Faltering([*slow, GREY, GREY], fake_time, notify=notices.append))) == 8
    assert notices == ["a camera gives no picture; waiting for it", "a camera gives pictures again"]


def test_a_source_that_is_gone_is_reopened_at_once_and_one_that_stalls_later(fake_time: FakeTime) -> None:
    gone = Faltering([GREY, None, None, None, GREY], fake_time, notify=lambda _: None)
    assert len(list(gone)) == 2
    assert gone.reopened == 3
    stalled = Faltering([GREY, *[1.0] * 5, GREY], fake_time, notify=lambda _: None)
    assert len(list(stalled)) == 2
    assert stalled.reopened == 0
    stalled = Faltering([GREY, *[1.0] * 7, GREY], fake_time, hold=60, notify=lambda _: None)
    assert len(list(stalled)) == 2
    assert stalled.reopened == 2  # after six and seven seconds


def test_another_size_in_mid_stream_is_resized_to_the_first_and_reported_once(fake_time: FakeTime) -> None:
    notices: list[str] = []
    packets = list(Faltering([GREY, LARGE, LARGE, GREY], fake_time, notify=notices.append))
    assert [packet.frame.shape for packet in packets] == [(40, 50, 3)] * 4
    assert [packet.frame.mean() for packet in packets] == [128, 200, 200, 128]
    assert notices == ["a camera now gives 100x80; it is resized to 50x40"]


def test_stopping_ends_the_wait_for_a_camera_that_is_gone(fake_time: FakeTime) -> None:
    source = Faltering([GREY] + [None] * 10_000, fake_time, notify=lambda _: None)
    for _ in source:
        source.stop()
    assert source.reopened == 0


def test_a_clock_stops_while_it_is_paused(fake_time: FakeTime) -> None:
    clock = PausableClock()
    fake_time.advance(1)
    clock.pause(True)
    fake_time.advance(0.05)
    assert clock.now() == 1
    clock.pause(False)
    assert clock.now() == 1
    fake_time.advance(0.05)
    assert clock.now() == 1 + Fraction(1, 20)


def test_a_paused_video_stops_and_resumes_where_it_was(tmp_path: Path, fake_time: FakeTime) -> None:
    clip = write_video(tmp_path / "a.mkv", [0, 50, 100, 150, 200], rate=20)
    with PacedVideo(clip) as source:
        fake_time.drive(source)
        packets = iter(source)
        next(packets)
        source.pause(True)
        later: list[Packet] = []
        waits = itertools.count()

        def look() -> None:
            if source._paused and next(waits) == 20:  # two seconds
                assert later == []
                source.pause(False)

        fake_time.on_wait = look
        for packet in packets:
            later.append(packet)
    assert next(waits) > 20
    assert [packet.time for packet in later] == [Fraction(i, 20) for i in range(1, 5)]


def test_mjpeg_is_asked_for_where_raw_pictures_come_too_slowly() -> None:
    v4l2 = pytest.importorskip("realtime.inputs.v4l2", reason="V4L2 is Linux's")
    modes = [
        v4l2.Mode("YUYV", 640, 480, Fraction(30)),
        v4l2.Mode("YUYV", 1280, 720, Fraction(10)),
        v4l2.Mode("MJPG", 640, 480, Fraction(30)),
        v4l2.Mode("MJPG", 1280, 720, Fraction(30)),
    ]
    assert prefers_mjpeg(modes, HD, None)
    assert not prefers_mjpeg(modes, HD, Fraction(10))
    assert not prefers_mjpeg(modes, VGA, Fraction(60))
    assert not prefers_mjpeg(modes, None, None)
    assert prefers_mjpeg([], HD, None)
    assert not prefers_mjpeg([], VGA, None)


def test_a_video_plays_at_its_own_pace(tmp_path: Path, fake_time: FakeTime) -> None:
    clip = write_video(tmp_path / "a.mkv", [0, 255] * 5, rate=20)
    with PacedVideo(clip) as source:
        fake_time.drive(source)
        packets, delays = [], []
        for packet in source:
            packets.append(packet)
            delays.append(source.delay(packet))
    assert [packet.time for packet in packets] == [Fraction(i, 20) for i in range(10)]
    assert delays == pytest.approx([0] * 10, abs=1e-6)


@pytest.mark.parametrize(
    ("aspect", "rotation", "shape"),
    [
        (Fraction(4, 3), 0, (96, 214)),
        (Fraction(4, 3), 90, (214, 96)),
        (Fraction(8, 9), 0, (108, 160)),
        (Fraction(1), 0, (96, 160)),
    ],
)
def test_a_video_plays_in_square_pixels(
    tmp_path: Path, fake_time: FakeTime, aspect: Fraction, rotation: int, shape: tuple[int, int]
) -> None:
    clip = make_clip(tmp_path / "a.mp4", even_times(2), size=(160, 96), pixel_aspect=aspect, rotation=rotation)
    with PacedVideo(clip) as source:
        fake_time.drive(source)
        assert (source.height, source.width) == shape
        assert [packet.frame.shape for packet in source] == [(*shape, 3)] * 2


def test_a_video_of_other_pixels_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(tmp_path / "a.mp4", even_times(2), size=(160, 96), pixel_aspect=Fraction(4, 3))
    opened: list[Path] = []
    open_media = Media.open

    def counted(media: Media, **options: Any) -> InputContainer:
        opened.append(media.path)
        return open_media(media, **options)

    monkeypatch.setattr(Media, "open", counted)
    PacedVideo(clip).close()
    assert opened == [clip]


def test_a_looped_video_goes_on(tmp_path: Path, fake_time: FakeTime) -> None:
    clip = write_video(tmp_path / "a.mkv", [0, 100, 200], rate=50)
    with PacedVideo(clip, loop=True, size=parse_size("40x60")) as source:
        fake_time.drive(source)
        packets = list(itertools.islice(source, 8))
    assert [round(packet.frame.mean(), -1) for packet in packets] == [0, 100, 200, 0, 100, 200, 0, 100]
    assert packets[0].frame.shape == (60, 40, 3)
    assert [packet.time for packet in packets] == [Fraction(i, 50) for i in range(8)]


def test_a_video_that_is_decoded_too_slowly_is_slowed(tmp_path: Path, fake_time: FakeTime) -> None:
    clip = write_video(tmp_path / "a.mkv", [0] * 4, rate=20)
    with PacedVideo(clip) as source:
        fake_time.drive(source)
        packets = iter(source)
        next(packets)
        fake_time.advance(0.6)
        times, delays = [], []
        for packet in packets:
            times.append(float(packet.time))
            delays.append(source.delay(packet))
        assert times == pytest.approx([0.6, 0.65, 0.7])
        assert delays == pytest.approx([0] * 3, abs=1e-6)


def test_a_camera_may_be_named_by_a_number_as_in_opencv() -> None:
    with pytest.raises(MediaError, match="9997: "):
        Webcam(9997)
