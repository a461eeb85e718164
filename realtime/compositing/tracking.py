"""Whom to keep before and between the frames in which that was told: a first pass over the mattes, and who is followed in them.

The masks of the first pass are small, and lie in a temporary file: memory does not grow with the length of a video.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple, overload

import numpy as np

from realtime.compositing.subjects import Labels, Mark, NobodyThere, Small, connected, covered, small_mask
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


class Moment(NamedTuple):
    """A mark, and the time of its frame as packets count it, in seconds."""

    mark: Mark
    time: Fraction


def shown(packet: Packet, time: Fraction) -> bool:
    """Whether a packet's frame is on screen at a time."""
    return packet.time == time or packet.time < time < packet.time + (packet.duration or 0)


def track_marked(packets: Iterable[Packet], moments: Sequence[Moment], size: tuple[int, int], least: int = 0) -> Track:
    """Where the person is who is marked in some frames: in these, in all between them, and in those before and after.

    Between two marks the person is followed from both. Where the ways part, each counts on its own side of a frame in which
    they agree, the one nearest to the middle: in it, two people touch.

    Args:
        packets: consecutive ones, with their mattes, of any one size. They are taken up to the last mark.
        moments: at least one, in order of their times, none before the first packet.
        size: height and width of the pictures that marks are given for.
        least: packets are also taken up to this number of the stream's.

    Raises:
        NobodyThere: if no frame is shown at one of the times, or nobody is where a mark is.
    """
    track, pending, found = Track(), list(moments), dict[int, Small]()
    for packet in packets:
        track.append(small_mask(packet.fetch().alpha))
        if pending and shown(packet, pending[0].time):
            labels, _ = connected(track[-1])
            found[len(track) - 1] = _region(labels, pending.pop(0).mark.find(labels, size))
        if pending and packet.time > pending[0].time:
            break
        if not pending and packet.index + 1 >= least:
            break
    if pending:
        raise NobodyThere(f"{pending[0].mark.text}: no frame is shown at that time; name one of the part that is edited")
    marked = sorted(found)
    for index in marked:
        track[index] = found[index]
    for index, there in _followed(track, range(marked[0] - 1, -1, -1), found[marked[0]]):
        track[index] = there
    for index, there in _followed(track, range(marked[-1] + 1, len(track)), found[marked[-1]]):
        track[index] = there
    for begin, end in pairwise(marked):
        _follow_both_ways(track, begin, end)
    return track


def _follow_both_ways(track: Track, begin: int, end: int) -> None:
    """Follow the person between two frames in which that is known."""
    onwards = Track()
    for _, there in _followed(track, range(begin + 1, end), track[begin]):
        onwards.append(there)
    middle, parting = (begin + end) / 2, (begin + end) // 2
    agreed = False
    for index, there in _followed(track, range(end - 1, begin, -1), track[end]):
        track[index] = there
        if np.array_equal(there, onwards[index - begin - 1]) and (not agreed or abs(index - middle) < abs(parting - middle)):
            parting, agreed = index, True
    for index in range(begin + 1, min(parting + 1, end)):
        track[index] = onwards[index - begin - 1]


def _followed(track: Track, indices: Iterable[int], seen: Small) -> Iterator[tuple[int, Small]]:
    """From all people in some frames, who in each of them covers most of the person seen in the frame before."""
    for index in indices:
        labels, areas = connected(track[index])
        label = int(covered(labels, len(areas), seen).argmax())
        there = _region(labels, label) if label else np.zeros_like(seen)
        yield index, there
        if label:
            seen = there


def _region(labels: Labels, label: int) -> Small:
    return np.asarray(labels == label, np.uint8)
