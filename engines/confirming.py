"""People whom one model sees, confirmed by another: a region of the mask that the other sees nothing of is no person.

The large model now and then takes a corner of a room, or a chair, for somebody. The base model errs elsewhere.
`backends/gpu/confirming.py` does the same on a GPU.
"""

import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from engines.engine import Mask
from engines.geometry import BASE
from engines.weights import FOLDER, models

log = logging.getLogger("engines")

CONFIRMING = "mpn-confirming"  # the name of the base model's MPN beside the large model's networks
SEEN = 0.02  # of a mask: a region is what has more, and hangs together
CONFIRMED = 0.15  # the mean of the other mask over a region, below which the region goes


def can_be_confirmed(model: str, folder: Path = FOLDER) -> bool:
    """Whether there is another model, the base one, to confirm what this one sees: a folder of weights may have one alone."""
    if model == BASE:
        return False
    there = BASE in models(folder)
    if not there:
        log.info("%s has no %s model to confirm what the %s one sees", folder, BASE, model)
    return there


def keep_confirmed(mask: Mask, other: Callable[[], Mask]) -> None:
    """Clear, in a mask, float32 (h, w) in [0, 1], the regions of which another one has next to nothing.

    `other`: makes that mask, of the same field of view and any size. It is not asked where nobody is seen.
    """
    count, regions, boxes, _ = cv2.connectedComponentsWithStats((mask > SEEN).astype(np.uint8), connectivity=8)
    if count == 1:
        return
    there = cv2.resize(other(), mask.shape[::-1], interpolation=cv2.INTER_LINEAR)
    for number in range(1, count):
        left, top, width, height = boxes[number, :4]
        box = np.s_[top : top + height, left : left + width]
        region = regions[box] == number
        if there[box][region].mean() < CONFIRMED:
            mask[box][region] = 0
