"""Backgrounds out of photos of people: the largest upright part of each that has nobody in it.

Networks learn the backgrounds they are shown by heart sooner than the people, and photos of people have more of them than there
are pictures with nobody in them, such as people stand before.
"""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from train.library import Picture, Subject, read_subject
from train.props import Window

SIDE = 192  # pixels, of the copy of a photo on which its empty part is looked for
MARGIN = 7  # pixels there, round a person: masks may be a few pixels off
LEAST = 0.2  # of a photo's height and of its width: a smaller part shows too little


def largest_empty(taken: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of the largest rectangle (in pixels) of `taken` (h, w) that has no True in it; all 0 if there is none."""
    best, found = 0, (0, 0, 0, 0)
    heights = np.zeros(taken.shape[1] + 1, int)  # of the empty columns that end in this row; the last ends the row
    for y, row in enumerate(taken, 1):
        heights[:-1] = np.where(row, 0, heights[:-1] + 1)
        open_columns: list[tuple[int, int]] = []  # where rectangles that may still grow began, and how high they are
        for x, height in enumerate(heights.tolist()):
            start = x
            while open_columns and open_columns[-1][1] >= height:
                start, high = open_columns.pop()
                if high * (x - start) > best:
                    best, found = high * (x - start), (start, y - high, x, y)
            open_columns.append((start, height))
    return found


@cache
def surroundings(subject: Subject) -> Window | None:
    """The part of a photo that can be a background by itself, in unit coordinates; None if what is empty is too small."""
    alpha: Picture = np.ascontiguousarray(read_subject(subject, SIDE)[..., 3])
    taken = cv2.dilate(alpha, np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)) > 8
    h, w = taken.shape
    x0, y0, x1, y1 = largest_empty(taken)
    wide, high = (x1 - x0) / w, (y1 - y0) / h
    return (x0 / w, y0 / h, x1 / w, y1 / h) if min(wide, high) >= LEAST else None
