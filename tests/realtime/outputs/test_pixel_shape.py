"""Pixels that are not square stay so in Matroska and WebM, whose head alone tells it of most codecs: they became square."""

import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from realtime.jobs.settings import VideoSettings
from realtime.jobs.video_job import VideoJob
from realtime.outputs.pixel_shape import PixelShape
from realtime.outputs.video_file import VideoSink
from tests.realtime.clips import even_times, make_clip
from tests.realtime.outputs.test_video_file import packets
from tests.realtime.plain_engine import PlainEngine

SIZE = (96, 64)
ASPECT = Fraction(4, 3)


def shape_of(path: Path) -> tuple[Any, Any, int]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        count = sum(1 for _ in container.decode(stream))
        return stream.sample_aspect_ratio, stream.metadata.get("title"), count


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.webm", "vp9"), ("a.webm", "av1"), ("a.mkv", "vp9"), ("a.mkv", "av1"), ("a.mkv", "ffv1"), ("a.mkv", "h264")],
)
@pytest.mark.parametrize("aspect", [ASPECT, Fraction(3, 4)])
def test_a_file_has_the_shape_of_its_pixels(tmp_path: Path, name: str, codec: str, aspect: Fraction) -> None:
    with VideoSink(tmp_path / name, width=96, height=64, codec=codec, pixel_aspect=aspect) as sink:
        for packet in packets(even_times(3), SIZE):
            sink.write(packet)
    assert shape_of(tmp_path / name) == (aspect, None, 3)


def test_the_head_of_a_file_is_whole(tmp_path: Path) -> None:
    """Matroska's tracks have a check sum."""
    with VideoSink(tmp_path / "a.mkv", width=96, height=64, codec="ffv1", pixel_aspect=ASPECT) as sink:
        sink.write(packets(even_times(1), SIZE)[0])
    with av.open(str(tmp_path / "a.mkv"), options={"err_detect": "crccheck+explode"}) as container:
        assert container.streams.video[0].sample_aspect_ratio == ASPECT


@pytest.mark.parametrize("name", ["a.webm", "a.mkv"])
def test_segments_that_are_joined_keep_it(tmp_path: Path, name: str) -> None:
    clip = make_clip(tmp_path / "in.mp4", even_times(3), size=SIZE, pixel_aspect=ASPECT)
    settings = VideoSettings(bg="blue", codec="vp9")
    with VideoJob(clip, tmp_path / name, settings, resume=True) as job:
        job.run(PlainEngine())
    assert shape_of(tmp_path / name) == (ASPECT, None, 3)


def element(kind: str, content: bytes) -> bytes:
    """An element of EBML, with as few bytes for its length as it takes."""
    count = 1 if len(content) < 127 else 2
    return bytes.fromhex(kind) + (len(content) | 1 << 7 * count).to_bytes(count) + content


@pytest.mark.parametrize("count", [2, 100, 105, 108, 109, 110, 111, 115, 122, 123, 124, 126, 127, 200])
def test_a_longer_description_of_a_track_too(count: int) -> None:
    """Such as one with a mastering display: its length may take one byte more then."""
    video = element("b0", b"\x60") + element("ec", bytes(count - 2))
    entry = element("ae", element("536e", b"pixel aspect") + element("86", b"V_VP9") + element("e0", video))
    tracks = element("1654ae6b", element("bf", zlib.crc32(entry).to_bytes(4, "little")) + entry)
    head = element("1a45dfa3", b"") + bytes.fromhex("1853806701ffffffffffffff") + tracks
    made = PixelShape(96, 64, ASPECT).put_into(head)
    assert len(made) == len(head)
    begin = len(head) - len(entry)
    assert zlib.crc32(made[begin:]).to_bytes(4, "little") == made[begin - 4 : begin]
    assert b"pixel aspect" not in made
    assert bytes.fromhex("54b08400000080") in made
    assert made.endswith(b"\x40")
    length = made.index(b"\xe0", begin) + 1
    count_of_bytes = 1 if made[length] >= 0x80 else 2
    said = int.from_bytes(made[length : length + count_of_bytes]) & ((1 << 7 * count_of_bytes) - 1)
    assert said == len(made) - length - count_of_bytes


@pytest.mark.parametrize("length", range(0, 400, 7))
def test_a_head_that_is_cut_off_stays(length: int) -> None:
    video = element("b0", b"\x60") + element("ec", bytes(200))
    head = bytes.fromhex("1853806701ffffffffffffff") + element("1654ae6b", element("ae", element("e0", video)))
    assert PixelShape(96, 64, ASPECT).put_into(head[:length]) == head[:length]
