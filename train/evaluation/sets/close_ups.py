"""Close-ups: the parts of a test set's pictures in which somebody's head fills half of the frame, as a webcam sees people.

    OUT/images/STEM.png, OUT/alphas/STEM.png    a window of the picture, and the same one of its truth

A head lies at the top of its person, and is as high as `head_height` has it. People of whom no such window
fits into the picture, or only one of few pixels, are left out. The same set gives the same close-ups.
"""

import random
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from engines import Mask
from engines.errors import DataError
from train.data.measures import head_height
from train.evaluation.pictures import to_8_bit, write_picture
from train.evaluation.scores import TestSet, new_set, read_item

ASPECT = 4 / 3
LEAST = 160  # rows of a window
SHARES = (0.4, 0.65)  # of the frame's height that the head takes

Window = tuple[int, int, int, int]  # top, bottom, left, right


def window_of(alpha: Mask, share: float) -> Window | None:
    """The window round the head of the largest person, of which the head takes a share of the height; None if there is none."""
    height, width = alpha.shape
    _, labels, boxes, _ = cv2.connectedComponentsWithStats((alpha > 0.5).astype(np.uint8))
    if len(boxes) < 2:
        return None
    largest = 1 + int(np.argmax(boxes[1:, cv2.CC_STAT_AREA]))
    _, top, wide, high, _ = (int(number) for number in boxes[largest])
    head = head_height(wide, high)
    rows = round(head / share)
    columns = round(rows * ASPECT)
    if rows < LEAST or rows > height or columns > width:
        return None
    middle = float(np.nonzero(labels[top : top + max(round(head), 1)] == largest)[1].mean())
    first = min(max(round(top - 0.3 * (rows - head)), 0), height - rows)
    left = min(max(round(middle - columns / 2), 0), width - columns)
    return first, first + rows, left, left + columns


def make_close_ups(test_set: TestSet, out: Path, advance: Callable[[], object]) -> int:
    """Write the close-ups of a set into a new folder, which appears when it is complete; their number.

    Raises DataError if the folder exists, if it cannot be written, or if the set has none.
    """
    made = 0
    with new_set(out) as part:
        for item in test_set.items:
            frame, alpha = read_item(item)
            if window := window_of(alpha, random.Random(item.stem).uniform(*SHARES)):
                top, bottom, left, right = window
                write_picture(part / f"images/{item.stem}.png", frame[top:bottom, left:right])
                write_picture(part / f"alphas/{item.stem}.png", to_8_bit(alpha[top:bottom, left:right]))
                made += 1
            advance()
        if not made:
            raise DataError(
                f"{test_set.name}: has no close-ups: heads too small, or too large for their pictures; take another set"
            )
    return made
