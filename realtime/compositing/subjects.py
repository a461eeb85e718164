"""Which subjects stay in the matte: all, or the largest person alone while the others become background."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime.packet import Packet

COLUMNS = 160  # of the small mask, along the longer side, at most
PERSON = 0.25  # alpha, averaged over a small pixel, from which that counts as a person
MARGIN = 3  # small pixels of soft edge around the subject
LARGER = 1.5  # times as large another person must be to become the subject
MIN_SHARE = 0.002  # of the frame: smaller specks are not people

Small = NDArray[np.uint8]


class LargestSubject:
    """Keeps the largest connected person of a stream, until another is clearly larger.

    One object serves one stream.
    """

    def __init__(self) -> None:
        self._subject: Small | None = None  # mask of that person in the last frame, 0 or 1

    def __call__(self, packet: Packet) -> None:
        """Remove all others from the packet's alpha. Raises ValueError if the packet has no matte yet."""
        if packet.matte is None:
            raise ValueError("the packet has no matte yet: run the engine first")
        alpha = packet.matte.alpha
        height, width = alpha.shape
        scale = min(1.0, COLUMNS / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        mask = (cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) > PERSON).astype(np.uint8)
        count, regions, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        labels, areas = np.asarray(regions, np.int32), np.array(statistics[:, cv2.CC_STAT_AREA], np.int32)
        areas[0] = 0  # the background
        if count < 3:  # nobody, or one person
            self._subject = mask if count == 2 and areas[1] >= MIN_SHARE * mask.size else None
            return
        chosen = self._choose(labels, areas)
        self._subject = (labels == chosen).astype(np.uint8)
        others = mask - self._subject
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MARGIN + 1, 2 * MARGIN + 1))
        near = np.minimum(cv2.dilate(self._subject, disc), 1 - cv2.dilate(others, np.ones((3, 3), np.uint8)))
        near = np.maximum(near, self._subject)
        gate = cv2.resize(near.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        packet.matte = replace(packet.matte, alpha=np.asarray(cv2.multiply(alpha, gate), np.float32))

    def memory(self) -> dict[str, NDArray[Any]]:
        """What is remembered of the stream: arrays that `recall` takes in another process; none while there is no subject."""
        return {} if self._subject is None else {"subject": self._subject}

    def recall(self, memory: Mapping[str, NDArray[Any]]) -> None:
        """Go on as the filter did from which `memory` is."""
        self._subject = memory.get("subject")

    def _choose(self, labels: NDArray[np.int32], areas: NDArray[np.int32]) -> int:
        """The label of the subject: the region that covers most of the last subject, unless another is clearly larger."""
        largest = int(areas.argmax())
        if self._subject is None or self._subject.shape != labels.shape:
            return largest
        covered = np.bincount(labels[self._subject > 0], minlength=len(areas))
        covered[0] = 0
        followed = int(covered.argmax())
        return followed if covered[followed] and areas[largest] < LARGER * areas[followed] else largest
