"""A live source of known frames."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from engines import Frame
from realtime import Packet
from realtime.inputs.live_source import LiveSource


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
