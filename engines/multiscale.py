"""A frame matted in overlapping parts: all networks see more pixels of each than they do of the frame at once.

In a part MPN sees edges more finely, and less of what they belong to. So where its mask and that of the frame say the same but
for edges the part's is taken, and where they differ by whole regions that of the frame. MRN takes that mask and the picture.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.engine import Engine, Frame, Mask
from engines.geometry import SMALLEST

SHARES = ((0.0, 0.6), (0.4, 1.0))  # of the frame's sides: where the parts begin and end, two each way
BLUR = 6.0  # pixels of the mask: standard deviation, by which edges vanish and regions stay
DIFFERENCE = 0.2  # of the blurred masks, at which the weight of a part falls to 1/e


def has_parts(frame: Frame) -> bool:
    """Whether a frame has enough pixels to be seen in parts."""
    return bool(round(SHARES[0][1] * min(frame.shape[:2])) >= SMALLEST)


def fine_mask(frame: Frame, engine: Engine) -> Mask:
    """The mask, float32 (h, w) in [0, 1], of a frame that is seen as a whole and in four overlapping parts.

    It has as many pixels in a part as a mask of MPN's has of a frame.
    """
    coarse = engine.coarse(frame)
    if not has_parts(frame):
        return coarse
    nearer = SHARES[0][1]
    height, width = (round(side / nearer) for side in coarse.shape)
    whole: Mask = np.asarray(cv2.resize(coarse, (width, height)), np.float32)
    strips = []
    for rows in SHARES:
        strip = []
        for columns in SHARES:
            near = _part(frame, rows, columns)
            part = engine.coarse(np.asarray(cv2.resize(near, frame.shape[1::-1]), np.uint8) if engine.one_size else near)
            strip.append(cv2.resize(part, _part(whole, rows, columns).shape[::-1], interpolation=cv2.INTER_AREA))
        strips.append(_joined(strip, _starts(width), axis=1))
    parts = _joined(strips, _starts(height), axis=0)
    blur = BLUR / nearer
    difference = cv2.subtract(cv2.GaussianBlur(whole, (0, 0), blur), cv2.GaussianBlur(parts, (0, 0), blur))
    return np.asarray(whole + np.exp(-((difference / DIFFERENCE) ** 2)) * (parts - whole), np.float32)


def matte_in_parts(frame: Frame, mask: Mask, engine: Engine) -> tuple[Mask, Frame]:
    """Alpha and foreground of a frame that has parts, by QUN and MRN on each of them with its part of a mask (h, w)."""
    tops, lefts = (_starts(side) for side in frame.shape[:2])
    alphas, foregrounds = [], []
    for rows in SHARES:
        near = [engine(_part(frame, rows, columns), _part(mask, rows, columns)) for columns in SHARES]
        alphas.append(_joined([each.alpha for each in near], lefts, axis=1))
        foregrounds.append(_joined([each.foreground for each in near], lefts, axis=1))
    return _joined(alphas, tops, axis=0), _joined(foregrounds, tops, axis=0)


def _part(picture: NDArray[Any], rows: tuple[float, float], columns: tuple[float, float]) -> NDArray[Any]:
    return np.ascontiguousarray(picture[pixels(rows, picture.shape[0]), pixels(columns, picture.shape[1])])


def _starts(side: int) -> list[int]:
    """Where the parts begin along a side, in pixels."""
    return [pixels(share, side).start for share in SHARES]


def _joined(pieces: list[NDArray[Any]], starts: list[int], axis: int) -> NDArray[Any]:
    """Pieces along an axis, in order, and where they start. Where two overlap they fade into each other."""
    whole, *others = pieces
    for piece, start in zip(others, starts[1:], strict=True):
        kept, old = np.split(whole, [start], axis)
        new, beyond = np.split(piece, [old.shape[axis]], axis)
        shape = [1] * piece.ndim
        shape[axis] = old.shape[axis]
        weight = ((np.arange(old.shape[axis], dtype=np.float32) + 0.5) / old.shape[axis]).reshape(shape)
        faded = old + weight * (new.astype(np.float32) - old)
        faded = np.rint(faded) if piece.dtype == np.uint8 else faded
        whole = np.concatenate([kept, faded.astype(piece.dtype), beyond], axis)
    return whole


def pixels(share: tuple[float, float], side: int) -> slice:
    """A share of a side, in pixels."""
    return slice(round(share[0] * side), round(share[1] * side))
