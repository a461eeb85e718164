"""Small people of a live stream, followed: the frame before says where they are, so a closer look costs hardly any time."""

from typing import NamedTuple

import numpy as np

from engines.closer import CloserEngine, Near, Part, goes_on, part_with_people, put_back, sums
from engines.engine import Engine, Frame, Mask, Profiled
from engines.geometry import SMALLEST

EVERY = 15  # frames, of which one is looked at as a whole, for others who may have come
LEFT = 0.75  # of a frame, beyond which a part is no longer followed: more than it has to be at first


class Followed(NamedTuple):
    """The part of the next frames of a size (height, width) that is looked at, None for all of it, and for how many of them."""

    part: Part | None
    size: tuple[int, int]
    frames: int


class FollowingEngine(CloserEngine):
    """An engine with closer looks, for one live stream."""

    _followed: Followed | None = None

    def near(self, frame: Frame, part: Part, whole: Mask | None = None) -> Near:
        """The matte by a part alone, in one pass: of most frames nobody sees the whole, and the others must not stand out."""
        near, ms = self.engine.profile(np.ascontiguousarray(frame[part]))
        return Near(None if goes_on(near.coarse, part, frame) else put_back(near, part, frame, self.model), ms)

    def profile(self, frame: Frame, mask: Mask | None = None) -> Profiled:
        followed, size = self._followed, (frame.shape[0], frame.shape[1])
        in_vain: dict[str, float] = {}
        if mask is None and followed is not None and followed.size == size and followed.frames:
            if followed.part is None:
                self._followed = followed._replace(frames=followed.frames - 1)
                return self.engine.profile(frame)
            near = self.near(frame, followed.part)
            if near.matte is not None:
                part = part_with_people(near.matte.coarse, *size, most=LEFT)
                self._followed = None if part is None else Followed(part, size, followed.frames - 1)
                return Profiled(near.matte, near.ms)
            in_vain = near.ms
        whole = super().profile(frame, mask)
        part = part_with_people(whole.matte.coarse, *size)
        self._followed = None if part is None else Followed(part if self._were_small else None, size, EVERY - 1)
        return Profiled(whole.matte, sums(in_vain, whole.ms))


def follow(engine: Engine) -> Engine:
    """For one live stream, an engine that follows, if this one takes closer looks; else the engine as it is."""
    return FollowingEngine(engine.engine) if isinstance(engine, CloserEngine) else engine


def compile_for_parts(engine: Engine) -> None:
    """Have the networks compiled for wide frames and for tall ones before a stream runs: a part may be either."""
    if isinstance(engine, CloserEngine):
        for height, width in ((1, 2), (2, 1)):
            engine.coarse(np.zeros((height * SMALLEST, width * SMALLEST, 3), np.uint8))
