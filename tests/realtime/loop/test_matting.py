"""Pictures that are made where the matte is, on the engine's own device, against those of the ordinary path."""

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from engines.backends.gpu.lane import PendingFrame
from engines.engine import Engine, Frame, Mask, Matte, OverlappingEngine
from engines.store.parity import sample_frame
from realtime.choices import OutputKind
from realtime.compositing.backgrounds import open_background
from realtime.compositing.composite import composite
from realtime.compositing.filters import Filter
from realtime.compositing.playlist import Playlist
from realtime.compositing.temporal import TemporalFilter
from realtime.compositing.views import render_view
from realtime.inputs.live_source import LiveSource
from realtime.loop.edit_video import edit_video
from realtime.loop.live_session import LiveSession
from realtime.loop.mattes import mattes
from realtime.loop.matting import make_matte
from realtime.outputs.formats import CODECS
from realtime.outputs.sink import Sink
from realtime.packet import Packet
from tests.engines.backends.lagging import LaggingEngine
from tests.realtime.clips import make_clip

FRAMES = 8


class Ordinary:
    """The same engine without its ability."""

    name, device, precision, model, at_once = "ordinary", "a test", "fp16", "base", 1

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        return self.engine(frame, mask)

    def close(self) -> None:
        """It is the other's."""


