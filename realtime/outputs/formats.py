"""The formats of videos to write, in one table: `--help` and docs/video.md are made from it.

Imports nothing heavy, so that commands can list them at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import get_args

from engines.arguments import check_whole
from engines.errors import MediaError
from realtime.choices import PIPE, OutputKind, Preset, check_choice

SEQUENCES = (".png", ".exr")  # of pictures, whose names have a place for their number
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}  # FFmpeg's names
MP4, MOV, MKV, WEBM = (".mp4", ".m4v"), (".mov",), (".mkv",), (".webm",)
LEAST_BITRATE, MOST_BITRATE = 1_000, 2_000_000_000  # bits/s

Options = Mapping[str, str]

# Of FFmpeg's writers of containers, by its names of these.
FASTSTART, OWN_TIMES = {"movflags": "+faststart"}, {"avoid_negative_ts": "disabled"}
OPTIONS = {"mp4": FASTSTART, "mov": FASTSTART, "matroska": OWN_TIMES, "webm": OWN_TIMES}
# Pieces of a second, turned into an ordinary file at the end.
FRAGMENTED = {
    "movflags": "+hybrid_fragmented+delay_moov+frag_keyframe",
    "frag_duration": "1000000",  # us
    "flush_packets": "1",
}
FIFO = {**OWN_TIMES, "fifo_format": "matroska", "format_opts": "avoid_negative_ts=disabled"}
CLUSTERED = {**OWN_TIMES, "cluster_time_limit": "1000", "flush_packets": "1"}
RECOVERABLE = {"mp4": FRAGMENTED, "mov": FRAGMENTED, "matroska": CLUSTERED, "webm": CLUSTERED}


def delays_kept(name: str, unit: Fraction) -> Options:
    """The option by which MP4 and MOV say to the tick, of `unit` seconds, when their pictures begin; otherwise to the ms."""
    times = -(-1000 // unit.denominator)  # no coarser than milliseconds, which sound and chapters need
    return {"movie_timescale": str(times * unit.denominator)} if name in ("mp4", "mov") else {}


def suffix_of(path: Path) -> str:
    """The suffix that says what a file holds; of standard output that of Matroska, which needs no way back."""
    return ".mkv" if path == PIPE else path.suffix.lower()


def by_preset(name: str, *values: object) -> Mapping[str, Options]:
    """The option of an encoder for each preset, from the fastest to the slowest."""
    return {preset: {name: str(value)} for preset, value in zip(get_args(Preset), values, strict=True)}


NVENC_PRESETS = by_preset("preset", "p1", "p2", "p3", "p4", "p4", "p5", "p6", "p7", "p7")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Codec:
    """How the pictures of a video are encoded.

    name        in the table, and on the command line
    title       for people
    suffixes    of the files that can hold it
    encoder     FFmpeg's name of it; None for a sequence of pictures
    pixels      FFmpeg's pixel format of pictures
    deep        the same in 10 bits or more, or None
    cutout      the same with alpha, or None
    grey        the same of a matte alone
    crf         constant rate factor by default, or None where the codec has none
    max_crf     the worst that it takes
    with_crf    options of the encoder for a constant rate factor
    bitrate_from  pixels of the shorter side from which on the encoder takes a bit rate
    presets     options of the encoder for each preset; empty where it has none
    options     other options of the encoder, always
    with_alpha  options on top of these for pictures with alpha
    tag         of MP4 and QuickTime, where players want another than FFmpeg's
    nvenc       FFmpeg's name of NVIDIA's encoder, or None
    lossless    whether every level comes back as it was
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    encoder: str | None = None
    pixels: str
    deep: str | None = None
    cutout: str | None = None
    grey: str
    crf: int | None = None
    max_crf: int = 51
    with_crf: Options = field(default_factory=dict)
    bitrate_from: int = 1
    presets: Mapping[str, Options] = field(default_factory=dict)
    options: Options = field(default_factory=dict)
    with_alpha: Options = field(default_factory=dict)
    tag: str | None = None
    nvenc: str | None = None
    lossless: bool = False

    def pixel_format(self, kind: OutputKind, *, bit_depth: int = 8) -> str:
        """FFmpeg's pixel format for what a file shows. Raises ValueError for a cut-out if the codec has no alpha."""
        if kind == "cutout":
            if self.cutout is None:
                raise ValueError(f"{self.title} has no alpha")
            return self.cutout
        if kind == "alpha":
            return self.grey
        return self.deep if bit_depth > 8 and self.deep is not None else self.pixels

    @property
    def keeps_high_range(self) -> bool:
        """Whether its files have the bits that high dynamic range needs."""
        return self.deep is not None

    def check_high_range(self, *, nvenc: bool = False) -> None:
        """Raise ValueError unless the encoder keeps high dynamic range."""
        if nvenc or not self.keeps_high_range:
            raise ValueError(f"high dynamic range is not kept in {self.title}{' by NVENC' if nvenc else ''}")

    def check_rate(self, crf: int | None, bitrate: int | None = None, *, nvenc: bool = False) -> None:
        """Raise ValueError for a constant rate factor, a bit rate or an encoder that the codec has not, or for both rates."""
        if nvenc and self.nvenc is None:
            raise ValueError(f"NVENC does not encode {self.title}")
        if crf is not None and bitrate is not None:
            raise ValueError("a crf and a bitrate exclude each other; leave one of them out")
        if self.crf is None and (crf is not None or bitrate is not None):
            raise ValueError(f"{self.title} takes no {'crf' if bitrate is None else 'bitrate'}")
        if crf is not None and not (isinstance(crf, int) and 0 <= crf <= self.max_crf):
            raise ValueError(f"{self.title} takes a crf of 0 to {self.max_crf}")
        if bitrate is not None:
            check_whole("bitrate", bitrate, MOST_BITRATE, least=LEAST_BITRATE)

    def encoder_options(
        self, kind: OutputKind, *, crf: int | None = None, bitrate: int | None = None, preset: Preset, nvenc: bool = False
    ) -> dict[str, str]:
        """The options of the encoder for what a file shows, a quality and a speed; of a bit rate, the rest of them.

        Raises ValueError as `check_rate` does, and for an unknown preset.
        """
        self.check_rate(crf, bitrate)
        check_choice("preset", preset, Preset)
        quality = None if bitrate is not None else self.crf if crf is None else crf
        if nvenc:
            return {"rc": "vbr", **NVENC_PRESETS[preset], **({} if quality is None else {"cq": str(max(1, quality))})}
        rate = {} if quality is None else {"crf": str(quality), **self.with_crf}
        return {**self.options, **self.presets.get(preset, {}), **rate, **(self.with_alpha if kind == "cutout" else {})}


