"""The options of which part of which videos is edited, and how that is reported."""

import os
import re
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Annotated

import typer

from engines.commands.options import size_option
from engines.commands.running import UsageError
from realtime.choices import LONGEST_SIDE
from realtime.commands.checks import blaming

if TYPE_CHECKING:
    from engines.geometry import Size
    from realtime.inputs.timestamps import Excerpt
    from realtime.jobs.shards import Shard

TELEVISION = (12, 15, 24, 30, 48, 60, 96, 120, 240)  # frames/s of which there are rates of 1000/1001: 24000/1001 is 23.976
NEAR = Fraction(1, 200)  # frames/s by which decimals, 23.98, may be off such a rate

StartOption = Annotated[
    str | None, typer.Option(metavar="TIME", help="Begin at this time of IN: seconds or hours:minutes:seconds.")
]
EndOption = Annotated[str | None, typer.Option(metavar="TIME", help="End before this time of IN.")]
FramesOption = Annotated[int | None, typer.Option(min=1, help="Edit so many frames at most.")]
VideoSizeOption = Annotated[
    str | None,
    typer.Option("--size", metavar="SIZE", help="Of OUT: its height, such as 720, or its width and height, 1280x720."),
]
RateOption = Annotated[
    str | None,
    typer.Option(metavar="N", help="Pictures a second of a sequence, such as 24 or 23.976; by default 25."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Check all files, say what would be done, and write nothing.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Report frames, times and the speed of each stage as JSON on standard output.")
]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Keep what is done beside OUT, and after an interruption go on from there.")
]
ShardOption = Annotated[
    str | None,
    typer.Option(metavar="I/N", help="Do part I of N, such as 3/16; auto: as the array of Slurm or AWS Batch says."),
]

RayOption = Annotated[
    str | None,
    typer.Option(
        metavar="auto|ADDRESS",
        help="Spread the work over a Ray cluster: auto (the one of this machine or of RAY_ADDRESS, else a new one here), "
        "HOST:PORT or ray://HOST:PORT.",
    ),
]


def shard_option(text: str | None) -> "Shard | None":
    """The shard that an option names, by the variables of this process. Raises UsageError if there is none such."""
    from realtime.jobs.shards import parse_shard

    with blaming("--shard", text or ""):
        return None if text is None else parse_shard(text, os.environ)


def rate_option(text: str | None) -> "Fraction | None":
    """Parse a number of pictures a second, 24, 23.976 or 24000/1001. Raises UsageError.

    Of television's rates the decimals stand for the exact ratio.
    """
    from realtime.inputs.media.numbered import MOST_RATE

    if text is None:
        return None
    match = re.fullmatch(r"\d{1,6}(?:\.\d{1,6})?|\d{1,7}/\d{1,7}", text, re.ASCII)
    try:
        rate = Fraction(text if match else 0)
    except ZeroDivisionError:
        rate = Fraction(0)
    if not 0 < rate <= MOST_RATE:
        raise UsageError(f"--rate {text}: give pictures a second, up to {MOST_RATE}, such as 24, 23.976 or 24000/1001")
    exact = Fraction(1000 * ceil(rate), 1001)
    return exact if "." in text and ceil(rate) in TELEVISION and abs(rate - exact) < NEAR else rate


def excerpt_option(start: str | None, end: str | None, frames: int | None) -> "Excerpt":
    """The part of a video that three options name. Raises UsageError if they make no sense."""
    from realtime.inputs.timestamps import Excerpt, parse_time

    with blaming("--start", start or ""):
        first = None if start is None else parse_time(start)
    with blaming("--end", end or ""):
        return Excerpt(first, None if end is None else parse_time(end), frames)


def video_size_option(text: str | None) -> "Size | int | None":
    """A height, or a size. Raises UsageError for anything else."""
    if text is None or not text.isdecimal():
        return None if text is None else size_option(text)
    from engines.geometry import SMALLEST

    if not SMALLEST <= int(text) <= LONGEST_SIDE:
        raise UsageError(f"--size {text}: give a height of at least {SMALLEST} and at most {LONGEST_SIDE}, or WIDTHxHEIGHT")
    return int(text)
