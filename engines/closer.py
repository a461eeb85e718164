"""A closer look where people fill a small part of a frame: that part is matted as a frame of its own.

MPN sees so many pixels of a frame, however few of them are people, and the masks for the other two are smaller still. Near
to, people have as many of both as in a portrait. What is around them helps, too, to tell a hat from a lamp: where the masks of
the part and of the frame differ by whole regions, that of the frame has most of the say.
"""

import time
from math import ceil, floor
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.engine import Engine, Frame, Mask, Matte, Profiled
from engines.geometry import SMALLEST, low_resolution
from engines.multiscale import BLUR

Part = tuple[slice, slice]  # rows and columns

SEEN = 0.3  # of a mask: people, or what may belong to them
MARGIN = 0.15  # of the height and width of the people, around them: they keep what they hold, and stand somewhere
LEAST_MARGIN = 0.02  # of the frame's, beside that
STEPS = 16  # of a side, at which parts begin and end, so that a part seldom changes from frame to frame
FEWEST = 4  # of these steps
MOST = 0.65  # of a frame: a larger part is hardly nearer
BEYOND = 0.1  # of a side of a part: what covers more of it goes on behind it
FEW = 16_000  # pixels of the whole frame's mask in a part: with fewer it is too coarse to say anything
MANY = 41_000  # and with more it has its full say
SURE = 0.98  # the mean of a patch of a person: see `engines.graphs.glue`
PATCH = 9  # pixels of a mask
SAY = 0.8  # the share of what the two differ by, once edges are blurred, that the frame's mask then has


class Near(NamedTuple):
    """The matte of a frame by a part of it, None if what is there goes on beyond that part, and the time of each network."""

    matte: Matte | None
    ms: dict[str, float]


