"""`shm-eval close-ups`: make a set of close-ups out of a set."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from engines.commands.running import needs_extra
from train.commands.models import open_sets
from train.commands.reports import progress_bar


def close_ups(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the new set.")],
    people: Annotated[Path, typer.Option(help="A set with images/ and alphas/ or masks/.")],
) -> None:
    """Cut out of a set's pictures the parts in which somebody's head fills half of the frame, as a webcam sees people.

    \b
    Examples:
      shm-eval close-ups webcam --people eval/composites
      shm-eval webcam --json webcam.json
    """
    with needs_extra("train"):
        from train.evaluation.sets.close_ups import make_close_ups

        [test_set] = open_sets([people])
        with progress_bar(out.name, len(test_set.items)) as advance:
            made = make_close_ups(test_set, out, advance)
    print(f"{made} close-ups of {len(test_set.items)} pictures in {out}", file=sys.stderr)
