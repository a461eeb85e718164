"""The options of how a video is encoded. What they offer is made from the table of formats."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engines.commands.running import UsageError
from realtime.choices import OutputKind, Preset
from realtime.outputs.formats import CODECS, summary

if TYPE_CHECKING:
    CodecChoice = str
else:  # the choices that --help shows and typer checks
    CodecChoice = Literal[tuple(CODECS)]

OUT_HELP = f"The video to write: {summary('composite')}; with alpha {summary('cutout')}."
QUALITIES = ", ".join(f"{codec.name} {codec.crf}" for codec in CODECS.values() if codec.crf is not None)

OutputKindOption = Annotated[
    OutputKind, typer.Option(help="What OUT shows. A cutout has alpha; it and the foreground show the person's own colours.")
]
PremultipliedOption = Annotated[
    bool, typer.Option("--premultiplied", help="Multiply the colours of a cutout by its alpha. Without, alpha is straight.")
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
PresetOption = Annotated[Preset, typer.Option(help="A slower one makes a smaller file of the same quality.")]


def check_output_kind(kind: OutputKind, *, bg: str | None, light_wrap: float, premultiplied: bool) -> None:
    """Raise UsageError for an option that what OUT shows has no use for."""
    if kind != "composite":
        for option in [name for name, given in (("--bg", bg), ("--light-wrap", light_wrap)) if given]:
            raise UsageError(f"{option}: there is no background in --output-kind {kind}")
    if premultiplied and kind != "cutout":
        raise UsageError("--premultiplied: only --output-kind cutout has alpha")
