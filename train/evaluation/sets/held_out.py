"""Photos that are held out from training, as a test set: people in their own surroundings, which no composite shows.

OUT/images/SET-STEM.*, OUT/masks/SET-STEM.png    a photo of coarse/SET, as it is, and its mask
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from engines.errors import DataError
from train.data.library import Subject, open_library, read_truth
from train.evaluation.pictures import write_picture
from train.evaluation.scores import new_set

WHOLE = 1 << 30  # pixels: longer than any picture, so that none is shrunk


def held_out_photos(data: Path, share: float) -> list[Subject]:
    """The photos with masks that are held out, but for those whose mask is partly unknown. Raises DataError if none is."""
    photos = [each for each in open_library(data, share).validation if not each.fine and each.unknown is None]
    if not photos:
        raise DataError(f"{data}: no photo of coarse/ is held out; it has too few, or give a larger share")
    return photos


def make_test_set(photos: Sequence[Subject], out: Path, advance: Callable[[], object]) -> None:
    """Write photos and their masks into a new folder, which appears when it is complete.

    Raises DataError if the folder exists, or if a picture cannot be read or written.
    """
    with new_set(out, "masks") as part:
        for photo in photos:
            stem = f"{photo.set}-{photo.image.stem}"
            shutil.copyfile(photo.image, part / f"images/{stem}{photo.image.suffix}")
            write_picture(part / f"masks/{stem}.png", read_truth(photo, WHOLE))
            advance()
