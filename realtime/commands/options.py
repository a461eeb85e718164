"""The options that several commands of realtime share, each with one name and help text."""

from typing import Annotated

import typer

from realtime.choices import MAX_PIXELS, MAX_SMOOTH, Fit, Keep

BACKGROUND_HELP = (
    "Put this behind: a picture, a video, a colour (a name or #rrggbb), blur, blur:2 (stronger), checkerboard, or none, which "
    "leaves the old one."
)

FitOption = Annotated[Fit, typer.Option(help="How a picture or video behind is brought to the size of a frame.")]
KeepOption = Annotated[Keep, typer.Option(help="Who stays: all, or only the largest connected person, followed over time.")]
KeepPointOption = Annotated[
    str,
    typer.Option(
        "--keep",
        metavar="all|largest|X,Y",
        help="Who stays: all, the largest person, or the one at a point, in pixels or per cent (50%,40%).",
    ),
]
KeepAtOption = Annotated[
    str,
    typer.Option(
        "--keep",
        metavar="all|largest|X,Y[@TIME]",
        help="Who stays: all, the largest person, or the one at a point (in pixels or per cent: 50%,40%) of the first frame, "
        "or of that at a time of IN (50%,40%@1:30), followed both ways.",
    ),
]
MaskOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FRAME.png@TIME",
        help="A mask of the frame at a time of IN, white = person: the networks refine it there, and in neighbouring frames; "
        "that person is kept. Give it again for more frames.",
    ),
]
LightWrapOption = Annotated[
    float, typer.Option(min=0, max=1, help="Let the background's light reach over the edges: 0 (off) to 1.")
]
MEGAPIXEL = 1_000_000
MaxMegapixelsOption = Annotated[
    int, typer.Option("--max-megapixels", min=1, help="Refuse larger pictures and videos before they are decoded.")
]
MAX_MEGAPIXELS = MAX_PIXELS // MEGAPIXEL
SmoothOption = Annotated[
    float,
    typer.Option(
        min=0,
        max=MAX_SMOOTH,
        help=f"Smooth the matte over time: the share kept of the last one where the picture agrees, 0 (off) to {MAX_SMOOTH}.",
    ),
]
