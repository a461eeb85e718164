"""Which subjects stay in the matte: all, or one person alone, the largest or the one at a point; others become background."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.engine import Mask
from engines.errors import MediaError
from realtime.compositing.people import MIN_SHARE, Labels, People, Small, connected, grey_picture
from realtime.inputs.timestamps import parse_time
from realtime.packet import Packet

COLUMNS = 160  # of the small mask, along the longer side, at most
PERSON = 0.25  # alpha, averaged over a small pixel, from which that counts as a person
MARGIN = 3  # small pixels of soft edge around the subject
LARGER = 1.5  # times as large another person must be to become the subject
NEAR = 5  # small pixels by which a point may miss the person who is meant
POINT = re.compile(r"(\d+(?:\.\d+)?)(%?),(\d+(?:\.\d+)?)(%?)(?:@(.*))?")


class NobodyThere(MediaError):
    """A point at which a frame has no person, or a time at which there is no frame."""


@contextmanager
def naming(name: object) -> Iterator[None]:
    """Put the name of a picture or video before the message of a NobodyThere."""
    try:
        yield
    except NobodyThere as error:
        raise NobodyThere(f"{name}: {error}") from error


class Point(NamedTuple):
    """A point of a picture: pixels from the left and from the top, or per cent of its width and height.

    `time`, of the video in seconds, is that of the frame meant; None for the first.
    """

    text: str  # as it was written
    x: float
    y: float
    x_unit: str  # "%" or ""
    y_unit: str
    time: Fraction | None = None

    def scaled(self, height: int, width: int) -> tuple[float, float]:
        """Row and column from 0 to 1. Raises NobodyThere if the point is outside of a picture of this size."""
        row, column = (
            value / (100 if unit else size)
            for value, unit, size in ((self.y, self.y_unit, height), (self.x, self.x_unit, width))
        )
        if max(row, column) > 1:
            raise NobodyThere(f"{self.text} is outside of a picture of {width}x{height}; name a point on a person")
        return row, column

    def find(self, labels: Labels, size: tuple[int, int]) -> int:
        """The label of the region at the point, in a frame of `size`. Raises NobodyThere if there is none."""
        row, column = self.scaled(*size)
        rows, columns = np.nonzero(labels)
        distances = np.hypot(rows + 0.5 - row * labels.shape[0], columns + 0.5 - column * labels.shape[1])
        if not len(distances) or distances.min() > NEAR:
            raise NobodyThere(f"nobody is at {self.text}; name a point on a person")
        nearest = int(distances.argmin())
        return int(labels[rows[nearest], columns[nearest]])


class Mark(Protocol):
    """Who is meant, in one frame of a video."""

    @property
    def text(self) -> str:
        """As it was written."""
        ...

    @property
    def time(self) -> Fraction | None:
        """Of the video, in seconds: that of the frame; None for the first."""
        ...

    def find(self, labels: Labels, size: tuple[int, int]) -> int:
        """The label of the region that is meant, in a frame of `size`. Raises NobodyThere if there is none."""
        ...


class FollowedSubject:
    """Keeps one person of a stream, and makes the others background.

    Those who touch that person are cut off, if they were seen apart before. One object serves one stream.
    """

    def __init__(self) -> None:
        self._people: People | None = None  # of the last frame

    def __call__(self, packet: Packet) -> None:
        """Remove all others from the packet's alpha. Raises ValueError if the packet has no matte yet."""
        if packet.matte is None:
            raise ValueError("the packet has no matte yet: run the engine first")
        alpha = packet.matte.alpha
        height, width = alpha.shape
        mask = small_mask(alpha)
        self._people = self._find(packet, mask, grey_picture(packet.frame, mask.shape))
        if self._people is None:
            return
        subject = self._people.kept
        others = mask - subject
        if not others.any():
            return
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MARGIN + 1, 2 * MARGIN + 1))
        near = np.minimum(cv2.dilate(subject, disc), 1 - cv2.dilate(others, np.ones((3, 3), np.uint8)))
        near = np.maximum(near, subject)
        soft = cv2.GaussianBlur(near.astype(np.float32), (3, 3), 0)
        gate = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
        packet.matte = replace(packet.matte, alpha=np.asarray(cv2.multiply(alpha, gate), np.float32))

    def _find(self, packet: Packet, mask: Small, picture: Small) -> People | None:
        """Who is where in the small mask of a packet; None to leave the matte as it is, and forget."""
        raise NotImplementedError

    def memory(self) -> dict[str, NDArray[Any]]:
        """What is remembered of the stream: arrays that `recall` takes in another process; none while there is no subject."""
        return {} if self._people is None else self._people.memory()

    def recall(self, memory: Mapping[str, NDArray[Any]]) -> None:
        """Go on as the filter did from which `memory` is."""
        self._people = People.recalled(memory) if memory else None


