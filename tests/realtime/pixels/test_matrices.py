"""YUV of every matrix of H.273 as RGB: right, or refused. Its levels are computed here by the standard's equations."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from engines.errors import MediaError
from realtime.inputs.video_file import VideoSource
from realtime.packet import Packet
from realtime.pixels.yuv import EXACT, fill, to_rgb

BT709, BT2020, FCC, SMPTE170M = 1, 9, 4, 6  # primaries
PATCHES = np.array(
    [(200, 40, 40), (40, 180, 60), (40, 60, 180), (128, 128, 128), (235, 235, 235), (20, 20, 20), (180, 180, 40)]
)
SIDE = 48
KR_KB = {  # by the number of a matrix, and of the primaries
    (1, BT709): (0.2126, 0.0722),
    (4, BT709): (0.30, 0.11),
    (5, BT709): (0.299, 0.114),
    (6, SMPTE170M): (0.299, 0.114),
    (7, BT709): (0.212, 0.087),
    (9, BT709): (0.2627, 0.0593),
    (12, BT709): (0.2126, 0.0722),
    (2, BT709): (0.299, 0.114),  # untagged, in standard definition
}


def write_yuv(
    path: Path, matrix: int, primaries: int, pixels: str, kr: float = 0.2126, kb: float = 0.0722, count: int = 1
) -> Path:
    """The patches side by side, without loss, in limited range, in `count` frames."""
    red, green, blue = PATCHES.T / 255
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    parts = [219 * luma + 16, 224 * (blue - luma) / (2 - 2 * kb) + 128, 224 * (red - luma) / (2 - 2 * kr) + 128]
    bits, step = (10 if "10" in pixels else 8), (2 if "420" in pixels else 1)
    steps = zip(parts, (1, step, step), strict=True)
    columns = [(np.repeat(np.rint(each * (1 << (bits - 8))), SIDE // step), step) for each, step in steps]
    levels = [np.tile(each, (SIDE // step, 1)).astype(np.uint8 if bits == 8 else np.uint16) for each, step in columns]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25, options={"qp": "0", "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = SIDE * len(PATCHES), SIDE, pixels
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, 1
        stream.codec_context.color_primaries = primaries
        frame: Any = av.VideoFrame(stream.width, SIDE, pixels)
        for plane, each in zip(frame.planes, levels, strict=True):
            fill(plane, each)
        frame.colorspace, frame.color_range, frame.color_primaries = matrix, 1, primaries
        for index in range(count):
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def turns_to_ictcp(path: Path, count: int = 10) -> Path:
    """A transport stream of so many frames in BT.709, and then of ten in ICtCp."""
    plain, rare = (path.with_suffix(f".{name}.ts") for name in ("plain", "rare"))
    write_yuv(plain, 1, BT709, "yuv420p", count=count)
    write_yuv(rare, 14, BT2020, "yuv420p", count=10)
    path.write_bytes(plain.read_bytes() + rare.read_bytes())
    plain.unlink()
    rare.unlink()
    return path


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p", "yuv420p10le", "yuv444p10le"])
@pytest.mark.parametrize(("matrix", "primaries"), KR_KB)
def test_colours_come_out_as_they_were(tmp_path: Path, matrix: int, primaries: int, pixels: str) -> None:
    clip = write_yuv(tmp_path / "a.mkv", matrix, primaries, pixels, *KR_KB[matrix, primaries])
    with VideoSource(clip) as source:
        frame = next(iter(source)).frame
    off = np.abs(frame[SIDE // 2, SIDE // 2 :: SIDE].astype(int) - PATCHES)
    assert off.max() <= 1


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "nv12", "yuv420p10le"])
def test_on_average_nothing_gets_darker_or_brighter(pixels: str) -> None:
    """FFmpeg's quick way from YUV to RGB rounds down what each plane adds: a cut-out was darker than its video by 1 to 1.6."""
    luma, chroma = np.meshgrid(np.arange(40, 221, 4), np.arange(96, 161, 4))
    shape = (2 * luma.shape[0], 2 * luma.shape[1])
    planes = [np.repeat(np.repeat(each, 2, 0), 2, 1).astype(np.uint8) for each in (luma, chroma, 256 - chroma)]
    exact: Any = av.VideoFrame.from_ndarray(np.stack(planes), "yuv444p")
    exact.colorspace, exact.color_range = 1, 1
    frame = exact if pixels == "yuv444p" else VideoReformatter().reformat(exact, format=pixels, interpolation=EXACT)
    rgb = to_rgb(frame, shape, VideoReformatter())
    y, u, v = (plane.astype(float) for plane in planes)
    light, blue, red = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    parts = [light + 1.5748 * red, light - 0.18733 * blue - 0.46813 * red, light + 1.8556 * blue]
    inside = np.s_[2:-2, 2:-2]
    for channel, part in enumerate(parts):
        off = rgb[..., channel] - np.clip(255 * part, 0, 255)
        assert abs(off[inside].mean()) < 0.1


@pytest.mark.parametrize("pixels", ["yuv444p", "yuv420p10le"])
@pytest.mark.parametrize(
    ("matrix", "primaries", "coding"),
    [
        (8, BT709, "YCgCo"),
        (10, BT2020, "YCbCr of constant luminance"),
        (11, BT2020, "YDzDx"),
        (12, FCC, "YCbCr derived from rare primaries"),
        (13, BT709, "YCbCr of constant luminance"),
        (14, BT2020, "ICtCp"),
    ],
)
def test_rare_codings_are_refused_in_a_line(tmp_path: Path, matrix: int, primaries: int, pixels: str, coding: str) -> None:
    clip = write_yuv(tmp_path / "a.mkv", matrix, primaries, pixels)
    says = f"a.mkv: its colours are coded as {coding}, which is not read; convert it to BT.709 first"
    with pytest.raises(MediaError, match=says):
        VideoSource(clip)


def test_rgb_and_grey_need_no_matrix(tmp_path: Path) -> None:
    for codec, pixels, matrix in (("libx264rgb", "rgb24", 0), ("ffv1", "gbrp10le", 0), ("ffv1", "gray", 14)):
        path = tmp_path / f"{pixels}.mkv"
        rgb = np.tile(np.repeat(PATCHES.astype(np.uint8), SIDE, axis=0), (SIDE, 1, 1))
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream(codec, rate=25, options={"qp": "0"} if codec == "libx264rgb" else {})
            stream.width, stream.height, stream.pix_fmt = rgb.shape[1], SIDE, pixels
            stream.codec_context.colorspace = matrix
            frame: Any = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format=pixels, dst_color_range=2)
            frame.colorspace = matrix
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        with VideoSource(path) as source:
            found = next(iter(source)).frame[SIDE // 2, SIDE // 2 :: SIDE]
        off = np.abs(found.astype(int) - (found[:, :1] if pixels == "gray" else PATCHES))
        assert off.max() <= 1


def test_colours_that_turn_rare_midway_are_named_with_the_moment(tmp_path: Path) -> None:
    packets: list[Packet] = []
    says = r"a\.ts: from 0\.40 s on its colours are coded as ICtCp, which is not read; convert it to BT\.709 first"
    with VideoSource(turns_to_ictcp(tmp_path / "a.ts")) as source, pytest.raises(MediaError, match=says):
        packets.extend(source)
    assert len(packets) == 10
