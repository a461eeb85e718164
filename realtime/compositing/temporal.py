"""A temporal filter against flicker: the last matte follows the picture's motion, and a share of it is kept where both agree.

    smooth = TemporalFilter(0.7)     # one for each stream
    for packet in packets:
        packet.matte = engine(packet.frame)
        smooth(packet)

The last picture, downsampled and blurred against noise, is warped by optical flow and compared with the current one: where they
differ, nothing is kept. Picture and matte are warped and blended alike, so what the flow misses accumulates until the
comparison finds it, and leaves no trail.

Of a file the next frame is in sight, too: `smooth(packet, following)` takes a share of its matte in the same way. That share is
not remembered, so that what the filter remembers depends on the past alone.
"""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.arguments import is_number
from engines.engine import Frame, Mask
from realtime.choices import MAX_SMOOTH, SMOOTH
from realtime.compositing.moved_mattes import Places, Small, blend_moved, block_size
from realtime.packet import Packet

MOVED = 8.0  # levels of 255: change, blurred, at which the kept share falls to 1/e; half as much, noise, hardly lowers it
STEPS = 8  # entries of the table for each level
BLACK = 8.0  # levels: darker pixels say little about the light
MAX_GAIN = 1.2  # more change of brightness than this is another scene
CUT = 0.7  # share of the picture that must have changed to be another scene
GAP = Fraction(1)  # seconds: after a longer gap, or a step back in time, the memory is reset


class Moved(NamedTuple):
    """Another small picture of a stream, warped to this one by `flow`, and the share of it to keep of each small pixel."""

    seen: Small
    flow: Places
    kept: Small


class TemporalFilter:
    """The memory of one stream. `strength`, in [0, 0.95], is the share kept where all agrees; 0 is exactly off.

    Raises ValueError if the strength is out of range.
    """

    def __init__(self, strength: float = SMOOTH) -> None:
        if not is_number(strength) or not 0 <= strength <= MAX_SMOOTH:
            raise ValueError(f"a strength of {strength} is out of range; give a number from 0, which is off, to {MAX_SMOOTH}")
        self.strength = strength
        change = np.arange(256, dtype=np.float32) / STEPS
        self._kept = np.asarray(strength * np.exp(-((change / MOVED) ** 4)), np.float32)
        self._kept[-1] = 0  # and everything beyond the table
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._alpha: Mask | None = None
        self._seen: Small | None = None
        self._time = Fraction(0)
        self._next: tuple[Packet, Small] | None = None  # the one that was ahead, and what was seen of it

    def __call__(self, packet: Packet, following: Packet | None = None) -> None:
        """Filter the packet's alpha; its foreground stays. Call it with packets in order.

        `following` is the packet behind it, with its own matte, where that can be waited for: a share of that is taken, too.
        Raises ValueError if a packet has no matte yet.
        """
        if packet.matte is None or (following is not None and following.matte is None):
            raise ValueError("the packet has no matte yet: run the engine first")
        if not self.strength:
            return
        own = packet.matte.alpha
        seen = self._next[1] if self._next is not None and self._next[0] is packet else downsample(packet)
        alpha, remembered, kept = own, seen, np.zeros((1, 1), np.float32)
        if self._alpha is not None and self._seen is not None and continues(self._alpha, self._time, packet):
            last = self._moved(seen, self._seen)
            if last is not None:
                kept = last.kept
                alpha = blend_moved(own, self._alpha, last.flow, kept)
                remembered = seen + kept[..., None] * (last.seen - seen)
        self._alpha, self._seen, self._time = alpha, remembered, packet.time
        self._next = None
        if following is not None and following.matte is not None and continues(own, packet.time, following):
            self._next = following, downsample(following)
            later = self._moved(seen, self._next[1])
            if later is not None:
                weight = later.kept * (1 - kept)  # of the next matte, where that of this and the last ones is 1
                alpha = blend_moved(alpha, following.matte.alpha, later.flow, weight / (1 + weight))
        if alpha is not own:
            packet.matte = replace(packet.matte, alpha=alpha)

    def memory(self) -> dict[str, NDArray[Any]]:
        """What is remembered of the stream: arrays that `recall` takes in another process; none before the first frame."""
        if self._alpha is None or self._seen is None:
            return {}
        return {"alpha": self._alpha, "seen": self._seen, "time": np.array(str(self._time))}

    def recall(self, memory: Mapping[str, NDArray[Any]]) -> None:
        """Go on as the filter did from which `memory` is."""
        if memory:
            self._alpha, self._seen, self._time = memory["alpha"], memory["seen"], Fraction(str(memory["time"]))

    def _moved(self, seen: Small, other: Small) -> Moved | None:
        """Another small picture of the stream, warped to where things are in `seen`; None if it is of another scene."""
        other = other * brightness_gain(seen, other)
        flow = flow_to(to_grey(seen), to_grey(other), self._flow)
        other = warp(other, flow)
        kept = self._kept_share(seen, other)
        cut = np.count_nonzero(kept < self.strength / 2) >= CUT * kept.size
        return None if cut else Moved(other, flow, kept)

    def _kept_share(self, seen: Small, other: Small) -> Small:
        """The share to keep of each small pixel, by the largest change of any channel in it or its neighbours."""
        red, green, blue = cv2.split(cv2.absdiff(seen, other))
        change = cv2.convertScaleAbs(cv2.max(cv2.max(red, green), blue), alpha=STEPS)
        change = cv2.dilate(change, np.ones((3, 3), np.uint8))
        return np.asarray(cv2.LUT(change, self._kept), np.float32)


