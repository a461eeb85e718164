"""Whom to keep before the frame in which that was told: a first pass over the mattes, from which the person is followed back.

The masks of the first pass are small, and lie in a temporary file: memory does not grow with the length of a video.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import overload

import numpy as np

from realtime.compositing.subjects import ChosenSubject, NobodyThere, Small, connected, covered, small_mask
from realtime.packet import Packet


class Track(Sequence[Small]):
    """Small masks of the frames of a stream, of 0 and 1 and all of one size, in a temporary file."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed, and so removed, with this object
        self._shape = 0, 0
        self._count = 0

    def append(self, mask: Small) -> None:
        """Add the mask of the next frame."""
        self._shape = mask.shape
        self._count += 1
        self[-1] = mask

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Small: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Small]: ...
    def __getitem__(self, index: int | slice) -> Small | Sequence[Small]:
        if isinstance(index, slice):
            return [self[each] for each in range(self._count)[index]]
        self._seek(index)
        height, width = self._shape
        bits = np.frombuffer(self._file.read(self._size), np.uint8)
        return np.unpackbits(bits, count=height * width).reshape(height, width)

    def __setitem__(self, index: int, mask: Small) -> None:
        self._seek(index)
        self._file.write(np.packbits(mask).tobytes())

    def _seek(self, index: int) -> None:
        self._file.seek(range(self._count)[index] * self._size)

    @property
    def _size(self) -> int:
        height, width = self._shape
        return (height * width + 7) // 8


def track_back(packets: Iterable[Packet], subject: ChosenSubject, time: Fraction, size: tuple[int, int]) -> Track:
    """Where the person at a subject's point is, from the first frame up to the one shown at a time.

    Args:
        packets: of the stream, from the first on, with their mattes; of any one size.
        subject: whose point is meant.
        time: of the packets, in seconds.
        size: height and width of the pictures that the point is given for.

    Raises:
        NobodyThere: if no frame is shown then, or nobody is at the point.
    """
    track = Track()
    for packet in until(packets, time, subject.point.text):
        track.append(small_mask(packet.fetch().alpha))
    labels, _ = connected(track[-1])
    seen: Small = (labels == subject.find(labels, size)).astype(np.uint8)
    track[-1] = seen
    for index in range(len(track) - 2, -1, -1):
        labels, areas = connected(track[index])
        label = int(covered(labels, len(areas), seen).argmax())
        there: Small = (labels == label).astype(np.uint8) if label else np.zeros_like(seen)
        track[index] = there
        if label:
            seen = there
    return track


def until(packets: Iterable[Packet], time: Fraction, name: str) -> Iterator[Packet]:
    """The packets up to the one that is shown at a time. Raises NobodyThere, about `name`, if none is."""
    end: Fraction | None = None
    for packet in packets:
        if packet.time > time:
            if end is None:
                break
            return
        yield packet
        end = packet.time + (packet.duration or 0)
        if packet.time == time or end > time:
            return
    raise NobodyThere(f"{name}: no frame is shown at that time; name one of the part that is edited")
