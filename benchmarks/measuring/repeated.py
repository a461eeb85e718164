"""A live source of known frames, and a session of shm-live with it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction

from engines import Engine, Frame
from realtime import Packet, TemporalFilter
from realtime.compositing.playlist import Playlist
from realtime.inputs.live_source import LiveSource
from realtime.loop.following import follow
from realtime.loop.live_session import LiveSession
from realtime.outputs.output import Output


class RepeatedFrames(LiveSource):
    """`count` packets of some frames in turn, at a rate, as a camera would give them."""

    name = "repeated frames"

    def __init__(self, frames: Sequence[Frame], rate: int, count: int) -> None:
        super().__init__()
        self._frames = frames
        self._count = count
        self.height, self.width = frames[0].shape[:2]
        self.rate: Fraction = Fraction(rate)

    def __iter__(self) -> Iterator[Packet]:
        begin = self._clock.now()
        for index in range(self._count):
            due = begin + index / self.rate
            if self._closed.wait(max(0.0, float(due - self._clock.now()))):
                return
            yield Packet(self._frames[index % len(self._frames)].copy(), self._clock.now(), index)


@contextmanager
def live_session(
    frames: Sequence[Frame],
    rate: int,
    count: int,
    engine: Engine,
    bg: str,
    outputs: Sequence[Output] = (),
    notify: Callable[[str], object] = print,
) -> Iterator[LiveSession]:
    """What shm-live makes of such a source and its usual settings, without a window."""
    with RepeatedFrames(frames, rate, count) as source, Playlist([bg], notify=notify) as backgrounds:
        yield LiveSession(source, follow(engine), backgrounds, outputs, filters=[TemporalFilter()], notify=notify)
