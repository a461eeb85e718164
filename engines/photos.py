"""Photos matted as finely as there is time for: small ones on more pixels than they have, and each in parts and mirrored, too.

Alpha at an edge is then a mean where it would be all or nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.closer import CloserEngine, goes_on, joined, part_with_people, put_back
from engines.engine import Engine, Frame, Mask, Matte
from engines.multiscale import fine_mask, has_parts, matte_in_parts

Correction = Callable[[Mask], Mask]  # of a mask of MPN's

THUMBNAIL = 128  # pixels of the shorter side, below which a photo is left as it is: nobody looks at its edges
ENOUGH = 1080  # pixels of the shorter side, from which next to nothing is gained
MOST = 3  # times as wide and high
NEARLY_ALL = 0.8  # of a photo: a smaller part with all people is matted instead. Video does without: it would take longer
STRIP = 16  # rows at a time: floats of a strip stay in the cache, those of a large photo do not
MOST_PIXELS = 12_000_000  # of what is matted in place of a photo: a long, thin one would fill the memory
MIRRORED = {"large"}  # models of those who would rather wait
MOST_MIRRORED = 25_000_000  # pixels: two mattes of a larger photo would fill the memory


def enlargement(height: int, width: int) -> int:
    """How many times as wide and high a photo is matted."""
    shorter = min(height, width)
    factor = min(MOST, -(-ENOUGH // shorter)) if shorter >= THUMBNAIL else 1
    while factor > 1 and factor**2 * height * width > MOST_PIXELS:
        factor -= 1
    return factor


def enlarged(frame: Frame) -> Frame:
    """What is matted in place of a frame: itself where it has enough pixels, else as many times as wide and high as helps."""
    factor = enlargement(*frame.shape[:2])
    if factor == 1:
        return frame
    return np.ascontiguousarray(cv2.resize(frame, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint8)


def both_ways(frame: Frame, engine: Engine, corrected: Correction | None = None) -> Matte:
    """The mean of the mattes of a frame and of its mirror image, turned back, from the mean of their masks, corrected."""
    turned = np.ascontiguousarray(frame[:, ::-1])
    mask = np.asarray((fine_mask(frame, engine) + fine_mask(turned, engine)[:, ::-1]) / 2, np.float32)
    mask = mask if corrected is None else corrected(mask)
    matte, mirrored = (
        _whole_and_in_parts(frame, mask, engine),
        _whole_and_in_parts(turned, np.ascontiguousarray(mask[:, ::-1]), engine),
    )
    pairs = ((getattr(matte, name), getattr(mirrored, name)[:, ::-1]) for name in ("alpha", "foreground", "coarse", "unified"))
    return Matte(*(_mean(own, np.ascontiguousarray(other)) for own, other in pairs))


def _whole_and_in_parts(frame: Frame, mask: Mask, engine: Engine) -> Matte:
    """The mean of both mattes: finer than that of the whole, and less taken in by noise than that of parts."""
    whole = engine(frame, mask)
    if engine.one_size or not has_parts(frame):
        return whole
    alpha, foreground = matte_in_parts(frame, mask, engine)
    return replace(whole, alpha=_mean(whole.alpha, alpha), foreground=_mean(whole.foreground, foreground))


def _mean(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    """The mean of two pictures, in the place of the second."""
    return np.asarray(cv2.addWeighted(first, 0.5, second, 0.5, 0, second))


def finest_matte(frame: Frame, engine: Engine) -> Matte:
    """The matte of a photo of any size, of its own size. Where the foreground is the photo's own colours, it is so exactly."""
    if not isinstance(engine, CloserEngine):
        return _finest(frame, engine)
    engine = engine.engine
    whole = _coarse(frame, engine)
    part = part_with_people(whole, frame.shape[0], frame.shape[1], NEARLY_ALL)
    if part is not None:
        near = np.ascontiguousarray(frame[part])
        if not goes_on(engine.coarse(near), part, frame):
            matte = _finest(near, engine, lambda mask: joined(mask, whole, part, frame))
            return put_back(matte, part, frame, engine.model)
    return _finest(frame, engine)


def _coarse(frame: Frame, engine: Engine) -> Mask:
    """MPN's mask of a frame; of models that see photos mirrored, too, the mean of both."""
    mask = engine.coarse(frame)
    if engine.model not in MIRRORED:
        return mask
    return np.asarray((mask + engine.coarse(np.ascontiguousarray(frame[:, ::-1]))[:, ::-1]) / 2, np.float32)


def _finest(frame: Frame, engine: Engine, corrected: Correction | None = None) -> Matte:
    large = enlarged(frame)
    mirror = engine.model in MIRRORED and large.shape[0] * large.shape[1] <= MOST_MIRRORED
    if mirror:
        matte = both_ways(large, engine, corrected)
    else:
        matte = engine(large, None if corrected is None else corrected(engine.coarse(large)))
    if large is frame:
        return matte
    height, width = frame.shape[:2]
    factor = len(large) // height
    alpha = cv2.resize(matte.alpha, (width, height), interpolation=cv2.INTER_AREA)
    foreground = np.empty_like(frame)
    for top in range(0, height, STRIP):
        rows, seen = np.s_[top : top + STRIP], np.s_[factor * top : factor * (top + STRIP)]
        difference = cv2.subtract(matte.foreground[seen], large[seen], dtype=cv2.CV_32F)
        small = cv2.resize(difference, (width, len(difference) // factor), interpolation=cv2.INTER_AREA)
        cv2.add(frame[rows], small, foreground[rows], dtype=cv2.CV_8U)
    return replace(matte, alpha=np.asarray(alpha, np.float32), foreground=foreground)
