"""The options of how a video is encoded. What they offer is made from the table of formats."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engines.commands.running import UsageError
from realtime.choices import PRESET, Fit, Hdr, OutputKind, Preset
from realtime.commands.checks import blaming, refuse_without_background
from realtime.outputs.formats import CODECS, LEAST_BITRATE, MOST_BITRATE, able, codec_for, summary

if TYPE_CHECKING:
    from realtime.jobs.settings import VideoSettings

    CodecChoice = str
else:  # the choices that --help shows and typer checks
    CodecChoice = Literal[tuple(CODECS)]

OUT_HELP = f"The video to write: {summary('composite')}; with alpha {summary('cutout')}; - for Matroska to standard output."
QUALITIES = ", ".join(f"{codec.name} {codec.crf}" for codec in CODECS.values() if codec.crf is not None)

OutputKindOption = Annotated[
    OutputKind, typer.Option(help="What OUT shows. A cutout has alpha; it and the foreground show the person's own colours.")
]
PremultipliedOption = Annotated[
    bool,
    typer.Option("--premultiplied", help="Multiply the colours of a cutout by alpha. Without, they are straight, but in EXR."),
]
AlphaOutOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the mattes as well, in grey: to a file of any kind that OUT can be.")
]
CodecOption = Annotated[CodecChoice | None, typer.Option(help="By default the one named beside the suffix of OUT above.")]
CrfOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=max(codec.max_crf for codec in CODECS.values()),
        help=f"Quality of OUT, 0 is the best; by default {QUALITIES}.",
    ),
]
BitrateOption = Annotated[
    str | None,
    typer.Option(metavar="BITS/S", help="Average bit rate of OUT, such as 8M or 800k, in place of --crf."),
]
HdrOption = Annotated[
    Hdr,
    typer.Option(help="High dynamic range (PQ, HLG): as standard range, or kept, by hevc, prores, av1 and exr."),
]
NvencOption = Annotated[
    bool, typer.Option("--nvenc", help="Encode h264, hevc or av1 on an NVIDIA GPU; where it does not open, in software.")
]
PresetOption = Annotated[Preset, typer.Option(help="A slower one makes a smaller file of the same quality.")]


def bitrate_option(text: str | None) -> int | None:
    """Parse a number of bits per second with k or M behind it. Raises UsageError."""
    if text is None:
        return None
    parts = re.fullmatch(r"(\d+(?:\.\d+)?)([kM]?)", text)
    bits = round(float(parts[1]) * {"": 1, "k": 1_000, "M": 1_000_000}[parts[2]]) if parts else 0
    if not LEAST_BITRATE <= bits <= MOST_BITRATE:
        raise UsageError(f"--bitrate {text}: give bits per second, such as 8M or 800k")
    return bits


def check_encoding(target: Path, settings: "VideoSettings") -> None:
    """Raise UsageError for an option that the format of a file does not take; MediaError as `codec_for` does."""
    codec = codec_for(target, settings.output_kind, settings.codec)
    with blaming("--bitrate" if settings.bitrate is not None else f"--crf {settings.crf}"):
        codec.check_rate(settings.crf, settings.bitrate)
    if settings.hdr == "keep" and not codec.keeps_high_range:
        names = ", ".join(each.name for each in able(settings.output_kind).values() if each.keeps_high_range)
        raise UsageError(f"--hdr keep: {target} would be {codec.title}, which does not keep it; take --codec {names}")
    if settings.hdr == "keep" and settings.nvenc:
        raise UsageError("--hdr keep: --nvenc encodes in 8 bits; leave one of them out")
    if settings.nvenc and codec.nvenc is None:
        names = ", ".join(each.name for each in CODECS.values() if each.nvenc is not None)
        raise UsageError(f"--nvenc: does not encode {codec.name}; take {names}")


def check_preset(target: Path, settings: "VideoSettings") -> None:
    """Raise UsageError for a preset of a file whose encoder has none; the default passes. MediaError as `codec_for` does."""
    if settings.preset == PRESET:
        return
    codec = codec_for(target, settings.output_kind, settings.codec)
    if not codec.presets:
        raise UsageError(f"--preset {settings.preset}: {codec.title} takes no preset; leave it out")


def check_output_kind(kind: OutputKind, *, bg: str | None, fit: Fit, light_wrap: float, premultiplied: bool, hdr: Hdr) -> None:
    """Raise UsageError for an option that what OUT shows has no use for."""
    if kind == "composite" and bg is None:
        refuse_without_background(fit=fit)  # the green screen takes the light wrap
    if kind != "composite":
        options = {"--bg": bg is not None, "--fit": fit != "cover", "--light-wrap": light_wrap}
        for option in [name for name, given in options.items() if given]:
            raise UsageError(f"{option}: there is no background in --output-kind {kind}; leave it out")
    if premultiplied and kind != "cutout":
        raise UsageError("--premultiplied: only --output-kind cutout has alpha; leave it out")
    if kind == "alpha" and hdr == "keep":
        raise UsageError("--hdr keep: there are no colours in --output-kind alpha; leave it out")