# The first that a file can hold is the one it gets, unless another is asked for.
_TABLE = (
    Codec(
        name="h264",
        title="H.264",
        encoder="libx264",
        suffixes=MP4 + MOV + MKV,
        pixels="yuv420p",
        grey="yuv420p",
        crf=18,
        presets=by_preset("preset", *get_args(Preset)),
        nvenc="h264_nvenc",
    ),
    Codec(
        name="hevc",
        title="HEVC (H.265)",
        encoder="libx265",
        suffixes=MP4 + MOV + MKV,
        pixels="yuv420p",
        deep="yuv420p10le",
        grey="yuv420p",
        crf=20,
        presets=by_preset("preset", *get_args(Preset)),
        options={"x265-params": "log-level=error"},
        tag="hvc1",  # Apple's players take no other
        nvenc="hevc_nvenc",
    ),
    Codec(
        name="prores",
        title="ProRes 422 HQ, with alpha 4444",
        encoder="prores_aw",
        suffixes=MOV,
        pixels="yuv422p10le",
        deep="yuv422p10le",
        cutout="yuva444p10le",
        grey="yuv422p10le",
        options={"vendor": "apl0", "profile": "3"},
        with_alpha={"profile": "4"},
    ),
    Codec(
        name="qtrle",
        title="QuickTime Animation",
        encoder="qtrle",
        suffixes=MOV,
        pixels="rgb24",
        cutout="argb",
        grey="rgb24",
        lossless=True,
    ),
    Codec(
        name="ffv1",
        title="FFV1",
        encoder="ffv1",
        suffixes=MKV,
        pixels="bgr0",
        cutout="bgra",
        grey="gray",
        options={"level": "3", "slicecrc": "1", "g": "1"},
        lossless=True,
    ),
    Codec(
        name="vp9",
        title="VP9",
        encoder="libvpx-vp9",
        suffixes=WEBM + MKV,
        pixels="yuv420p",
        cutout="yuva420p",
        grey="yuv420p",
        crf=24,
        max_crf=63,
        presets=by_preset("cpu-used", 8, 7, 5, 4, 3, 2, 1, 0, 0),
        options={"row-mt": "1"},
        with_crf={"b": "0"},
        with_alpha={"auto-alt-ref": "0"},  # else alpha and pictures get out of step
    ),
    Codec(
        name="av1",
        title="AV1",
        encoder="libsvtav1",
        suffixes=MP4 + MKV + WEBM,
        pixels="yuv420p",
        deep="yuv420p10le",
        grey="yuv420p",
        crf=28,
        max_crf=63,
        bitrate_from=64,
        presets=by_preset("preset", 12, 11, 10, 9, 8, 7, 5, 4, 2),
        nvenc="av1_nvenc",
    ),
    Codec(name="png", title="PNG", suffixes=(".png",), pixels="rgb24", cutout="rgba", grey="gray", lossless=True),
    Codec(
        name="exr",
        title="OpenEXR, linear light in half floats",
        suffixes=(".exr",),
        pixels="gbrpf16le",
        deep="gbrpf16le",
        cutout="gbrapf16le",
        grey="grayf16le",
    ),
)
CODECS: Mapping[str, Codec] = {codec.name: codec for codec in _TABLE}


