"""A steady matte: where nothing moves in the picture, a share of the last matte is kept; where something moves, nothing of it.

    steady = Steady(0.6)             # one for each stream
    for packet in packets:
        packet.matte = engine(packet.frame)
        steady(packet)

What is seen is compared, small and blurred against noise, with what was seen when the kept matte was made. Picture and matte
are blended alike, so slow movement adds up until it is noticed, and leaves no trail.
"""

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.engine import Mask
from engines.errors import InputError
from realtime.packet import Packet

DEFAULT = 0.6
MOST = 0.95
COLUMNS = 160  # of the small picture, along the longer side, about
MOVED = 6.0  # levels of 255: so much change, blurred, takes the kept share down to 1/e; half of it, noise, hardly any
STEPS = 8  # of the table, in one level
BLACK = 8.0  # levels: what is darker tells little of the light
BRIGHTER = 1.2  # times: what is more is another scene
CUT = 0.7  # the share of the picture that must have changed for it to be another scene
GAP = Fraction(1)  # seconds: what was before a longer gap, or comes before it in time, is forgotten

Small = NDArray[np.float32]


class Steady:
    """The memory of one stream. `strength`, in [0, 0.95], is the share that is kept where nothing moves; 0 is exactly off."""

    def __init__(self, strength: float = DEFAULT) -> None:
        """Raises InputError for a strength out of range."""
        if not 0 <= strength <= MOST:
            raise InputError(f"--smooth {strength:g}: give a number from 0, which is off, to {MOST}")
        self.strength = strength
        change = np.arange(256, dtype=np.float32) / STEPS
        self._kept = np.asarray(strength * np.exp(-((change / MOVED) ** 4)), np.float32)
        self._kept[-1] = 0  # and all that is beyond the table
        self._alpha: Mask | None = None
        self._seen: Small | None = None
        self._time = Fraction(0)

    def __call__(self, packet: Packet) -> None:
        """Gives the packet a matte with a steadier alpha; its foreground stays. Packets come in order.

        Raises ValueError where the packet has no matte yet.
        """
        if packet.matte is None:
            raise ValueError("a matte is steadied after it has been made")
        if not self.strength:
            return
        alpha, seen = packet.matte.alpha, small_picture(packet)
        if self._alpha is not None and self._seen is not None and self._goes_on(packet):
            before = self._seen * change_of_light(seen, self._seen)
            kept = self._share(seen, before)
            if np.count_nonzero(kept < self.strength / 2) < CUT * kept.size:
                alpha = blended(alpha, self._alpha, kept)
                seen += kept[..., None] * (before - seen)
                packet.matte = replace(packet.matte, alpha=alpha)
        self._alpha, self._seen, self._time = alpha, seen, packet.time

    def _goes_on(self, packet: Packet) -> bool:
        assert self._alpha is not None
        return packet.frame.shape[:2] == self._alpha.shape and 0 <= packet.time - self._time <= GAP

    def _share(self, seen: Small, before: Small) -> Small:
        """What share is kept of each small pixel, from the largest change in any colour, in it or in its neighbours."""
        red, green, blue = cv2.split(cv2.absdiff(seen, before))
        change = cv2.convertScaleAbs(cv2.max(cv2.max(red, green), blue), alpha=STEPS)
        change = cv2.dilate(change, np.ones((3, 3), np.uint8))
        return np.asarray(cv2.LUT(change, self._kept), np.float32)


def small_picture(packet: Packet) -> Small:
    """The frame, averaged over blocks and with their neighbours: RGB float32 (h, w, 3), 0 to 255."""
    height, width = packet.frame.shape[:2]
    block = max(1, round(max(height, width) / COLUMNS))  # a whole number: such an average is fast
    even = packet.frame[: height // block * block, : width // block * block]
    small = cv2.resize(even, (width // block, height // block), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.blur(small.astype(np.float32), (3, 3)), np.float32)


def change_of_light(seen: Small, before: Small) -> Small:
    """By how much each colour is brighter than before, (3,): exposure and lamps change all of a picture, and move nothing."""
    some, same = (picture[::4, ::4].reshape(-1, 3) + BLACK for picture in (seen, before))
    return np.asarray(np.median(some / same, axis=0).clip(1 / BRIGHTER, BRIGHTER), np.float32)


def blended(alpha: Mask, before: Mask, kept: Small) -> Mask:
    """`alpha` with the share `kept`, small, of what was before; all in [0, 1]. A new array."""
    share = cv2.resize(kept, alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)
    change = cv2.subtract(before, alpha)
    cv2.multiply(change, share, change)
    return np.asarray(cv2.add(alpha, change, change), np.float32)
