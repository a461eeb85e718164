"""The options of several benchmarks, each told once."""

import re
from pathlib import Path
from typing import Annotated

import typer

from engines.commands.running import UsageError

SMALLEST = 32  # pixels, of a frame's side

Sizes = Annotated[list[str] | None, typer.Option("--size", metavar="WxH", help="Size of the frames; may be given again.")]
Models = Annotated[list[str] | None, typer.Option("--model", help="base or large; base unless told, may be given again.")]
Runs = Annotated[int, typer.Option(min=1, help="Frames that count, of each engine or model at each size.")]
Seconds = Annotated[float, typer.Option(min=0, help="At each size, begin no round after so many; five runs are always made.")]
TableRun = Annotated[
    Path | None,
    typer.Option("--run", metavar="RUN", help="A run of shm-train for Table 2's own rows, such as of the recipe ablation_all."),
]
WithoutCoarse = Annotated[
    Path | None, typer.Option(metavar="RUN", help="A run that saw no coarse data, such as of the recipe ablation_fine.")
]
PlotFile = Annotated[Path | None, typer.Option("--plot", metavar="PNG", help="Draw the figures into this picture.")]


def parse_size(text: str) -> tuple[int, int]:
    """(width, height) of "800x600". Raises UsageError for anything else and for sides below 32."""
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if match is None or min(int(side) for side in match.groups()) < SMALLEST:
        raise UsageError(f"--size {text}: give WIDTHxHEIGHT, each at least {SMALLEST}, such as 1280x720")
    return int(match[1]), int(match[2])


def size_name(size: tuple[int, int]) -> str:
    """ "1280x720" of (1280, 720)."""
    return f"{size[0]}x{size[1]}"
