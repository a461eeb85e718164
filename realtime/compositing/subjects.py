"""`--keep largest`: one person stays, the others become background."""

from dataclasses import replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime.packet import Packet

Keep = Literal["all", "largest"]

COLUMNS = 160  # of the small mask, along the longer side, at most
PERSON = 0.25  # alpha, averaged over a small pixel, from which it counts
MARGIN = 3  # small pixels of softness around the one who stays
LARGER = 1.5  # so many times larger must another be, to take the place of who was kept
LEAST = 0.002  # share of the frame: smaller specks were nobody's

Small = NDArray[np.uint8]


class Largest:
    """Keeps the largest connected person of a stream, and stays with that one until another is clearly larger.

    One object serves one stream.
    """

    def __init__(self) -> None:
        self._kept: Small | None = None  # where that person was, 0 or 1

    def __call__(self, packet: Packet) -> None:
        """Takes all others out of the packet's alpha. Raises ValueError where the packet has no matte yet."""
        if packet.matte is None:
            raise ValueError("people are told apart after the matte has been made")
        alpha = packet.matte.alpha
        height, width = alpha.shape
        scale = min(1.0, COLUMNS / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        mask = (cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) > PERSON).astype(np.uint8)
        count, regions, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        labels, areas = np.asarray(regions, np.int32), np.array(statistics[:, cv2.CC_STAT_AREA], np.int32)
        areas[0] = 0  # the background
        if count < 3:  # nobody, or one
            self._kept = mask if count == 2 and areas[1] >= LEAST * mask.size else None
            return
        chosen = self._choice(labels, areas)
        self._kept = (labels == chosen).astype(np.uint8)
        others = mask - self._kept
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MARGIN + 1, 2 * MARGIN + 1))
        near = np.minimum(cv2.dilate(self._kept, disc), 1 - cv2.dilate(others, np.ones((3, 3), np.uint8)))
        near = np.maximum(near, self._kept)
        gate = cv2.resize(near.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        packet.matte = replace(packet.matte, alpha=np.asarray(cv2.multiply(alpha, gate), np.float32))

    def _choice(self, labels: NDArray[np.int32], areas: NDArray[np.int32]) -> int:
        """The label of who stays: who covers most of where the kept one was, unless another is clearly larger."""
        largest = int(areas.argmax())
        if self._kept is None or self._kept.shape != labels.shape:
            return largest
        covered = np.bincount(labels[self._kept > 0], minlength=len(areas))
        covered[0] = 0
        followed = int(covered.argmax())
        return followed if covered[followed] and areas[largest] < LARGER * areas[followed] else largest
