"""Where the people in a picture are, to crop it to them."""

import cv2
import numpy as np

from engines.engine import Mask
from realtime.compositing.people import MIN_SHARE
from realtime.compositing.subjects import COLUMNS, PERSON

Box = tuple[slice, slice]  # rows and columns

TRACE = 0.01  # alpha, averaged over a small pixel, from which that counts as hair or a soft edge, if it touches a person


def people_box(alpha: Mask, margin: float = 0.0) -> Box | None:
    """The smallest box around all people of a matte, (H, W), with their soft edges; None if there is nobody.

    Specks that are too small for people do not count. The box grows by `margin`, a part of its longer side, on each side, as
    far as the picture goes.
    """
    height, width = alpha.shape
    block = max(1, round(max(height, width) / COLUMNS))
    size = (-(-width // block), -(-height // block))
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    count, regions = cv2.connectedComponents((small > TRACE).astype(np.uint8), connectivity=8)
    people = np.bincount(regions[small > PERSON], minlength=count) >= max(1.0, MIN_SHARE * small.size)
    people[0] = False
    left, top, wide, high = cv2.boundingRect(people[regions].astype(np.uint8))
    if not wide:
        return None
    # The box of small pixels, one more on each side, holds that of the large ones, which is exact.
    rows = slice(max(0, (top - 1) * height // size[1]), (top + high + 1) * height // size[1] + 1)
    columns = slice(max(0, (left - 1) * width // size[0]), (left + wide + 1) * width // size[0] + 1)
    inner_left, inner_top, wide, high = cv2.boundingRect(cv2.convertScaleAbs(alpha[rows, columns], alpha=255))
    left, top, more = inner_left + columns.start, inner_top + rows.start, round(margin * max(wide, high))
    return (
        slice(max(0, top - more), min(height, top + high + more)),
        slice(max(0, left - more), min(width, left + wide + more)),
    )
