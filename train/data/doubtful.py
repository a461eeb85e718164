"""Sets whose truths look wrong all together: white where nobody is, or black."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from train.data.library import Picture, parts_of, pictures

LOOKED_AT = 12  # pictures of a set, evenly spaced: an error of this kind is in all of them
CORNER = 20  # of the shorter side, the part that a corner is
WHITE = 200  # of 255, a corner's mean


def _inverted(truth: Picture) -> bool:
    """Whether both upper corners are white, where people hardly ever are: in 4 of 5,322 truths."""
    size = max(1, min(truth.shape) // CORNER)
    return bool(truth[:size, :size].mean() > WHITE and truth[:size, -size:].mean() > WHITE)


def _some(folder: Path) -> list[Picture]:
    """Truths of a set, those that can be read: who draws the others says which it is."""
    paths = pictures(folder)
    found = (cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths[:: len(paths) // LOOKED_AT + 1])
    return [np.asarray(truth, np.uint8) for truth in found if truth is not None]


def doubtful(data: Path) -> Iterator[str]:
    """A line for each set of a data folder whose masks or alphas seem to be inverted, or to have nobody in them."""
    for part in parts_of(data):
        for folder in sorted((*part.glob("coarse/*/masks/"), *part.glob("fine/*/alphas/"))):
            truths = _some(folder)
            if truths and not any(truth.any() for truth in truths):
                yield f"{folder}: is black; a person is 255, and pictures of nobody belong into backgrounds/"
            elif sum(map(_inverted, truths)) > len(truths) / 2:
                yield f"{folder}: is white in the upper corners, where people hardly ever are; a person is 255, and all else 0"
