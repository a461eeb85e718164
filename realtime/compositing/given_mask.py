"""A mask that is given for one frame: it takes the place of the first network there, and in neighbours that it is carried to.

Optical flow carries it from frame to frame, as long as it finds the picture around the person again.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import cv2
import numpy as np

from engines.engine import Mask, fit_mask
from realtime.compositing.subjects import ChosenSubject, Labels, NobodyThere, Point, covered, small_mask
from realtime.compositing.temporal import Places, Small, downsample, to_grey, warp
from realtime.packet import Packet

NEIGHBOURS = 8  # frames, each way, to which it is carried at most: the flow's errors add up
FINER = 2  # pixels of a mask, each way, in one of the small pictures that the flow is of
MOVED = 12.0  # levels of 255 by which a picture may differ from the one before, moved with the flow
LOST = 0.2  # share of the person that differs by more: the mask goes no further


class MaskedSubject(ChosenSubject):
    """Keeps the person of a mask that is given for the frame at a time.

    Attributes:
        masks: by the index of a frame: the mask that takes the first network's place; known once `seeing` has ended.

    Args:
        text: the name of it, for errors.
        mask: float32 (h, w) in [0, 1] of the whole frame.
        time: of the video in seconds.
    """

    def __init__(self, text: str, mask: Mask, time: Fraction) -> None:
        super().__init__(Point(text, 0, 0, "", "", time))
        self._mask = mask
        self._small = small_mask(mask)
        if not self._small.any():
            raise ValueError(f"{text}: has nobody in it; paint the person white, and the rest black")
        self.masks: dict[int, Mask] = {}
        self._pictures: deque[tuple[int, Small]] = deque(maxlen=NEIGHBOURS + 1)  # up to that frame
        self._after: list[tuple[int, Small]] = []
        self._found = False

    def find(self, labels: Labels, size: tuple[int, int]) -> int:
        """The label of the region that the mask covers most of. Raises NobodyThere if there is none."""
        label = int(covered(labels, int(labels.max()) + 1, self._small).argmax())
        if not label:
            raise NobodyThere(f"{self.point.text}: nothing of the mask is left in the matte; check that it is of that frame")
        return label

    def seeing(self, packets: Iterable[Packet], time: Fraction) -> Iterator[Packet]:
        """Pass packets on in a first pass, up to some frames after the one shown at a time, which gets the mask."""
        for packet in packets:
            seen = packet.index, downsample(packet)
            if self._found:
                self._after.append(seen)
            else:
                self._pictures.append(seen)
                self._found = packet.time <= time and (packet.duration is None or time < packet.time + packet.duration)
                packet.mask = self._mask if self._found else None
            yield packet
            if len(self._after) == NEIGHBOURS:
                break
        if self._found:
            self._carry()

    def _carry(self) -> None:
        index, picture = self._pictures[-1]
        self.masks[index] = self._mask
        height, width = picture.shape[:2]
        finer = fit_mask(self._mask, (FINER * height, FINER * width))
        for way in (list(self._pictures)[::-1], [self._pictures[-1], *self._after]):
            self.masks.update(carried(way, finer))
        self._pictures.clear()
        self._after.clear()


def carried(pictures: Sequence[tuple[int, Small]], mask: Mask) -> Iterator[tuple[int, Mask]]:
    """Index and mask of each picture after the first, of which the mask is; up to the one in which it is lost."""
    flows = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    before = pictures[0][1]
    for index, picture in pictures[1:]:
        # The stubs lack None, which means no initial flow.
        flow: Places = np.asarray(flows.calc(to_grey(picture), to_grey(before), None), np.float32)  # type: ignore[call-overload]
        mask = warp(mask, flow, FINER)
        person = fit_mask(mask, picture.shape[:2]) > 0.5
        differs = np.abs(picture - warp(before, flow)).max(axis=2) > MOVED
        if not person.any() or np.count_nonzero(differs & person) > LOST * np.count_nonzero(person):
            return
        yield index, mask
        before = picture
