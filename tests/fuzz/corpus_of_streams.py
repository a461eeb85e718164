"""More good inputs of the trial: numbered pictures, animations, streams for pipes, subtitles, and high dynamic range."""

import io
import os
from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from PIL import Image

from realtime.inputs.video_file import VideoSource
from realtime.outputs.tracks.subtitles import SubtitleCopier
from realtime.outputs.video_file import VideoSink
from tests.realtime.clips import even_times, make_clip, picture

SIZES = ((64, 48), (64, 48), (96, 80))  # width and height of the pictures of a sequence
STREAMED = (
    "h264-aac.mp4",
    "h264-opus.mkv",
    "ffv1-flac.mkv",
    "h264-aac.ts",
    "mpeg2-mp2.ts",
    "ffv1.nut",
    "vp8-opus.webm",
    "raw.y4m",
)
TEXT = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Alignment
Style: Default,Odd,20,&H00FFFFFF,2

[Events]
Format: Layer, Start, End, Style, Text
Dialogue: 0,0:00:00.00,0:00:00.10,Default,{\\i1}one{\\i0} and\\Nmore
Dialogue: 0,0:00:00.05,0:00:00.30,Default,{\\pos(10,10)}two
"""
DISPLAYS = (  # the mastering display, and the levels of light, as x265 takes them
    ("G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)", "1000,400"),
    ("G(0,0)B(0,0)R(0,0)WP(0,0)L(0,0)", "0,0"),
    ("G(65535,65535)B(65535,65535)R(65535,65535)WP(65535,65535)L(4294967295,4294967295)", "65535,65535"),
    ("G(1,2)B(3,4)R(5,6)WP(7,8)L(1,2)", "1,65535"),  # darkest is brightest
)
AV1_DISPLAY = "mastering-display=G(0.26,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.31,0.33)L(1000,0.01):content-light=1000,400"


def animated_webp() -> bytes:
    """Pictures with alpha, of several durations."""
    first, *rest = (Image.fromarray(np.dstack([picture(n, 64, 48), np.full((48, 64), 99 * n, np.uint8)])) for n in range(3))
    made = io.BytesIO()
    first.save(made, "WEBP", save_all=True, append_images=rest, duration=[40, 0, 500])
    return made.getvalue()


def members(folder: Path) -> dict[str, list[bytes]]:
    """Pictures of a sequence by their suffix, the last of each larger than the others."""
    made: dict[str, list[bytes]] = {}
    for index, (width, height) in enumerate(SIZES):
        bgr = np.ascontiguousarray(picture(index, width, height)[..., ::-1])
        bgra = np.dstack([bgr, np.full((height, width), 99 * index, np.uint8)])
        kinds = {".png": bgra, ".jpg": bgr, ".tif": bgr.astype(np.uint16) * 257, ".bmp": bgr, ".webp": bgra}
        for suffix, pixels in kinds.items():
            made.setdefault(suffix, []).append(cv2.imencode(suffix, pixels)[1].tobytes())
        for suffix, codec, kind in ((".dpx", "dpx", "gbrp10le"), (".tga", "targa", "bgra")):
            made.setdefault(suffix, []).append(_encoded(bgra, codec, kind))
        if find_spec("OpenEXR") is not None:
            made.setdefault(".exr", []).append(_exr((bgra / 255).astype(np.float32 if index else np.float16), folder / "a.exr"))
    return made


def _encoded(bgra: np.ndarray, codec: str, kind: str) -> bytes:
    encoder: Any = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = bgra.shape[1], bgra.shape[0], kind, Fraction(1, 25)
    frame: Any = av.VideoFrame.from_ndarray(bgra, "bgra").reformat(format=kind)
    return b"".join(bytes(packet) for packet in encoder.encode(frame))


def _exr(light: np.ndarray, path: Path) -> bytes:
    openexr = import_module("OpenEXR")
    header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage}
    with openexr.File(header, {"RGBA": np.ascontiguousarray(light)}) as file:
        file.write(str(path))
    return path.read_bytes()


def streamed(videos: dict[str, bytes], folder: Path) -> dict[str, bytes]:
    """Those that can be read from a pipe, and fragmented MP4."""
    made = {name: videos[name] for name in STREAMED[1:]}
    options = {"movflags": "frag_keyframe+empty_moov"}
    made["fragmented.mp4"] = _remuxed(videos[STREAMED[0]], folder / "fragmented.mp4", options=options)
    return made


def subtitled(video: bytes, folder: Path) -> dict[str, bytes]:
    """A video with ASS and fonts, and with the subtitles of other containers."""
    source = folder / "ass.mkv"
    source.write_bytes(_remuxed(video, source, words=TEXT))
    made = {source.name: source.read_bytes()}
    for target in (folder / "text.mp4", folder / "text.webm"):
        copier = SubtitleCopier(source, target)
        size = {"width": SIZES[0][0], "height": SIZES[0][1]}
        with VideoSource(source) as frames, VideoSink(target, subtitles=copier, **size) as sink:
            for packet in frames:
                packet.picture = packet.frame
                sink.write(packet)
        made[target.name] = target.read_bytes()
    return made


def _remuxed(video: bytes, path: Path, *, words: str | None = None, options: dict[str, str] | None = None) -> bytes:
    """The packets of a video in another container, with a track of ASS and two fonts."""
    with av.open(io.BytesIO(video)) as read, av.open(str(path), "w", options=options or {}) as written:
        sources: list[Any] = [read]
        if words is not None:
            sources.append(av.open(io.BytesIO(words.encode()), format="ass"))
            for name in ("one.ttf", "two.otf"):
                written.add_attachment(name, f"font/{name[-3:]}", bytes(1000))
        pairs = [(stream, written.add_stream_from_template(stream)) for source in sources for stream in source.streams]
        copies = {id(stream): copy for stream, copy in pairs}
        packets = [packet for source in sources for packet in source.demux() if packet.dts is not None]
        for packet in sorted(packets, key=lambda each: each.dts * each.time_base):
            packet.stream = copies[id(packet.stream)]
            written.mux(packet)
        for source in sources[1:]:
            source.close()
    return path.read_bytes()


def high_range(folder: Path) -> dict[str, bytes]:
    """PQ and HLG in HEVC and AV1, some with metadata that make no sense."""
    os.environ["SVT_LOG"] = "1"  # errors only
    made = {}
    for index, (display, light) in enumerate(DISPLAYS):
        options = {"x265-params": f"log-level=error:master-display={display}:max-cll={light}"}
        for suffix in (".mp4", ".mkv"):
            made[f"pq{index}{suffix}"] = _of_high_range(folder / f"pq{index}{suffix}", "libx265", 16, options)
    made["hlg.mp4"] = _of_high_range(folder / "hlg.mp4", "libx265", 18, {"x265-params": "log-level=error"})
    made["av1.mkv"] = _of_high_range(folder / "av1.mkv", "libsvtav1", 16, {"preset": "12", "svtav1-params": AV1_DISPLAY})
    return made


def _of_high_range(path: Path, codec: str, transfer: int, options: dict[str, str]) -> bytes:
    colours = {"color_trc": transfer, "color_primaries": 9, "colorspace": 9, "color_range": 1}
    form: dict[str, Any] = {"codec": codec, "pix_fmt": "yuv420p10le", "colours": colours, "options": options}
    make_clip(path, even_times(4), size=SIZES[-1], time_base=Fraction(1, 25), **form)
    return path.read_bytes()
