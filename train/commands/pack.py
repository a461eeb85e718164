"""`shm-train pack`: make a data folder small enough to move to another machine."""

import re
from pathlib import Path
from typing import Annotated

import typer

from engines.commands.running import UsageError, needs_extra
from train.commands.options import DataArgument
from train.commands.reports import say_what_is_left_out

UNITS = {"KB": 1e3, "MB": 1e6, "GB": 1e9}


def parse_bytes(text: str) -> int:
    """The bytes of "45MB", "45" (megabytes) or "1.5GB". Raises ValueError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(KB|MB|GB)?", text.strip().upper())
    if match is None or float(match[1]) <= 0:
        raise ValueError(f"{text}: give a size such as 45MB")
    return round(float(match[1]) * UNITS[match[2] or "MB"])


def pack(
    data: DataArgument,
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="New folder for the parts 1, 2, ...; `--data` takes it as it takes DATA.")
    ],
    part: Annotated[str, typer.Option(metavar="SIZE", help="Size of a part, at most: 45MB, 1.5GB.")] = "1GB",
) -> None:
    """Pack training data: pictures no larger than training can use, as WebP, foregrounds estimated, in parts.

    Each part is a data folder of its own, and a fair sample of all sets.

    \b
    Example:
      shm-train pack data packed --part 45MB
    """
    try:
        part_bytes = parse_bytes(part)
    except ValueError as error:
        raise UsageError(f"--part {error}") from error
    if not data.is_dir():
        raise UsageError(f"{data}: no such folder; check the name")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: exists already; name a new folder")
    with needs_extra("train"):
        from rich.console import Console
        from rich.progress import track

        from train.data.library import open_library, unlabelled
        from train.data.pack import packed, write_parts

        say_what_is_left_out(data)
        library, photos = open_library(data), unlabelled(data)
        console = Console(stderr=True)
        count = len(library.subjects) + len(library.backgrounds) + len(photos)
        units = track(packed(library, photos), "packing", total=count, console=console, disable=not console.is_terminal)
        parts = write_parts(units, out, part_bytes)
    for each in parts:
        print(f"{each.path}: {each.pictures} pictures, {each.bytes / 1e6:.1f} MB")
