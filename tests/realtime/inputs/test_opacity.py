"""What is clear in a video stays clear: it is white for the networks, and the new background shows there."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import patch

import av
import cv2
import numpy as np
import pytest

from engines.engine import Frame, Mask, Matte
from engines.geometry import Size
from realtime.commands.live import open_source
from realtime.commands.video import main
from realtime.compositing.composite import composite
from realtime.inputs.video_file import VideoSource
from realtime.loop.matting import make_matte
from realtime.packet import Packet
from tests.realtime.clips import frames, make_clip
from tests.realtime.photo_command import read, shm_image
from tests.realtime.plain_engine import PlainEngine, plain_engine

SIZE = (96, 64)


def clear_clip(path: Path, count: int = 3, opacity: int = 0, rotation: int = 0) -> Path:
    """All red, with the upper quarter clear."""
    pixels = np.full((SIZE[1], SIZE[0], 4), (200, 10, 10, 255), np.uint8)
    pixels[:16, :, 3] = opacity
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("qtrle", rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "argb"
        if rotation:
            stream.set_display_rotation(rotation)
        for index in range(count):
            frame: Any = av.VideoFrame.from_ndarray(pixels, "rgba").reformat(format="argb")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


class WholeEngine(PlainEngine):
    """Takes everything for a person."""

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        return replace(super().__call__(frame), alpha=np.ones(frame.shape[:2], np.float32))


def test_packets_have_the_opacity_and_white_where_they_are_clear(tmp_path: Path) -> None:
    with VideoSource(clear_clip(tmp_path / "a.mov")) as source:
        packets = list(source)
    assert len(packets) == 3
    for packet in packets:
        assert packet.opacity is not None
        assert (packet.opacity[:16] == 0).all()
        assert (packet.opacity[16:] == 255).all()
        assert (packet.frame[:16] == 255).all()
        assert (packet.frame[16:] == (200, 10, 10)).all()


def test_opacity_is_turned_upright_with_the_frame(tmp_path: Path) -> None:
    with VideoSource(clear_clip(tmp_path / "a.mov", rotation=180)) as source:
        packet = next(iter(source))
    assert packet.opacity is not None
    assert (packet.opacity[-16:] == 0).all()
    assert (packet.frame[-16:] == 255).all()


def test_alpha_that_hides_nothing_is_none(tmp_path: Path) -> None:
    with VideoSource(clear_clip(tmp_path / "a.mov", opacity=255)) as source:
        assert [packet.opacity for packet in source] == [None] * 3
    with VideoSource(make_clip(tmp_path / "b.mp4")) as source:
        assert next(iter(source)).opacity is None


@pytest.mark.parametrize(("bg", "behind"), [("#0000ff", (0, 0, 255)), ("none", (255, 255, 255))])
def test_the_new_background_shows_there(tmp_path: Path, bg: str, behind: tuple[int, int, int]) -> None:
    clip, out = clear_clip(tmp_path / "a.mov"), tmp_path / "out.mp4"
    with (
        patch("sys.argv", ["shm-video", str(clip), str(out), "--bg", bg, "--crf", "1"]),
        patch("engines.load", lambda *_, **__: WholeEngine(), create=True),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    assert not ended.value.code
    for frame in frames(out):
        assert np.abs(frame[:12].astype(int) - behind).max() <= 8
        assert np.abs(frame[24:].astype(int) - (200, 10, 10)).max() <= 8


def test_what_is_partly_clear_keeps_its_own_colour(tmp_path: Path) -> None:
    """White, on which the networks see it, came into the result: a light fringe around cut-outs with soft edges."""
    with VideoSource(clear_clip(tmp_path / "a.mov", opacity=128)) as source:
        packet = next(iter(source))
    make_matte(packet, WholeEngine())
    packet.keep_clear()  # it may come again, behind a filter
    assert np.abs(packet.fetch().foreground[:16].astype(int) - (200, 10, 10)).max() <= 1
    picture = composite(packet, np.full_like(packet.frame, (0, 0, 255)))
    assert np.abs(picture[:16].astype(int) - (100, 5, 132)).max() <= 2
    assert (picture[16:] == (200, 10, 10)).all()


def test_so_does_a_photo(tmp_path: Path) -> None:
    pixels = np.full((48, 64, 4), (10, 30, 20, 255), np.uint8)
    pixels[:24, :, 3] = 100
    pixels[:8, :, 3] = 0
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    with plain_engine():
        assert shm_image(tmp_path / "a.png", tmp_path / "b.png") == 0
        assert shm_image(tmp_path / "a.png", tmp_path / "c.png", "--bg", "#0000c8") == 0
    cut_out = read(tmp_path / "b.png")
    assert (cut_out[8:, :, :3] == (10, 30, 20)).all()
    assert (cut_out[:8, :, 3] == 0).all()
    alpha = cut_out[8:, :, 3:].astype(float) / 255
    expected = alpha * (10, 30, 20) + (1 - alpha) * (200, 0, 0)
    assert np.abs(read(tmp_path / "c.png")[8:].astype(float) - expected).max() <= 1.5


class OnDevice(WholeEngine):
    """An engine that would composite on its device."""

    def submit(self, frame: Frame, mask: Mask | None = None) -> Any:
        matte = self(frame)

        class InFlight:
            def wait(self) -> None:
                pass

            def matte(self) -> Matte:
                return matte

            def composite(self, background: Frame) -> Frame:
                return matte.foreground

        return InFlight()


def test_a_matte_on_the_engines_device_too(tmp_path: Path) -> None:
    with VideoSource(clear_clip(tmp_path / "a.mov")) as source:
        packet = next(iter(source))
    make_matte(packet, OnDevice())  # type: ignore[arg-type]
    blue = np.full_like(packet.frame, (0, 0, 255))
    picture = composite(packet, blue)
    assert (picture[:16] == (0, 0, 255)).all()
    assert (picture[16:] == (200, 10, 10)).all()


def test_a_live_video_keeps_it_at_another_size(tmp_path: Path) -> None:
    clip = clear_clip(tmp_path / "a.mov")
    with open_source(None, str(clip), loop=False, size=None, rate=None, hold=1) as source:
        assert next(iter(source)).opacity is not None
    with open_source(None, str(clip), loop=False, size=Size(32, 48), rate=None, hold=1) as source:
        packet: Packet = next(iter(source))
    assert packet.opacity is not None
    assert packet.opacity.shape == packet.frame.shape[:2] == (32, 48)
    assert (packet.opacity[:7] == 0).all()


def test_interlaced_video_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fields = {"flags": "+ildct+ilme", "x264-params": "interlaced=1"}
    for name, options in (("fields.mp4", fields), ("frames.mp4", {})):
        clip = make_clip(tmp_path / name, options=options)
        with (
            patch("sys.argv", ["shm-video", str(clip), str(tmp_path / f"out-{name}")]),
            plain_engine(),
            pytest.raises(SystemExit) as ended,
        ):
            main()
        assert not ended.value.code
        assert capsys.readouterr().err.count(f"{clip}: is interlaced; ") == bool(options)
        open_source(None, str(clip), loop=False, size=None, rate=None, hold=1).close()
        assert capsys.readouterr().err.count("is interlaced") == bool(options)
