"""Who is kept, looked up before a video is edited: a first pass over small frames, from and to those in which it was told."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from fractions import Fraction

from engines.engine import Engine, OverlappingEngine
from engines.geometry import SMALLEST, Size
from realtime.compositing.given_mask import NEIGHBOURS, MaskedSubject
from realtime.compositing.subjects import ChosenSubject
from realtime.compositing.tracking import Moment, track_marked
from realtime.inputs.video_file import VideoSource
from realtime.loop.mattes import mattes
from realtime.packet import Packet

LOOK_UP = 512  # px of the longer side of a frame, at most, in which somebody is only looked up


class Search:
    """The first pass for one person, on behalf of a part of a video: from a frame on that may not be the first.

    Args:
        subject: who is followed.
        begin: seconds between times of the video and those of its packets.
    """

    def __init__(self, subject: ChosenSubject, begin: Fraction) -> None:
        self.subject = subject
        self._moments = [Moment(mark, mark.time - begin) for mark in subject.marks if mark.time is not None]
        self._skipped = 0
        self._latest: Fraction | None = None  # time of the last frame before the part
        self._places: dict[Moment, int] = {}  # the last frame before the part that begins no later

    def skip(self, time: Fraction) -> None:
        """Note the time of a frame before the part; to be called for each, in order."""
        if not self._moments:
            self._moments = [Moment(self.subject.marks[0], time)]  # the first frame
        self._places.update((each, self._skipped) for each in self._moments if time <= each.time)
        self._latest = time
        self._skipped += 1

    @property
    def needed(self) -> bool:
        """Whether the person has to be looked up: it was not told in the first frame of the part, nor done before."""
        if not self._moments:
            return False
        last = self._moments[-1]
        if not self._known or self._latest is None or self._latest < last.time:
            return True
        return isinstance(self.subject, MaskedSubject) and self._skipped <= self._places.get(last, 0) + NEIGHBOURS

    @property
    def _known(self) -> bool:
        """Whether it is remembered who was kept last before the part."""
        return bool(self.subject.memory())

    def run(self, source: VideoSource, engine: Engine, size: Size, on_frame: Callable[[], object]) -> int:
        """Look the person up, and tell the subject. Return how many frames that took.

        Args:
            source: the video, from its first frame on, in a size that is fast; see `look_up_size`.
            engine: for the mattes.
            size: of the pictures that marks are given for.
            on_frame: called for each frame; what it raises ends the search.

        Raises NobodyThere if no frame is shown at the time of a mark, or nobody is there.
        """
        latest = self._latest
        before = [each for each in self._moments if latest is not None and each.time < latest]
        moments = self._moments[max(0, len(before) - 1) :]
        first = self._places.get(before[-1], 0) if before else max(0, self._skipped - 1)
        least = 0 if self._known else self._skipped
        deque(source.skip(first), maxlen=0)
        subject, count = self.subject, 0
        frames: Iterable[Packet] = source
        if isinstance(subject, MaskedSubject):
            frames = subject.seeing(source, moments, least)
        with closing(mattes(frames, engine)) as matted:

            def packets() -> Iterator[Packet]:
                nonlocal count
                for packet in matted:
                    count += 1
                    on_frame()
                    yield packet

            subject.track = track_marked(packets(), moments, size, least)
            subject.first = first
            if isinstance(subject, MaskedSubject):
                deque(packets(), maxlen=0)  # the frames behind, too
        return count


def look_up_size(engine: Engine, size: Size) -> Size | None:
    """In which size somebody is looked up in frames of `size`; None for the same as that of the result."""
    if isinstance(engine, OverlappingEngine):
        return None  # it is fast, but not at once ready for another size
    share = min(1.0, LOOK_UP / max(size))
    return Size(*(max(SMALLEST, round(side * share)) for side in size))