def continues(alpha: Mask, time: Fraction, packet: Packet) -> bool:
    """Whether a packet comes soon after `time`, with a frame as large as `alpha`."""
    return packet.frame.shape[:2] == alpha.shape and 0 <= packet.time - time <= GAP


def downsample(packet: Packet) -> Small:
    """Average the frame over blocks and their neighbours: RGB float32 (h, w, 3), 0 to 255."""
    (height, width), block = packet.frame.shape[:2], block_size(packet.frame)
    even = packet.frame[: height // block * block, : width // block * block]
    small = cv2.resize(even, (width // block, height // block), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.blur(small.astype(np.float32), (3, 3)), np.float32)


def brightness_gain(seen: Small, before: Small) -> Small:
    """The gain of each channel over the last picture, (3,): exposure and lamps change all of a picture, and move nothing."""
    now, last = (picture[::4, ::4].reshape(-1, 3) + BLACK for picture in (seen, before))
    return np.asarray(np.median(now / last, axis=0).clip(1 / MAX_GAIN, MAX_GAIN), np.float32)


def to_grey(small: Small) -> Frame:
    """Convert the small picture to grey, uint8 (h, w)."""
    return np.asarray(cv2.convertScaleAbs(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)), np.uint8)


def flow_to(grey: Frame, other: Frame, flows: cv2.DISOpticalFlow) -> Places:
    """Displacement of each pixel of a picture, uint8 (h, w): where it is in the other one, less where it is now."""
    # The stubs lack None, which means no initial flow.
    return np.asarray(flows.calc(grey, other, None), np.float32)  # type: ignore[call-overload]


def warp(picture: NDArray[np.float32], flow: Places, block: int = 1) -> NDArray[np.float32]:
    """Warp a picture (H, W) or (H, W, 3) by `flow` (h, w, 2), in units of `block` pixels; beyond its edge it is as there."""
    height, width = picture.shape[:2]
    shift = np.asarray(cv2.resize(block * flow, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    cv2.add(shift, identity_map(height, width), shift)
    # The stubs lack None, which means that `shift` has both x and y.
    warped = cv2.remap(picture, shift, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(warped, np.float32)


@lru_cache(maxsize=4)
def identity_map(height: int, width: int) -> Places:
    """The map of each pixel to itself."""
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    return np.dstack(np.meshgrid(x, y))
