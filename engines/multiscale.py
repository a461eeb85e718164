"""A mask finer than MPN makes of a frame at once: parts of the frame are seen from nearer, and count where they agree with it.

In a part MPN sees edges more finely, and less of what they belong to. So where the two masks say the same but for edges the
part's is taken, and where they differ by whole regions that of the frame.
"""

from itertools import product

import cv2
import numpy as np

from engines.engine import Engine, Frame, Mask
from engines.geometry import SMALLEST

SHARES = ((0.0, 0.6), (0.4, 1.0))  # of the frame's sides: where the parts begin and end, two each way
BLUR = 6.0  # pixels of the mask: standard deviation, by which edges vanish and regions stay
DIFFERENCE = 0.2  # of the blurred masks, at which the weight of a part falls to 1/e


def fine_mask(frame: Frame, engine: Engine) -> Mask:
    """The mask, float32 (h, w) in [0, 1], of a frame that is seen as a whole and in four overlapping parts."""
    whole = engine.coarse(frame)
    if round(SHARES[0][1] * min(frame.shape[:2])) < SMALLEST:
        return whole
    parts, weights = np.zeros_like(whole), np.zeros_like(whole)
    for rows, columns in product(SHARES, SHARES):
        near = np.ascontiguousarray(frame[pixels(rows, frame.shape[0]), pixels(columns, frame.shape[1])])
        part = engine.coarse(np.asarray(cv2.resize(near, frame.shape[1::-1]), np.uint8) if engine.one_size else near)
        place = pixels(rows, whole.shape[0]), pixels(columns, whole.shape[1])
        height, width = parts[place].shape
        weight = np.outer(ramp(rows, height), ramp(columns, width))
        parts[place] += weight * cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
        weights[place] += weight
    parts /= weights
    difference = cv2.subtract(cv2.GaussianBlur(whole, (0, 0), BLUR), cv2.GaussianBlur(parts, (0, 0), BLUR))
    return np.asarray(whole + np.exp(-((difference / DIFFERENCE) ** 2)) * (parts - whole), np.float32)


def pixels(share: tuple[float, float], side: int) -> slice:
    """A share of a side, in pixels."""
    return slice(round(share[0] * side), round(share[1] * side))


def ramp(share: tuple[float, float], side: int) -> Mask:
    """Weights along a part's side: 1, and falling towards its neighbour where the two overlap."""
    (_, end), (begin, _) = SHARES
    overlap = (end - begin) / end * side
    rising = np.minimum(1, (np.arange(side) + 0.5) / overlap)
    return np.asarray(rising if share[0] else rising[::-1], np.float32)