class Counted:
    """How often mattes and pictures came down."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.mattes = self.pictures = 0
        matte, picture = PendingFrame.matte, PendingFrame.composite

        def count_matte(pending: PendingFrame) -> Matte:
            self.mattes += 1
            return matte(pending)

        def count_picture(pending: PendingFrame, background: Frame) -> Frame:
            self.pictures += 1
            return picture(pending, background)

        monkeypatch.setattr(PendingFrame, "matte", count_matte)
        monkeypatch.setattr(PendingFrame, "composite", count_picture)


@pytest.fixture(scope="module")
def engine() -> Iterator[LaggingEngine]:
    with LaggingEngine() as engine:
        yield engine


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    """A person who moves."""
    small = sample_frame("real", 64, 96)
    return [np.ascontiguousarray(np.roll(small, 3 * index, axis=1)) for index in range(FRAMES)]


def packets(frames: list[Frame]) -> Iterator[Packet]:
    return (Packet(frame, Fraction(index, 25), index) for index, frame in enumerate(frames))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


class FakeVideo:
    """As much of a `VideoSource` as `edit_video` asks for."""

    def __init__(self, frames: list[Frame]) -> None:
        self.frames = len(frames)
        self.packets = packets(frames)

    def __iter__(self) -> Iterator[Packet]:
        return self.packets


class KeepingSink(Sink):
    """Keeps the pictures, or what else a file of its kind shows."""

    def __init__(self, frames: list[Frame], kind: OutputKind = "composite") -> None:
        height, width = frames[0].shape[:2]
        super().__init__(Path("kept.mp4"), width=width, height=height, kind=kind, codec=CODECS["h264"])
        self.pictures: list[Frame] = []
        self.mattes: list[Mask] = []

    def write(self, packet: Packet) -> None:
        picture, alpha = self._shown(packet)
        assert packet.index == len(self.pictures + self.mattes)
        self.pictures += [] if picture is None else [picture]
        self.mattes += [] if alpha is None else [alpha]


def pictures(frames: list[Frame], engine: Engine, spec: str, filters: list[Filter], light_wrap: float) -> list[Frame]:
    """What shm-video encodes."""
    video, sink = FakeVideo(frames), KeepingSink(frames)
    with open_background(spec) as background:
        edit_video(video, engine, background, sink, filters=filters, light_wrap=light_wrap)  # type: ignore[arg-type]
    return sink.pictures


@pytest.mark.parametrize(
    ("behind", "make_filters", "light_wrap", "on_device"),
    [
        ("#00b140", list, 0.0, True),
        ("checkerboard", list, 0.0, True),
        ("video", list, 0.0, True),
        ("none", list, 0.0, True),
        ("blur", list, 0.0, False),
        ("#00b140", lambda: [TemporalFilter(0.6)], 0.0, False),
        ("#00b140", list, 0.5, False),
    ],
)
def test_the_pictures_are_those_of_the_ordinary_path(
    frames: list[Frame],
    tmp_path: Path,
    engine: LaggingEngine,
    counted: Counted,
    behind: str,
    make_filters: Callable[[], list[Filter]],
    light_wrap: float,
    on_device: bool,
) -> None:
    spec = str(make_clip(tmp_path / "behind.mp4")) if behind == "video" else behind
    expected = pictures(frames, Ordinary(engine), spec, make_filters(), light_wrap)
    assert (counted.mattes, counted.pictures) == (FRAMES, 0)
    ours = pictures(frames, engine, spec, make_filters(), light_wrap)
    assert counted.mattes == (FRAMES if on_device else 2 * FRAMES)
    assert counted.pictures == (FRAMES if on_device and behind != "none" else 0)
    assert len(ours) == len(expected) == FRAMES
    for index, (picture, wanted) in enumerate(zip(ours, expected, strict=True)):
        # What is not blended on the device comes from the same matte by the same lines.
        most = 1 if counted.pictures else 0
        assert np.abs(picture.astype(int) - wanted).max() <= most, index
    assert any((one != other).any() for one, other in itertools.pairwise(ours))


def test_mattes_go_to_a_second_file_beside_the_pictures(frames: list[Frame], engine: LaggingEngine) -> None:
    expected = [engine(frame).alpha for frame in frames]
    sink, alpha_sink = KeepingSink(frames), KeepingSink(frames, "alpha")
    with open_background("#00b140") as background:
        edit_video(FakeVideo(frames), engine, background, sink, alpha_sink=alpha_sink)  # type: ignore[arg-type]
    assert len(sink.pictures) == FRAMES
    assert all(np.array_equal(*pair) for pair in zip(alpha_sink.mattes, expected, strict=True))


def test_a_still_background_goes_up_once_for_each_buffer(frames: list[Frame]) -> None:
    with open_background("#00b140") as background, LaggingEngine(0) as fresh:
        for frame in frames:
            packet = Packet(frame, Fraction(0), 0, pending=fresh.submit(frame))
            composite(packet, background.frame(packet))
        first = [name for name, *_ in fresh.on.done].count("download")
        assert first == 1 + 2 * len(frames)  # the background; each frame's blending, and its way down


@pytest.mark.parametrize(("view", "on_device"), [("picture", True), ("split", True), ("alpha", False), ("foreground", False)])
def test_a_view_takes_no_more_than_it_shows(
    engine: LaggingEngine, counted: Counted, frames: list[Frame], view: Any, on_device: bool
) -> None:
    (frame, *_) = frames
    expected = Packet(frame, Fraction(0), 0, matte=engine(frame))
    ours = Packet(frame, Fraction(0), 0, pending=engine.submit(frame))
    counted.mattes = 0
    with open_background("#00b140") as background:
        picture, wanted = (render_view(each, background, view) for each in (ours, expected))
    assert np.abs(picture.astype(int) - wanted).max() <= (1 if on_device else 0)
    assert (counted.mattes, counted.pictures) == ((0, 1) if on_device else (1, 0))


class Camera(LiveSource):
    """Frames over and over, without end."""

    name, height, width = "camera", 64, 96

    def __init__(self, frames: list[Frame]) -> None:
        super().__init__()
        self.frames = frames

    def __iter__(self) -> Iterator[Packet]:
        for index in itertools.count():
            if self._closed.wait(0.005):
                return
            yield Packet(self.frames[index % len(self.frames)], self._clock.now(), index)


def test_a_live_picture_keeps_its_matte_on_the_device_until_a_view_wants_it(
    frames: list[Frame], engine: LaggingEngine, counted: Counted
) -> None:
    made: list[tuple[Frame, Frame, str]] = []
    with Camera(frames) as source, Playlist(["#0000ff"]) as backgrounds:
        session = LiveSession(source, engine, backgrounds, notify=lambda line: None)
        compose = session.compose  # as it is before it is watched

        def watched(packet: Packet) -> None:
            if len(made) == 4:
                session.execute("alpha")
            elif len(made) == 8:
                session.execute("alpha")
                session.execute("blur")
            elif len(made) == 12:
                session.quit = True
            view = f"{session.view} {backgrounds.name}"
            frame = packet.frame
            compose(packet)
            assert packet.picture is not None
            made.append((frame, packet.picture, view))

        with patch.object(LiveSession, "compose", lambda _, packet: watched(packet)):
            session.run()
    views = {view for *_, view in made}
    assert views == {"picture #0000ff", "alpha #0000ff", "picture blur"}
    on_device = sum(view == "picture #0000ff" for *_, view in made)
    assert counted.pictures == on_device
    assert counted.mattes == len(made) - on_device
    for frame, picture, view in made:
        packet = Packet(frame, Fraction(0), 0, matte=engine(frame))
        what, spec = view.split(" ")
        with open_background(spec) as background:
            wanted = render_view(packet, background, what)  # type: ignore[arg-type]
        assert np.abs(picture.astype(int) - wanted).max() <= 1, view


def test_a_live_frame_is_waited_for_before_the_next_is_taken(engine: LaggingEngine, frames: list[Frame]) -> None:
    packet = Packet(frames[0], Fraction(0), 0)
    make_matte(packet, engine)
    assert packet.matte is None
    assert isinstance(packet.pending, PendingFrame)
    assert packet.pending._slot is not None
    assert not packet.pending._slot.busy


def test_mattes_come_whole(frames: list[Frame], engine: LaggingEngine) -> None:
    whole = list(mattes(packets(frames), engine))
    assert [packet.index for packet in whole] == list(range(FRAMES))
    with Camera(frames) as source:
        whole += itertools.islice(mattes(source, engine), 5)
    for packet in whole:
        assert packet.pending is None
        assert packet.matte is not None
        np.testing.assert_array_equal(packet.matte.alpha, engine(packet.frame).alpha)


def test_a_device_that_fails_stops_the_loop_and_is_reported_once(frames: list[Frame]) -> None:
    with LaggingEngine() as engine:
        engine(np.zeros((64, 96, 3), np.uint8))
        calls = 0
        enqueue = engine.networks[-1].enqueue

        def failing(stream: int) -> None:
            nonlocal calls
            calls += 1
            if calls == 4:
                raise RuntimeError("the device fell off")
            enqueue(stream)

        engine.networks[-1].enqueue = failing  # type: ignore[method-assign]
        with pytest.raises(RuntimeError, match="fell off"):
            pictures(frames, engine, "#00b140", [], 0)
        engine.on.failed = None


def test_a_packet_without_a_matte_says_so() -> None:
    packet = Packet(np.zeros((32, 32, 3), np.uint8), Fraction(0), 0)
    with pytest.raises(ValueError, match="matte"):
        packet.fetch()
    assert not isinstance(Ordinary(None), OverlappingEngine)  # type: ignore[arg-type]
