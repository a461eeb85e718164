"""A mask that is given for one frame: it takes the place of the first network there, and in neighbours that it is carried to.

Optical flow carries it from frame to frame, as long as it finds the picture around the person again.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import cv2
import numpy as np

from engines.engine import Mask, fit_mask
from realtime.compositing.moved_mattes import Small
from realtime.compositing.people import Labels, fitted
from realtime.compositing.subjects import ChosenSubject, NobodyThere, small_mask
from realtime.compositing.temporal import downsample, flow_to, to_grey, warp
from realtime.compositing.tracking import Moment, shown
from realtime.packet import Packet

NEIGHBOURS = 8  # frames, each way, to which it is carried at most: the flow's errors add up
FINER = 2  # pixels of a mask, each way, in one of the small pictures that the flow is of
MOVED = 12.0  # levels of 255 by which a picture may differ from the one before, moved with the flow
LOST = 0.2  # share of the person that differs by more: the mask goes no further


@dataclass(frozen=True, slots=True, eq=False)
class GivenMask:
    """A mask of one frame.

    text  the name of it, for errors
    time  of the video, in seconds
    mask  float32 (h, w) in [0, 1], of the whole frame

    Raises ValueError if nobody is in it.
    """

    text: str
    time: Fraction
    mask: Mask

    def __post_init__(self) -> None:
        if not small_mask(self.mask).any():
            raise ValueError(f"{self.text}: has nobody in it; paint the person white, and the rest black")

    def find(self, labels: Labels, size: tuple[int, int]) -> int:
        """The label of the region that the mask covers most of. Raises NobodyThere if there is none."""
        counts = np.bincount(labels[fitted(small_mask(self.mask), labels.shape) > 0], minlength=1)
        counts[0] = 0
        label = int(counts.argmax())
        if not label:
            raise NobodyThere(f"{self.text}: nothing of the mask is left in the matte; check that it is of that frame")
        return label


class Anchor(NamedTuple):
    """A mask, and small pictures of frames with their indices: of its own first, then of those before or after it."""

    mask: Mask
    before: Sequence[tuple[int, Small]]
    after: list[tuple[int, Small]]


class MaskedSubject(ChosenSubject):
    """Keeps the person of masks that are given for the frames at some times.

    Attributes:
        masks: by the index of a frame: the mask that takes the first network's place; known once `seeing` has ended.
    """

    def __init__(self, *given: GivenMask) -> None:
        super().__init__(*given)
        self.masks: dict[int, Mask] = {}
        self._distance: dict[int, int] = {}  # of each frame from the one of its mask

    def seeing(self, packets: Iterable[Packet], moments: Sequence[Moment], least: int = 0) -> Iterator[Packet]:
        """Pass packets on in a first pass. Those shown at a mask's time get it.

        It ends some frames after the last of them, but not before this number of the stream's. Raises NobodyThere for a
        second mask of the same frame.
        """
        pending = list(moments)
        before: deque[tuple[int, Small]] = deque(maxlen=NEIGHBOURS + 1)
        anchors: list[Anchor] = []  # whose neighbours are still to come
        for packet in packets:
            seen = packet.index, downsample(packet)
            before.append(seen)
            for each in anchors:
                each.after.append(seen)
            if pending and shown(packet, pending[0].time):
                given = pending.pop(0).mark
                assert isinstance(given, GivenMask)
                if pending and shown(packet, pending[0].time):
                    raise NobodyThere(f"{pending[0].mark.text}: is of the same frame as {given.text}; leave one of them out")
                packet.mask = given.mask
                anchors.append(Anchor(given.mask, list(before)[::-1], [seen]))
            if anchors and len(anchors[0].after) > NEIGHBOURS:
                self._carry(anchors.pop(0))
            yield packet
            if not pending and not anchors and packet.index + 1 >= least:
                return
        for each in anchors:
            self._carry(each)

    def _carry(self, anchor: Anchor) -> None:
        index, picture = anchor.after[0]
        self._take(index, anchor.mask, 0)
        height, width = picture.shape[:2]
        finer = fit_mask(anchor.mask, (FINER * height, FINER * width))
        for way in (anchor.before, anchor.after):
            for number, mask in carried(way, finer):
                self._take(number, mask, abs(number - index))

    def _take(self, index: int, mask: Mask, distance: int) -> None:
        if distance < self._distance.get(index, NEIGHBOURS + 1):  # else another mask is nearer
            self.masks[index], self._distance[index] = mask, distance


def carried(pictures: Sequence[tuple[int, Small]], mask: Mask) -> Iterator[tuple[int, Mask]]:
    """Index and mask of each picture after the first, of which the mask is; up to the one in which it is lost."""
    flows = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    before = pictures[0][1]
    for index, picture in pictures[1:]:
        flow = flow_to(to_grey(picture), to_grey(before), flows)
        mask = warp(mask, flow, FINER)
        person = fit_mask(mask, picture.shape[:2]) > 0.5
        differs = np.abs(picture - warp(before, flow)).max(axis=2) > MOVED
        if not person.any() or np.count_nonzero(differs & person) > LOST * np.count_nonzero(person):
            return
        yield index, mask
        before = picture
