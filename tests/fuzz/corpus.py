"""The good inputs that the trial damages: small ones of every kind, made on the spot."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import cv2
import numpy as np

from engines.store.entries import Key, pack
from realtime.outputs.photos import write_photo
from realtime.pixels.metadata import Metadata
from tests.fuzz.corpus_of_streams import animated_webp, high_range, members, streamed, subtitled
from tests.realtime.clips import even_times, make_clip, picture
from tests.realtime.exif import exif
from train.recipe import RECIPES

WIDTH, HEIGHT = 64, 48
FRAMES = 8
# Name: video codec, pixel format, audio codec; the container by the suffix.
VIDEOS = {
    "h264-aac.mp4": ("libx264", "yuv420p", "aac"),
    "h264.mp4": ("libx264", "yuv420p", None),
    "mpeg4-mp3.mp4": ("mpeg4", "yuv420p", "libmp3lame"),
    "prores-pcm.mov": ("prores_ks", "yuv422p10le", "pcm_s24le"),
    "mjpeg-mulaw.mov": ("mjpeg", "yuvj420p", "pcm_mulaw"),
    "qtrle-alpha.mov": ("qtrle", "argb", None),
    "h264-opus.mkv": ("libx264", "yuv420p", "libopus"),
    "ffv1-flac.mkv": ("ffv1", "yuv420p", "flac"),
    "vp8-opus.webm": ("libvpx", "yuv420p", "libopus"),
    "vp9.webm": ("libvpx-vp9", "yuv420p", None),
    "mpeg4-mp3.avi": ("mpeg4", "yuv420p", "libmp3lame"),
    "mjpeg-adpcm.avi": ("mjpeg", "yuvj420p", "adpcm_ima_wav"),
    "h264-aac.ts": ("libx264", "yuv420p", "aac"),
    "mpeg2-mp2.ts": ("mpeg2video", "yuv420p", "mp2"),
    "mpeg1-mp2.mpg": ("mpeg1video", "yuv420p", "mp2"),
    "flv1.flv": ("flv", "yuv420p", None),
    "wmv2-mp3.wmv": ("wmv2", "yuv420p", "libmp3lame"),
    "ffv1.nut": ("ffv1", "bgr0", "pcm_s16le"),
    "animated.gif": ("gif", "rgb8", None),
    "animated.apng": ("apng", "rgba", None),
    "raw.y4m": ("rawvideo", "yuv420p", None),
}
OPTIONS = {
    "libx264": {"preset": "ultrafast", "threads": "1", "g": "4"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
}
CATEGORIES = [{"id": 1, "name": "person"}, {"id": 3, "name": "car"}]


@dataclass
class Corpus:
    """Files by kind, each by its name."""

    videos: dict[str, bytes] = field(default_factory=dict)
    streamed: dict[str, bytes] = field(default_factory=dict)
    subtitled: dict[str, bytes] = field(default_factory=dict)
    high_range: dict[str, bytes] = field(default_factory=dict)
    members: dict[str, list[bytes]] = field(default_factory=dict)  # by suffix; the last one is larger
    photos: dict[str, bytes] = field(default_factory=dict)
    masks: dict[str, bytes] = field(default_factory=dict)
    playlists: dict[str, str] = field(default_factory=dict)
    recipes: dict[str, str] = field(default_factory=dict)
    coco: dict[str, object] = field(default_factory=dict)
    manifest: dict[str, object] = field(default_factory=dict)
    weights: dict[str, bytes] = field(default_factory=dict)
    cache: dict[str, bytes] = field(default_factory=dict)


KEY = Key("openvino", "a test", "64x48", "fp32", "openvino 1", "w" * 64, "g" * 64)
BLOBS = {name: name.encode() * 100 for name in ("mpn", "qun", "mrn")}


def make_corpus(folder: Path) -> Corpus:
    """All good inputs, by way of files in `folder`."""
    corpus = Corpus(videos=_videos(folder), photos=_photos(), masks=_masks(), playlists=_playlists(), coco=_coco())
    corpus.streamed = streamed(corpus.videos, folder)
    corpus.subtitled = subtitled(corpus.videos["h264-aac.mp4"], folder)
    corpus.high_range, corpus.members = high_range(folder), members(folder)
    corpus.recipes = {path.name: path.read_text(encoding="utf-8") for path in sorted(RECIPES.glob("*.toml"))}
    corpus.weights = {name: name.encode() * 50 for name in ("weights.safetensors", "mpn.onnx", "qun.onnx")}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in corpus.weights.items()}
    corpus.manifest = {"dimensions": {"qun": {"widths": [8, 16, 32]}}, "training": {"steps": 1900}, "sha256": digests}
    corpus.cache = {KEY.file: b"".join(pack(KEY, BLOBS))}
    return corpus


def _videos(folder: Path) -> dict[str, bytes]:
    made = {}
    for name, (codec, pix_fmt, audio) in VIDEOS.items():
        path, rate = folder / name, 10 if codec == "gif" else 25
        form: dict[str, Any] = {"codec": codec, "pix_fmt": pix_fmt, "audio": audio, "options": OPTIONS.get(codec)}
        make_clip(path, even_times(FRAMES, rate), size=(WIDTH, HEIGHT), rate=rate, time_base=Fraction(1, rate), **form)
        made[name] = path.read_bytes()
    made["animated.webp"] = animated_webp()
    return made


def _encoded(suffix: str, pixels: np.ndarray, *flags: int) -> bytes:
    done, data = cv2.imencode(suffix, pixels, flags)
    assert done, suffix
    return data.tobytes()


def _photos() -> dict[str, bytes]:
    bgr = np.ascontiguousarray(picture(3, WIDTH, HEIGHT)[..., ::-1])
    bgra = np.dstack([bgr, np.full((HEIGHT, WIDTH), 128, np.uint8)])
    deep = bgr.astype(np.uint16) * 257
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    made = {
        "plain.png": _encoded(".png", bgr),
        "alpha.png": _encoded(".png", bgra),
        "deep.png": _encoded(".png", deep),
        "grey.png": _encoded(".png", grey),
        "plain.jpg": _encoded(".jpg", bgr),
        "grey.jpg": _encoded(".jpg", grey),
        "progressive.jpg": _encoded(".jpg", bgr, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        "plain.webp": _encoded(".webp", bgr),
        "lossless.webp": _encoded(".webp", bgra, cv2.IMWRITE_WEBP_QUALITY, 101),
        "plain.avif": _encoded(".avif", bgr),
        "plain.tiff": _encoded(".tiff", bgr),
        "deep.tiff": _encoded(".tiff", deep),
        "float.tiff": _encoded(".tiff", bgr.astype(np.float32) / 255),
        "plain.bmp": _encoded(".bmp", bgr),
    }
    turned = b"Exif\0\0" + exif()
    for suffix in (".png", ".tiff", ".jxl"):
        if suffix != ".jxl" or find_spec("pillow_jxl") is not None:
            with TemporaryDirectory() as folder:
                path = Path(folder) / f"a{suffix}"
                levels = np.ascontiguousarray(deep[..., ::-1])
                write_photo(
                    path, levels, np.full(deep.shape[:2], 0.5, np.float32), metadata=Metadata(exif("big"), b"<x:xmpmeta/>")
                )
                made[f"exif-deep-alpha{suffix}"] = path.read_bytes()
    plain = made["plain.jpg"]
    profile = b"ICC_PROFILE\0\x01\x01" + bytes(200)
    segments = b"".join(
        mark + (len(body) + 2).to_bytes(2, "big") + body for mark, body in ((b"\xff\xe1", turned), (b"\xff\xe2", profile))
    )
    made["exif-icc.jpg"] = plain[:2] + segments + plain[2:]
    return made


def _masks() -> dict[str, bytes]:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, (32, 24), 15, 255, -1)
    return {
        "grey.png": _encoded(".png", mask),
        "labels.png": _encoded(".png", mask // 255),
        "deep.png": _encoded(".png", mask.astype(np.uint16) * 257),
        "float.tiff": _encoded(".tiff", mask.astype(np.float32) / 255),
        "grey.jpg": _encoded(".jpg", mask),
        "grey.bmp": _encoded(".bmp", mask),
    }


def _coco() -> dict[str, object]:
    image = {"id": 7, "file_name": "a.png", "height": HEIGHT, "width": WIDTH}
    cells = HEIGHT * WIDTH
    shapes: dict[str, object] = {
        "polygon": [[5, 5, 40, 5, 40, 40, 5, 40], [1.5, 2.5, 10, 3, 9, 20]],
        "runs": {"counts": [100, 500, cells - 600], "size": [HEIGHT, WIDTH]},
        "compressed": {"counts": "d3Y1", "size": [HEIGHT, WIDTH]},
    }
    annotation = {"id": 1, "image_id": 7, "category_id": 1, "iscrowd": 0, "area": 100.0, "bbox": [5, 5, 35, 35]}
    return {
        name: {"images": [image], "categories": CATEGORIES, "annotations": [{**annotation, "segmentation": shape}]}
        for name, shape in shapes.items()
    }


def _playlists() -> dict[str, str]:
    return {
        "list.m3u8": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.3,\nother.ts\n#EXT-X-ENDLIST\n",
        "list.ffconcat": "ffconcat version 1.0\nfile other.ts\nduration 0.3\nfile other.ts\n",
        "list.mpd": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"'
        ' mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011">\n'
        '<Period><AdaptationSet mimeType="video/mp4">\n<Representation id="1" bandwidth="1000"><BaseURL>other.mp4</BaseURL>'
        "</Representation>\n</AdaptationSet></Period></MPD>\n",
        "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
        "a=rtpmap:96 H264/90000\n",
        "list.asx": '<asx version="3.0"><entry><ref href="other.ts"/></entry></asx>\n',
        "list.txt": "file 'other.ts'\nfile 'other.ts'\n",
        "list.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48"><image href="other.png"/></svg>\n',
    }


def with_changed_packets(video: bytes, folder: Path, name: str, change: Callable[[bytes], bytes | None], kind: str) -> bytes:
    """The video, remuxed, with each packet of its streams of a kind as `change` gives it; None leaves it out."""
    source, target = folder / f"in-{name}", folder / f"out-{name}"
    source.write_bytes(video)
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        kinds = ("video", "audio", "subtitle")
        streams = {stream.index: written.add_stream_from_template(stream) for stream in read.streams if stream.type in kinds}
        for font in read.streams.attachments:
            written.add_attachment(font.name or "", font.mimetype or "", font.data)
        for packet in read.demux():
            if packet.dts is None or packet.stream.index not in streams:
                continue
            if packet.stream.type == kind:
                data = change(bytes(packet))
                if data is None:
                    continue
                new = av.Packet(data)
                new.pts, new.dts, new.time_base, new.duration = packet.pts, packet.dts, packet.time_base, packet.duration
            else:
                new = packet
            new.stream = streams[packet.stream_index]
            written.mux(new)
    data = target.read_bytes()
    source.unlink()
    target.unlink()
    return data
