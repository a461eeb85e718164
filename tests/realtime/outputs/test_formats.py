"""Each format of the table, written by the sink and read back with the `ffmpeg` program."""

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.engine import Matte
from engines.errors import MediaError
from realtime.choices import OutputKind
from realtime.outputs.encoding import nvenc
from realtime.outputs.formats import CODECS, CONTAINERS, SEQUENCES, able, codec_for
from realtime.outputs.video_file import VideoSink
from realtime.packet import Packet

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg program")
WIDTH, HEIGHT = 64, 48
TIMES = [Fraction(ms, 1000) for ms in (0, 40, 41, 200, 233)]
PATCHES = [(200, 40, 40), (30, 180, 60), (40, 60, 200), (128, 128, 128)]
EACH = [(name, suffix) for name, codec in CODECS.items() for suffix in codec.suffixes if suffix in CONTAINERS]
WITH_ALPHA = [(name, suffix) for name, suffix in EACH if name in able("cutout")]


def packets() -> list[Packet]:
    """Four flat patches side by side; alpha rises from the top to the bottom, each frame by other steps."""
    picture = np.repeat(np.repeat(np.array([PATCHES], np.uint8), WIDTH // 4, axis=1), HEIGHT, axis=0)
    small = np.zeros((4, 4), np.float32)
    ramp = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None].repeat(WIDTH, axis=1)
    alphas = [ramp ** (1 + index / 4) for index in range(len(TIMES))]
    return [
        Packet(picture, time, index, matte=Matte(alpha, picture, small, small), picture=picture, duration=Fraction(1, 25))
        for index, (time, alpha) in enumerate(zip(TIMES, alphas, strict=True))
    ]


def write(path: Path, **facts: Any) -> None:
    with VideoSink(path, width=WIDTH, height=HEIGHT, rate=Fraction(25), time_base=Fraction(1, 15_000), **facts) as sink:
        for packet in packets():
            sink.write(packet)


def read(path: Path, pixel_format: str, codec: str) -> NDArray[np.uint8]:
    """All frames (N, H, W, channels) as the ffmpeg program decodes them."""
    decoder = ["-c:v", "libvpx-vp9"] if codec == "vp9" else []  # FFmpeg's own leaves alpha out
    matrix = ["-vf", "scale=flags=accurate_rnd+full_chroma_int"]
    raw = ["-fps_mode", "passthrough", "-pix_fmt", pixel_format, "-f", "rawvideo", "-"]
    command = ["ffmpeg", "-v", "error", *decoder, "-i", str(path), *matrix, *raw]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, HEIGHT, WIDTH, 4 if pixel_format == "rgba" else 3)


def probe(path: Path) -> dict[str, Any]:
    entries = "stream=codec_name,codec_tag_string,profile,color_space,color_range,pix_fmt:stream_tags:frame=pts_time"
    command = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", entries, "-of", "json", str(path)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    return {**found["streams"][0], "times": [Fraction(frame["pts_time"]) for frame in found["frames"]]}


def assert_patches(frames: NDArray[np.uint8], rows: slice = slice(None), tolerance: float = 2) -> None:
    for index, colour in enumerate(PATCHES):
        left = index * WIDTH // 4
        inner = frames[:, rows, left + 3 : left + 13, :3].reshape(-1, 3)
        assert np.abs(inner.mean(axis=0) - colour).max() <= tolerance, f"patch {index}: {inner.mean(axis=0)} for {colour}"


