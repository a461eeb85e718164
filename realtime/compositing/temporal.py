"""A steady matte: the last matte follows what moves in the picture, and a share of it is kept wherever the picture agrees.

    steady = Steady(0.7)             # one for each stream
    for packet in packets:
        packet.matte = engine(packet.frame)
        steady(packet)

What is seen, small and blurred against noise, is moved by its optical flow to where it is now, and compared with what is seen
now: where they differ, nothing is kept. Picture and matte are moved and blended alike, so what the flow misses adds up until
it is noticed, and leaves no trail.
"""

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.engine import Frame, Mask
from engines.errors import MediaError
from realtime.packet import Packet

DEFAULT = 0.7
MOST = 0.95
COLUMNS = 160  # of the small picture, along the longer side, about
LEAST = 32  # small pixels along the shorter side: OpenCV's flow crashes on less
MOVED = 8.0  # levels of 255: so much change, blurred, takes the kept share down to 1/e; half of it, noise, hardly any
STEPS = 8  # of the table, in one level
BLACK = 8.0  # levels: what is darker tells little of the light
BRIGHTER = 1.2  # times: what is more is another scene
CUT = 0.7  # the share of the picture that must have changed for it to be another scene
GAP = Fraction(1)  # seconds: what was before a longer gap, or comes before it in time, is forgotten

Small = NDArray[np.float32]
Places = NDArray[np.float32]  # (h, w, 2): x and y, in pixels


class Steady:
    """The memory of one stream. `strength`, in [0, 0.95], is the share that is kept where all agrees; 0 is exactly off."""

    def __init__(self, strength: float = DEFAULT) -> None:
        """Raises MediaError for a strength out of range."""
        if not 0 <= strength <= MOST:
            raise MediaError(f"--smooth {strength:g}: give a number from 0, which is off, to {MOST}")
        self.strength = strength
        change = np.arange(256, dtype=np.float32) / STEPS
        self._kept = np.asarray(strength * np.exp(-((change / MOVED) ** 4)), np.float32)
        self._kept[-1] = 0  # and all that is beyond the table
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
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
            flow = self._flow_to(seen, before)
            before = moved(before, flow)
            kept = self._share(seen, before)
            if np.count_nonzero(kept < self.strength / 2) < CUT * kept.size:
                alpha = blended(alpha, moved(self._alpha, flow, block_of(packet.frame)), kept)
                seen += kept[..., None] * (before - seen)
                packet.matte = replace(packet.matte, alpha=alpha)
        self._alpha, self._seen, self._time = alpha, seen, packet.time

    def _goes_on(self, packet: Packet) -> bool:
        assert self._alpha is not None
        return packet.frame.shape[:2] == self._alpha.shape and 0 <= packet.time - self._time <= GAP

    def _flow_to(self, seen: Small, before: Small) -> Places:
        """Where each small pixel was before, less where it is now."""
        # The stubs know no None, without which it would go on from a flow that is given.
        flow = self._flow.calc(levels(seen), levels(before), None)  # type: ignore[call-overload]
        return np.asarray(flow, np.float32)

    def _share(self, seen: Small, before: Small) -> Small:
        """What share is kept of each small pixel, from the largest change in any colour, in it or in its neighbours."""
        red, green, blue = cv2.split(cv2.absdiff(seen, before))
        change = cv2.convertScaleAbs(cv2.max(cv2.max(red, green), blue), alpha=STEPS)
        change = cv2.dilate(change, np.ones((3, 3), np.uint8))
        return np.asarray(cv2.LUT(change, self._kept), np.float32)


def block_of(frame: Frame) -> int:
    """How many pixels of the frame, each way, one small pixel stands for: a whole number, for such an average is fast."""
    height, width = frame.shape[:2]
    return int(max(1, min(round(max(height, width) / COLUMNS), min(height, width) // LEAST)))


def small_picture(packet: Packet) -> Small:
    """The frame, averaged over blocks and with their neighbours: RGB float32 (h, w, 3), 0 to 255."""
    (height, width), block = packet.frame.shape[:2], block_of(packet.frame)
    even = packet.frame[: height // block * block, : width // block * block]
    small = cv2.resize(even, (width // block, height // block), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.blur(small.astype(np.float32), (3, 3)), np.float32)


def change_of_light(seen: Small, before: Small) -> Small:
    """By how much each colour is brighter than before, (3,): exposure and lamps change all of a picture, and move nothing."""
    some, same = (picture[::4, ::4].reshape(-1, 3) + BLACK for picture in (seen, before))
    return np.asarray(np.median(some / same, axis=0).clip(1 / BRIGHTER, BRIGHTER), np.float32)


def levels(small: Small) -> Frame:
    """The small picture in grey, uint8 (h, w)."""
    return np.asarray(cv2.convertScaleAbs(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)), np.uint8)


def moved(picture: NDArray[np.float32], flow: Places, block: int = 1) -> NDArray[np.float32]:
    """A picture (H, W) or (H, W, 3), its pixels from where `flow` (h, w, 2), in blocks of so many pixels, says they were."""
    height, width = picture.shape[:2]
    place = cv2.resize(block * flow, (width, height), interpolation=cv2.INTER_LINEAR)
    cv2.add(place, still(height, width), place)
    # The stubs know no None, which says that `place` has both x and y.
    there = cv2.remap(picture, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(there, np.float32)


@lru_cache(maxsize=4)
def still(height: int, width: int) -> Places:
    """Each pixel's own place."""
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    return np.dstack(np.meshgrid(x, y))


def blended(alpha: Mask, before: Mask, kept: Small) -> Mask:
    """`alpha` with the share `kept`, small, of what was before; all in [0, 1]. Takes `before` for its own."""
    share = cv2.resize(kept, alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)
    change = cv2.subtract(before, alpha, before)
    cv2.multiply(change, share, change)
    return np.asarray(cv2.add(alpha, change, change), np.float32)