class CloserEngine(Engine):
    """An engine that looks at a frame, and where people are small in it, at them.

    Masks of a matte are then those of the part, put in their place; `coarse` sees the frame as a whole. The times of `profile`
    are the sums of all looks.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.name, self.device, self.precision = engine.name, engine.device, engine.precision
        self.model, self.at_once = engine.model, engine.at_once
        self._were_small = False  # in the last frame, so that MPN alone will most likely do: mattes do not depend on this guess

    def profile(self, frame: Frame, mask: Mask | None = None) -> Profiled:
        if mask is not None:
            return self.engine.profile(frame, mask)
        whole = None if self._were_small else self.engine.profile(frame)
        coarse, first = self._look(frame) if whole is None else (whole.matte.coarse, whole.ms)
        part = part_with_people(coarse, *frame.shape[:2])
        near = Near(None, {}) if part is None else self.near(frame, part, coarse)
        self._were_small = near.matte is not None
        if near.matte is not None:
            return Profiled(near.matte, sums(first, near.ms))
        last = Profiled(whole.matte, {}) if whole is not None else self.engine.profile(frame, coarse)
        return Profiled(last.matte, sums(first, near.ms, last.ms))

    def _look(self, frame: Frame) -> tuple[Mask, dict[str, float]]:
        """The coarse mask of a frame, and the time of MPN."""
        begin = time.perf_counter()
        coarse = self.engine.coarse(frame)
        return coarse, {"mpn": (time.perf_counter() - begin) * 1e3}

    def near(self, frame: Frame, part: Part, whole: Mask) -> Near:
        """The matte of a frame by a part of it, outside of which nobody is, and by the mask (h, w) of the whole."""
        seen = np.ascontiguousarray(frame[part])
        coarse, first = self._look(seen)
        if goes_on(coarse, part, frame):
            return Near(None, first)
        near, ms = self.engine.profile(seen, joined(coarse, whole, part, frame))
        return Near(put_back(near, part, frame, self.model), sums(first, ms))

    def coarse(self, frame: Frame) -> Mask:
        return self.engine.coarse(frame)

    def close(self) -> None:
        self.engine.close()


def look_closer(engine: Engine) -> Engine:
    """The engine, with closer looks; as it is if frames had better be of one size."""
    return engine if engine.one_size else CloserEngine(engine)


def sums(*times: dict[str, float]) -> dict[str, float]:
    """The times of each network in several looks, together."""
    names = dict.fromkeys(name for each in times for name in each)
    return {name: sum(each.get(name, 0) for each in times) for name in names}


def part_with_people(mask: Mask, height: int, width: int, most: float = MOST) -> Part | None:
    """The part of a frame (H, W) with all people of its mask (h, w), and a margin; None where the frame is as good.

    `most`: of the frame, beyond which it is.
    """
    seen = mask > SEEN
    if not seen.any():
        return None
    steps = [_around(np.flatnonzero(seen.any(axis=1 - axis)), mask.shape[axis]) for axis in (0, 1)]
    (top, bottom), (left, right) = (
        (first * side // STEPS, last * side // STEPS) for (first, last), side in zip(steps, (height, width), strict=True)
    )
    if (bottom - top) * (right - left) > most * height * width or min(bottom - top, right - left) < SMALLEST:
        return None
    return slice(top, bottom), slice(left, right)


def _around(seen: NDArray[np.intp], count: int) -> tuple[int, int]:
    """The first step of a side, and the one behind the last, around what is seen of so many places along it."""
    begin, end = seen[0] / count, (seen[-1] + 1) / count
    margin = MARGIN * (end - begin) + LEAST_MARGIN
    first, last = max(0, floor(STEPS * (begin - margin))), min(STEPS, ceil(STEPS * (end + margin)))
    first = max(0, min(first, STEPS - FEWEST, (first + last - FEWEST) // 2)) if last - first < FEWEST else first
    return first, max(last, first + FEWEST)


def goes_on(near: Mask, part: Part, frame: Frame) -> bool:
    """Whether what the mask of a part shows goes on beyond it, as people do not, whom the margin is around: a toy, or a bed."""
    (rows, columns), (height, width) = part, frame.shape[:2]
    inside = (rows.start > 0, rows.stop < height, columns.start > 0, columns.stop < width)  # not an edge of the frame
    sides = (near[0], near[-1], near[:, 0], near[:, -1])
    return any(cut and np.mean(side > 0.5) > BEYOND for cut, side in zip(inside, sides, strict=True))


def joined(near: Mask, whole: Mask, part: Part, frame: Frame) -> Mask:
    """The mask (h, w) of a part of a frame, with the edges seen near to, and the regions of the whole frame's mask, mostly.

    Near to, people may lose a hat, and what they lean on may join them. From far off thin limbs are lost, so the smaller the
    part, the less the whole counts. Where the near look is nowhere sure of anybody it stays alone: that was a toy, or a lamp.
    """
    there = whole[place_of(part, whole.shape, frame)]
    weight = SAY * min(1.0, max(0.0, (there.size - FEW) / (MANY - FEW)))
    if not weight or cv2.blur(near, (PATCH, PATCH)).max() < SURE:
        return near
    enlarged = cv2.resize(there, near.shape[::-1], interpolation=cv2.INTER_LINEAR)
    difference = cv2.GaussianBlur(enlarged - near, (0, 0), BLUR)
    return np.asarray(np.clip(near + weight * difference, 0, 1), np.float32)


def place_of(part: Part, size: tuple[int, ...], frame: Frame) -> Part:
    """Where a part of a frame is in a mask of this size (h, w)."""
    rows, columns = (
        slice(each.start * short // side, each.stop * short // side)
        for each, short, side in zip(part, size, frame.shape[:2], strict=True)
    )
    return rows, columns


def put_back(near: Matte, part: Part, frame: Frame, model: str) -> Matte:
    """The matte of a frame from that of a part of it, outside of which nobody is."""
    height, width = frame.shape[:2]
    alpha, foreground = np.zeros((height, width), np.float32), frame.copy()
    alpha[part], foreground[part] = near.alpha, near.foreground
    low = low_resolution(height, width, model)
    place = place_of(part, low, frame)
    coarse, unified = np.zeros(low, np.float32), np.zeros(low, np.float32)
    for whole, mask in ((coarse, near.coarse), (unified, near.unified)):
        whole[place] = cv2.resize(mask, whole[place].shape[::-1], interpolation=cv2.INTER_AREA)
    return Matte(alpha, foreground, coarse, unified)