@needs_ffmpeg
@pytest.mark.parametrize(("codec", "suffix"), WITH_ALPHA)
def test_a_cut_out_comes_back_with_its_alpha_colours_and_times(tmp_path: Path, codec: str, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    write(path, kind="cutout", codec=codec)
    frames = read(path, "rgba", codec)
    assert probe(path)["times"] == TIMES
    assert len(frames) == len(TIMES)
    expected = np.array([np.rint(255 * packet.fetch().alpha) for packet in packets()])
    off = np.abs(frames[..., 3] - expected)
    if CODECS[codec].lossless:
        assert off.max() == 0
        assert np.array_equal(frames[..., :3], [packet.frame for packet in packets()])
    else:
        assert off.mean() <= 2
        assert frames[:, 0, :, 3].max() <= 2
        assert frames[:, -1, :, 3].min() >= 253
        assert_patches(frames)  # where alpha is 0, too


@needs_ffmpeg
@pytest.mark.parametrize(("codec", "suffix"), EACH)
def test_a_picture_comes_back_with_its_colours_and_times(tmp_path: Path, codec: str, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    write(path, codec=codec)
    frames, found = read(path, "rgb24", codec), probe(path)
    assert found["times"] == TIMES
    assert_patches(frames)
    if found["pix_fmt"].startswith("yuv"):
        assert (found["color_space"], found["color_range"]) == ("bt709", "tv")


@needs_ffmpeg
@pytest.mark.parametrize("codec", dict(EACH))
def test_alpha_alone_comes_back_in_grey(tmp_path: Path, codec: str) -> None:
    path = tmp_path / f"out{CODECS[codec].suffixes[0]}"
    write(path, kind="alpha", codec=codec)
    frames = read(path, "rgb24", codec)
    expected = np.array([np.rint(255 * packet.fetch().alpha) for packet in packets()])
    off = np.abs(frames.astype(int) - expected[..., None])
    assert off.max() == 0 if CODECS[codec].lossless else off.mean() <= 2


@needs_ffmpeg
@pytest.mark.parametrize(("codec", "suffix"), [("ffv1", ".mkv"), ("prores", ".mov")])
def test_premultiplied_colours_are_those_on_black(tmp_path: Path, codec: str, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    write(path, kind="cutout", codec=codec, premultiplied=True)
    frames = read(path, "rgba", codec).astype(float)
    expected = np.array([packet.frame * packet.fetch().alpha[..., None] for packet in packets()])
    assert np.abs(frames[..., :3] - expected)[:, :, 3:13].max() <= (0.51 if codec == "ffv1" else 4)


@needs_ffmpeg
def test_what_players_and_editors_go_by(tmp_path: Path) -> None:
    write(tmp_path / "out.mov", kind="cutout")
    write(tmp_path / "out.webm", kind="cutout")
    assert [probe(tmp_path / "out.mov")[key] for key in ("profile", "codec_tag_string")] == ["4444", "ap4h"]
    assert probe(tmp_path / "out.webm")["tags"]["ALPHA_MODE"] == "1"
    write(tmp_path / "out.mp4", codec="hevc")
    assert probe(tmp_path / "out.mp4")["codec_tag_string"] == "hvc1"


@needs_ffmpeg
@pytest.mark.parametrize(
    ("codec", "expected"), [("h264", "yuv420p"), ("hevc", "yuv420p10le"), ("av1", "yuv420p10le"), ("prores", "yuv422p10le")]
)
def test_ten_bits_where_source_and_codec_have_them(tmp_path: Path, codec: str, expected: str) -> None:
    path = tmp_path / f"out{CODECS[codec].suffixes[0]}"
    write(path, codec=codec, bit_depth=10)
    assert probe(path)["pix_fmt"] == expected
    assert_patches(read(path, "rgb24", codec))


@pytest.mark.parametrize("codec", [name for name, codec in CODECS.items() if codec.crf is not None])
def test_a_bit_rate_makes_the_size(tmp_path: Path, codec: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (12, 96, 128, 3), np.uint8)  # SVT-AV1 takes no bit rate for less
    sizes = []
    for bitrate in (100_000, 4_000_000):
        path = tmp_path / f"{bitrate}{CODECS[codec].suffixes[0]}"
        with VideoSink(path, width=128, height=96, rate=Fraction(25), codec=codec, bitrate=bitrate) as sink:
            for index, frame in enumerate(noise):
                sink.write(Packet(frame, Fraction(index, 25), index, picture=frame))
        sizes.append(path.stat().st_size)
    assert sizes[1] > 1.5 * sizes[0]


@pytest.mark.parametrize(("width", "height"), [(62, 96), (96, 62)])
def test_a_bit_rate_for_a_picture_too_small_for_the_encoder_is_one_line(tmp_path: Path, width: int, height: int) -> None:
    with pytest.raises(MediaError, match=rf"AV1 takes a bit rate from 64x64 pixels on, not at {width}x{height}; give a crf"):
        VideoSink(tmp_path / "out.mkv", width=width, height=height, codec="av1", bitrate=100_000)
    assert not list(tmp_path.iterdir())


def test_software_encodes_where_nvenc_does_not_open_and_the_sink_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(name: str, mode: str) -> None:
        raise av.PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(nvenc.VideoCodecContext, "create", create, raising=False)
    path = tmp_path / "out.mp4"
    with VideoSink(path, width=WIDTH, height=HEIGHT, nvenc=True) as sink:
        assert sink.software_because == "NVENC cannot be opened here (Operation not permitted)"
        sink.write(packets()[0])
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
    with pytest.raises(ValueError, match="NVENC does not encode ProRes"):
        VideoSink(tmp_path / "out.mov", width=WIDTH, height=HEIGHT, codec="prores", nvenc=True)


def test_nvenc_gets_its_own_options() -> None:
    assert CODECS["hevc"].encoder_options("composite", crf=0, preset="slower", nvenc=True) == {
        "rc": "vbr",
        "preset": "p7",
        "cq": "1",
    }
    assert "cq" not in CODECS["hevc"].encoder_options("composite", bitrate=8_000_000, preset="fast", nvenc=True)


@pytest.mark.parametrize(
    ("name", "kind", "codec", "says"),
    [
        ("out.mp4", "cutout", None, r"out.mp4: .mp4 holds no alpha; end its name in .mov, .mkv, .webm, .png, .exr$"),
        ("out.mov", "cutout", "h264", r"out.mov: h264 has no alpha; take prores or qtrle or ffv1 or vp9 or png or exr$"),
        ("out.mp4", "composite", "prores", r"out.mp4: .mp4 cannot hold prores; end its name in .mov$"),
        (
            "out.gif",
            "composite",
            None,
            r"unknown kind of video file '.gif'; end its name in .mp4, .m4v, .*, .png, .exr$",
        ),
    ],
)
def test_a_file_that_cannot_hold_it_is_refused(
    tmp_path: Path, name: str, kind: OutputKind, codec: str | None, says: str
) -> None:
    with pytest.raises(MediaError, match=says):
        VideoSink(tmp_path / name, width=WIDTH, height=HEIGHT, kind=kind, codec=codec)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("codec", "rate", "says"),
    [
        ("h264", {"crf": 52}, "a crf of 0 to 51"),
        ("prores", {"crf": 20}, "takes no crf"),
        ("prores", {"bitrate": 20}, "takes no bitrate"),
        ("h264", {"bitrate": 20, "crf": 20}, "exclude each other"),
    ],
)
def test_a_quality_that_the_codec_has_not_is_refused(tmp_path: Path, codec: str, rate: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        VideoSink(tmp_path / "out.mov", width=WIDTH, height=HEIGHT, codec=codec, **rate)
    assert list(tmp_path.iterdir()) == []


def test_every_kind_of_file_has_a_codec() -> None:
    assert {suffix for codec in CODECS.values() for suffix in codec.suffixes} == {*CONTAINERS, *SEQUENCES}
    assert codec_for(Path("out.MOV"), "cutout").name == "prores"


def table() -> str:
    """The table of the formats, in Markdown."""
    lines = ["| format | `--codec` | files | alpha | quality |", "|---|---|---|---|---|"]
    for codec in CODECS.values():
        quality = "lossless" if codec.lossless else "fixed" if codec.crf is None else f"`--crf` 0 to {codec.max_crf}"
        default = "" if codec.crf is None else f", by default {codec.crf}"
        alpha = "yes" if codec.cutout else "no"
        files = ", ".join(f"`%05d{each}`" if each in SEQUENCES else each for each in codec.suffixes)
        lines.append(f"| {codec.title} | `{codec.name}` | {files} | {alpha} | {quality}{default} |")
    return "\n".join(lines)


def test_the_page_has_the_table_of_formats() -> None:
    page = (Path(__file__).parents[3] / "docs/video.md").read_text(encoding="utf-8")
    assert page.partition("<!-- formats -->\n")[2].partition("\n<!-- /formats -->")[0] == table()
