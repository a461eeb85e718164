"""Sources of ten bits: what eight leave out of them is in the result wherever the source shows."""

import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.realtime.commands.test_video import BallEngine, engine, shm_video
from tests.realtime.outputs.test_formats import needs_ffmpeg

__all__ = ["engine"]  # the fixture
WIDTH, HEIGHT = 512, 48
RAMP = np.linspace(160, 840, WIDTH).round().astype(np.uint16)  # finer than 8 bits
RED, BLUE = 560, 464  # levels of Cr: the engine of the tests takes red for a person
COLOURS = {"colorspace": 1, "color_range": 1, "color_primaries": 1, "color_trc": 1}


def ten_bit_clip(path: Path, colours: dict[str, int] = COLOURS, rotation: int = 0) -> Path:
    """Three frames of a grey ramp that is reddish above and bluish below, without loss."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx265", rate=25, options={"x265-params": "lossless=1:log-level=error"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv444p10le"
        for name, value in colours.items():
            setattr(stream.codec_context, name, value)
        if rotation:
            stream.set_display_rotation(rotation)
        for index in range(3):
            frame = av.VideoFrame(WIDTH, HEIGHT, "yuv444p10le")
            red = np.arange(HEIGHT)[:, None].repeat(WIDTH, axis=1) < HEIGHT // 2
            for plane, levels in zip(
                frame.planes,
                (RAMP[None].repeat(HEIGHT, axis=0), np.full_like(red, 512, np.uint16), np.where(red, RED, BLUE)),
                strict=True,
            ):
                rows = np.frombuffer(plane, np.uint16).reshape(HEIGHT, -1)
                rows[:, :WIDTH] = levels
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def luma(path: Path, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint16]:
    """Levels of 10 bits of all frames (N, H, W) as the ffmpeg program decodes them."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-pix_fmt", "yuv444p10le", "-f", "rawvideo", "-"]
    raw = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    return np.frombuffer(raw, np.uint16).reshape(-1, 3, height, width)[:, 0]


@needs_ffmpeg
def test_what_eight_bits_leave_out_comes_back(tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = ten_bit_clip(tmp_path / "in.mkv")
    assert shm_video(monkeypatch, clip, tmp_path / "out.mov", "--codec", "prores", "--bg", "none", "--smooth", 0) == 0
    ours = luma(tmp_path / "out.mov")
    inside = np.s_[:, 4:-4, 8:-8]
    off = np.abs(ours.astype(int) - luma(clip))[inside]
    assert off.mean() < 0.75  # of ten bits: rounding to eight alone is off by 1
    rows = ours[0, 8].astype(int)
    assert len(set(rows)) > 350  # levels; of eight bits there would be 170


@needs_ffmpeg
def test_the_person_keeps_ten_bits_and_a_new_background_is_its_own(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = ten_bit_clip(tmp_path / "in.mkv")
    assert shm_video(monkeypatch, clip, tmp_path / "out.mov", "--codec", "prores", "--bg", "#808080", "--smooth", 0) == 0
    ours, theirs = luma(tmp_path / "out.mov").astype(int), luma(clip).astype(int)
    person = np.s_[:, 4:20, 100:-100]
    assert np.abs(ours - theirs)[person].mean() < 1
    assert len(set(ours[0, 8, 100:-100])) > 200
    assert np.ptp(ours[:, 28:44, 8:-8]) <= 4  # even
    assert cv2.mean(ours[0, 28:44].astype(np.float32))[0] == pytest.approx(64 + 876 * 128 / 255, abs=3)


@needs_ffmpeg
def test_a_turned_source_of_ten_bits(tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = ten_bit_clip(tmp_path / "in.mp4", rotation=-90)
    assert shm_video(monkeypatch, clip, tmp_path / "out.mov", "--codec", "prores", "--bg", "none", "--smooth", 0) == 0
    ours, upright = luma(tmp_path / "out.mov", HEIGHT, WIDTH), luma(clip, HEIGHT, WIDTH)
    assert np.abs(ours.astype(int) - upright)[:, 8:-8, 4:-4].mean() < 0.75
    assert len(set(ours[0, :, 40])) > 350


def test_half_floats_take_them_too(tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    openexr = pytest.importorskip("OpenEXR")
    clip = ten_bit_clip(tmp_path / "in.mkv")
    assert shm_video(monkeypatch, clip, tmp_path / "out/%02d.exr", "--bg", "none", "--smooth", 0) == 0
    with openexr.File(str(tmp_path / "out/01.exr"), separate_channels=True) as file:
        green = file.channels()["G"].pixels.copy()
    assert len(set(green[8].tolist())) > 350