class LargestSubject(FollowedSubject):
    """Keeps the largest person, until another is clearly larger."""

    def _find(self, packet: Packet, mask: Small, picture: Small) -> People | None:
        people = None if self._people is None else self._people.follow(mask, picture)
        if people is None or not people.kept.any():
            regions, areas = connected(mask)
            if len(areas) < 3 and areas.max() < MIN_SHARE * mask.size:
                return None
            return People.of(regions, areas, int(areas.argmax()), picture)
        other = people.largest_other()
        return people if other.sum() < LARGER * people.kept.sum() else people.keeping(other)


class ChosenSubject(FollowedSubject):
    """Keeps the person who is marked in the first frame, or in those at some times. While that person is away, nobody stays.

    Attributes:
        marks: who is meant, and when; in order of their times.
        track: the numbers of people in some frames, one after the other; to be set before the first packet.
        first: the index of the first of these frames.

    Args:
        marks: one or more; of several, each has a time.
    """

    def __init__(self, *marks: Mark) -> None:
        super().__init__()
        self.marks = sorted(marks, key=lambda mark: mark.time or 0)
        self.track: Sequence[Small] = ()
        self.first = 0

    def _find(self, packet: Packet, mask: Small, picture: Small) -> People:
        """Raises NobodyThere if nobody is where the mark is, or that is outside of the frame."""
        place = packet.index - self.first
        if 0 <= place < len(self.track):
            people = People.numbered(self.track[place], picture).follow(mask, picture, moved=False)
            if self._people is not None and not people.kept.any():
                people = replace(people, last=self._people.last)
            return people
        if self._people is None and not self.track:
            regions, areas = connected(mask)
            return People.of(regions, areas, self.marks[0].find(regions, packet.frame.shape[:2]), picture)
        return (self._people or People.numbered(self.track[-1], picture)).follow(mask, picture)


def small_mask(alpha: Mask) -> Small:
    """Where there are people in a matte: 0 or 1, of COLUMNS pixels along the longer side at most."""
    height, width = alpha.shape
    scale = min(1.0, COLUMNS / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return (cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) > PERSON).astype(np.uint8)


def subject_filter(keep: str, *, timed: bool = False) -> FollowedSubject | None:
    """What keeps who is asked for: "all", for which nothing is needed, "largest", or the one at a point such as "50%,320".

    With `timed`, a time may follow the point: "50%,320@12.5". Raises ValueError for anything else.
    """
    if keep == "all":
        return None
    if keep == "largest":
        return LargestSubject()
    found = POINT.fullmatch(keep) if isinstance(keep, str) else None
    if found is None or any(unit and float(value) > 100 for value, unit in (found.group(1, 2), found.group(3, 4))):
        raise ValueError(
            f"{keep}: is neither all nor largest nor a point; write one as X,Y in pixels or per cent, such as 50%,40%"
        )
    if found[5] is not None and not timed:
        raise ValueError(f"{keep}: names a time, which counts in video files alone; leave out @{found[5]}")
    try:
        time = None if found[5] is None else parse_time(found[5])
    except ValueError as error:
        raise ValueError(f"{keep}: has no time behind the @; write one such as 50%,40%@83.5 or 50%,40%@1:23.5") from error
    return ChosenSubject(Point(keep, float(found[1]), float(found[3]), found[2], found[4], time))
