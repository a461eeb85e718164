"""`shm-eval held-out`: make a set of the photos that are held out from training."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from engines.commands.running import needs_extra
from train.commands.options import Data
from train.commands.reports import progress_bar


def held_out(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the new set.")],
    data: Data,
    share: Annotated[
        float, typer.Option(min=0.001, max=1, help="The share of each set of people, as a recipe's `validation` holds it out.")
    ] = 0.03,
) -> None:
    """Copy the photos with masks that are held out from training: people in their own surroundings, in every set of coarse/.

    Photos whose masks are partly unknown are left out: take the data as it was before its masks were drawn anew.

    \b
    Examples:
      shm-eval held-out scenes --data data
      shm-eval scenes --adapters adapters --peer rvm
    """
    with needs_extra("train"):
        from train.evaluation.sets.held_out import held_out_photos, make_test_set

        photos = held_out_photos(data, share)
        with progress_bar(out.name, len(photos)) as advance:
            make_test_set(photos, out, advance)
    print(f"{len(photos)} photos of {len({photo.set for photo in photos})} sets in {out}", file=sys.stderr)