def able(kind: OutputKind) -> Mapping[str, Codec]:
    """The codecs by name that can show something: those with alpha for a cut-out, and all for the rest."""
    return {name: codec for name, codec in CODECS.items() if kind != "cutout" or codec.cutout is not None}


def codec_for(path: Path, kind: OutputKind = "composite", name: str | None = None) -> Codec:
    """The codec of a file: the one that is asked for by its name in the table, else the first that its suffix holds.

    Raises MediaError if the suffix is unknown, or cannot hold that codec, or no alpha if `kind` is "cutout"; ValueError if the
    name is unknown.
    """
    check_choice("kind", kind, OutputKind)
    suffix = suffix_of(path)
    remedy = "name a file that ends in" if path == PIPE else "end its name in"
    fitting = able(kind)
    suffixes = list(dict.fromkeys(each for codec in fitting.values() for each in codec.suffixes))
    if name is not None and (not isinstance(name, str) or name not in CODECS):
        raise ValueError(f"unknown codec {name!r}; there are {', '.join(CODECS)}")
    if suffix not in (*CONTAINERS, *SEQUENCES):
        raise MediaError(f"{path}: unknown kind of video file '{path.suffix}'; end its name in {', '.join(suffixes)}")
    if name is not None and name not in fitting:
        raise MediaError(f"{path}: {name} has no alpha; take {' or '.join(fitting)}")
    if name is not None and suffix not in CODECS[name].suffixes:
        raise MediaError(f"{path}: {suffix} cannot hold {name}; {remedy} {', '.join(CODECS[name].suffixes)}")
    if suffix not in suffixes:
        raise MediaError(f"{path}: {suffix} holds no alpha; end its name in {', '.join(suffixes)}")
    return CODECS[name] if name is not None else next(codec for codec in fitting.values() if suffix in codec.suffixes)


def summary(kind: OutputKind) -> str:
    """Which codec the files get by default: ".mp4, .m4v, .mov, .mkv (h264), .webm (vp9)"."""
    taken: dict[str, list[str]] = {}  # suffixes by codec
    for codec in able(kind).values():
        free = [suffix for suffix in codec.suffixes if not any(suffix in suffixes for suffixes in taken.values())]
        if free:
            taken[codec.name] = free
    named = {name: [f"%05d{each}" if each in SEQUENCES else each for each in suffixes] for name, suffixes in taken.items()}
    return ", ".join(f"{', '.join(suffixes)} ({name})" for name, suffixes in named.items())
