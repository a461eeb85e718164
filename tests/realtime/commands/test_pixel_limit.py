"""Pictures and videos that claim to be huge are refused before they are decoded, wherever they are named."""

import re
import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import pytest

from engines.errors import TooManyPixels
from realtime.commands import image, live, refine, video
from realtime.compositing.backgrounds import open_background
from realtime.inputs.network_stream import NetworkStream
from realtime.inputs.photos import read_photo
from realtime.inputs.video_file import VideoSource
from realtime.jobs.settings import VideoSettings
from tests.realtime.clips import even_times, make_clip, picture
from tests.realtime.plain_engine import PlainEngine, plain_engine

COMMANDS = {"shm-image": image.main, "shm-video": video.main, "shm-live": live.main, "shm-refine": refine.main}


@pytest.fixture(autouse=True)
def engine() -> Iterator[PlainEngine]:
    with plain_engine() as engine:
        yield engine


def run(name: str, *arguments: str) -> int:
    with patch("sys.argv", [name, *arguments]), pytest.raises(SystemExit) as exit_:
        COMMANDS[name]()
    return int(exit_.value.code or 0)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(path: Path, side: int = 30_000) -> Path:
    """Its head is right, its rows are missing: whoever decodes it before looking at the size says that it is broken."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))
    return path


def gif_bomb(path: Path, side: int = 16_000) -> Path:
    screen = struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02\x02\x4c\x01\x00"
    path.write_bytes(b"GIF89a" + screen + (b"\x21\xf9\x04\0\x0a\0\0\0" + frame) * 3 + b";")
    return path


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("shm-image bomb.png out.png", "bomb.png: 30000x30000 is 900 megapixels"),
        ("shm-image bomb.gif out.png", "bomb.gif: 16000x16000 is 256 megapixels"),
        ("shm-image a.png out.png --bg bomb.png", "--bg bomb.png: 30000x30000"),
        ("shm-image a.png out.png --bg bomb.gif", "--bg bomb.gif: 16000x16000"),
        ("shm-video bomb.gif out.mp4", "bomb.gif: 16000x16000"),
        ("shm-video a.mp4 out.mp4 --bg bomb.png", "--bg bomb.png: 30000x30000"),
        ("shm-video a.mp4 out.mp4 --bg bomb.gif", "--bg bomb.gif: 16000x16000"),
        ("shm-live --input bomb.gif --pipe y4m --no-window", "--input bomb.gif: 16000x16000"),
        ("shm-live --input a.mp4 --bg bomb.png --pipe y4m --no-window", "--bg bomb.png: 30000x30000"),
        ("shm-refine bomb.png a.png out.png", "bomb.png: 30000x30000"),
        ("shm-refine a.png bomb.png out.png", "bomb.png: 30000x30000"),
    ],
)
def test_bombs_are_refused_with_the_option_that_lets_them_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    png_bomb(tmp_path / "bomb.png")
    gif_bomb(tmp_path / "bomb.gif")
    cv2.imwrite("a.png", picture(0))
    make_clip(tmp_path / "a.mp4")
    assert run(*words.split()) == 2
    errors = capsys.readouterr().err
    assert named in errors
    assert f"--max-megapixels {256 if 'bomb.gif' in words else 900}" in errors
    assert not list(tmp_path.glob("out*"))


def test_the_other_photos_of_a_folder_are_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    png_bomb(tmp_path / "in" / "a.png")
    cv2.imwrite(str(tmp_path / "in" / "b.png"), picture(0))
    assert run("shm-image", str(tmp_path / "in"), str(tmp_path / "out")) == 2
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.png"]
    assert "--max-megapixels 900" in capsys.readouterr().err


def test_the_option_raises_the_limit_and_lowers_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo, clip = tmp_path / "a.png", make_clip(tmp_path / "a.mp4", size=(1250, 802))
    cv2.imwrite(str(photo), np.zeros((802, 1250, 3), np.uint8))
    assert run("shm-image", str(photo), str(tmp_path / "out.png"), "--max-megapixels", "1") == 2
    assert run("shm-video", str(clip), str(tmp_path / "out.mp4"), "--max-megapixels", "1") == 2
    assert run("shm-image", str(photo), str(tmp_path / "out.png"), "--max-megapixels", "2") == 0
    assert run("shm-video", str(clip), str(tmp_path / "out.mp4"), "--max-megapixels", "2") == 0


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.ts", "libx264", "yuv420p"),
        ("a.ts", "mpeg2video", "yuv420p"),
        ("a.mkv", "mjpeg", "yuvj420p"),
        ("a.mov", "png", "rgb24"),
        ("a.gif", "gif", "rgb8"),
    ],
)
def test_the_size_of_a_refused_video_is_known(tmp_path: Path, name: str, codec: str, pix_fmt: str) -> None:
    time_base = {"time_base": Fraction(1, 25)} if codec == "mpeg2video" else {}
    clip = make_clip(tmp_path / name, codec=codec, pix_fmt=pix_fmt, **time_base)
    for limit, shown in ((96 * 64 - 1, "0.006143"), (1000, "0.001")):
        with pytest.raises(TooManyPixels, match=f"96x64 is 1 megapixels, over the limit of {shown}; "):
            VideoSource(clip, max_pixels=limit)
    with VideoSource(clip, max_pixels=96 * 64) as source:
        assert len(list(source)) == 10


def test_frames_that_grow_midway_are_left_out(tmp_path: Path) -> None:
    small, large = make_clip(tmp_path / "a.ts"), make_clip(tmp_path / "b.ts", size=(960, 640))
    both = tmp_path / "c.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    with VideoSource(both, max_pixels=96 * 64, threads=1) as source:
        assert 8 <= len(list(source)) <= 10
        assert source.damaged > 0


def test_parts_that_are_larger_than_the_whole_are_not_decoded(tmp_path: Path) -> None:
    """A GIF of 40x40 whose frame is 3000x3000."""
    screen = struct.pack("<HHBBB", 40, 40, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 3000, 3000, 0) + b"\x02\x02\x4c\x01\x00"
    (tmp_path / "a.gif").write_bytes(b"GIF89a" + screen + frame + b";")
    with pytest.raises(TooManyPixels):
        read_photo(tmp_path / "a.gif", max_pixels=10_000)
    with pytest.raises(TooManyPixels):
        open_background(str(tmp_path / "a.gif"), max_pixels=10_000)


@pytest.mark.parametrize("limit", [None, "64000000", [1], 0, -1, float("nan")])
def test_a_limit_that_is_none_is_named(tmp_path: Path, limit: Any) -> None:
    """It was a TypeError, or the picture was said to be broken."""
    clip, photo = make_clip(tmp_path / "a.mp4", even_times(1)), tmp_path / "a.png"
    cv2.imwrite(str(photo), picture(0))
    for read in (
        lambda: VideoSource(clip, max_pixels=limit),
        lambda: read_photo(photo, max_pixels=limit),
        lambda: open_background(clip, max_pixels=limit),
        lambda: open_background("red", max_pixels=limit),
        lambda: NetworkStream("rtsp://127.0.0.1:1/a", max_pixels=limit),
        lambda: VideoSettings(max_pixels=limit),
    ):
        with pytest.raises(ValueError, match=rf"max_pixels {re.escape(repr(limit))}: must be a number above 0"):
            read()
