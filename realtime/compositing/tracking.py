"""Whom to keep before and between the frames in which that was told: a first pass over the mattes, and who is followed in them.

Masks and pictures of the first pass are small, and lie in temporary files: memory does not grow with the length of a video.
"""

import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple, overload

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime.compositing.people import People, Small, connected, grey_picture
from realtime.compositing.subjects import Mark, NobodyThere, small_mask
from realtime.packet import Packet
from realtime.scratch import temporary_errors

SIZE = 4  # bytes of the length of an encoded picture
AGREEMENT = 0.5  # share of two masks that has to be in both for one person's


class Track(Sequence[Small]):
    """Small pictures, (h, w) each, of the frames of a stream, in a temporary file.

    Args:
        suffix: of the format that they are kept in: ".png", without loss, or ".jpg".

    Raises MediaError, also later, if that file cannot be written.
    """

    def __init__(self, suffix: str = ".png") -> None:
        self._suffix = suffix
        with temporary_errors():
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed, and so removed, with this object
        self._offsets = array("q")  # of each in the file, at its length

    def append(self, picture: Small) -> None:
        """Add the picture of the next frame."""
        self._offsets.append(0)
        self[-1] = picture

    def __len__(self) -> int:
        return len(self._offsets)

    @overload
    def __getitem__(self, index: int) -> Small: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Small]: ...
    def __getitem__(self, index: int | slice) -> Small | Sequence[Small]:
        if isinstance(index, slice):
            return [self[each] for each in range(len(self))[index]]
        with temporary_errors():  # what was written last may only reach the disk now
            self._file.seek(self._offsets[index])
            encoded = self._file.read(int.from_bytes(self._file.read(SIZE)))
        return np.asarray(cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)

    def __setitem__(self, index: int, picture: Small) -> None:
        encoded = cv2.imencode(self._suffix, picture)[1].tobytes()
        with temporary_errors():
            self._offsets[index] = self._file.seek(0, os.SEEK_END)
            self._file.write(len(encoded).to_bytes(SIZE) + encoded)


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
    they agree, the one nearest to the middle: in it, two people touch. The track has numbers as `People` have them.

    Args:
        packets: consecutive ones, with their mattes, of any one size. They are taken up to the last mark.
        moments: at least one, in order of their times, none before the first packet.
        size: height and width of the pictures that marks are given for.
        least: packets are also taken up to this number of the stream's.

    Raises:
        NobodyThere: if no frame is shown at one of the times, or nobody is where a mark is.
    """
    track, pictures, pending, found = Track(), Track(".jpg"), list(moments), dict[int, People]()
    for packet in packets:
        mask = small_mask(packet.fetch().alpha)
        picture = grey_picture(packet.frame, mask.shape)
        track.append(mask)
        pictures.append(picture)
        if pending and shown(packet, pending[0].time):
            regions, areas = connected(mask)
            found[len(track) - 1] = People.of(regions, areas, pending.pop(0).mark.find(regions, size), picture)
        if pending and packet.time > pending[0].time:
            break
        if not pending and packet.index + 1 >= least:
            break
    if pending:
        raise NobodyThere(f"{pending[0].mark.text}: no frame is shown at that time; name one of the part that is edited")
    marked = sorted(found)
    first, last = marked[0], marked[-1]
    for index, numbers in _followed(track, pictures, range(first - 1, -1, -1), found[first]):
        track[index] = numbers
    for index, numbers in _followed(track, pictures, range(last + 1, len(track)), found[last]):
        track[index] = numbers
    for begin, end in pairwise(marked):
        _follow_both_ways(track, pictures, found, begin, end)
    for index, people in found.items():
        track[index] = people.numbers
    return track


def _follow_both_ways(track: Track, pictures: Track, found: Mapping[int, People], begin: int, end: int) -> None:
    """Follow the person between two frames in which that is known."""
    onwards = Track()
    for _, numbers in _followed(track, pictures, range(begin + 1, end), found[begin]):
        onwards.append(numbers)
    middle, parting = (begin + end) / 2, (begin + end) // 2
    agreed = False
    for index, numbers in _followed(track, pictures, range(end - 1, begin, -1), found[end]):
        track[index] = numbers
        nearer = abs(index - middle) < abs(parting - middle)
        if (not agreed or nearer) and _agree(numbers == 1, onwards[index - begin - 1] == 1):
            parting, agreed = index, True
    for index in range(begin + 1, min(parting + 1, end)):
        track[index] = onwards[index - begin - 1]


def _agree(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> bool:
    """Whether two masks are of the same person, or both of nobody."""
    return bool(np.count_nonzero(one & other) >= AGREEMENT * np.count_nonzero(one | other))


def _followed(track: Track, pictures: Track, indices: Iterable[int], people: People) -> Iterator[tuple[int, Small]]:
    """From all people in some frames, one after the other, the numbers of those of the frame before."""
    for index in indices:
        people = people.follow(track[index], pictures[index])
        yield index, people.numbers
