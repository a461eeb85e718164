"""The options of which part of which videos is edited, and how that is reported."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from engines.commands.options import size_option
from engines.commands.running import UsageError
from realtime.commands.checks import blaming

if TYPE_CHECKING:
    from engines.geometry import Size
    from realtime.inputs.timestamps import Excerpt
    from realtime.jobs.shards import Shard

StartOption = Annotated[
    str | None, typer.Option(metavar="TIME", help="Begin at this time of IN: seconds or hours:minutes:seconds.")
]
EndOption = Annotated[str | None, typer.Option(metavar="TIME", help="End before this time of IN.")]
FramesOption = Annotated[int | None, typer.Option(min=1, help="Edit so many frames at most.")]
VideoSizeOption = Annotated[
    str | None,
    typer.Option("--size", metavar="SIZE", help="Of OUT: its height, such as 720, or its width and height, 1280x720."),
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


def shard_option(text: str | None) -> "Shard | None":
    """The shard that an option names, by the variables of this process. Raises UsageError if there is none such."""
    from realtime.jobs.shards import parse_shard

    with blaming("--shard", text or ""):
        return None if text is None else parse_shard(text, os.environ)


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

    if not SMALLEST <= int(text) < 100_000:
        raise UsageError(f"--size {text}: give a height of at least {SMALLEST}, or WIDTHxHEIGHT")
    return int(text)
