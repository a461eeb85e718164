"""What a matte goes through after the engine, and the options that ask for it, the same for every command."""

from collections.abc import Callable
from typing import Annotated

import typer

from realtime.compositing.subjects import Keep, Largest
from realtime.compositing.temporal import MOST, Steady
from realtime.packet import Packet

Filter = Callable[[Packet], object]

Smooth = Annotated[
    float, typer.Option(help=f"Steady the matte: the share of the last one kept where the picture agrees, 0 (off) to {MOST}.")
]
Kept = Annotated[Keep, typer.Option(help="Who stays: all, or only the largest connected person, followed over time.")]
LightWrap = Annotated[float, typer.Option(help="Let the background's light reach over the edges: 0 (off) to 1.")]


def filters_of_stream(keep: Keep, smooth: float) -> list[Filter]:
    """The filters of one stream, in order; each call makes a memory of its own. Raises MediaError for `smooth` out of range."""
    filters: list[Filter] = [Largest()] if keep == "largest" else []
    steady = Steady(smooth)
    return [*filters, steady] if smooth else filters
