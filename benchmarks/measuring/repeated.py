"""A live source of known frames."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from engines import Frame
from realtime.inputs.live_source import LiveSource
from realtime.packet import Packet


class RepeatedFrames(LiveSource):
    """Repeats frames at a rate, as a camera would, `count` of them or until it is stopped."""

    name = "repeated frames"

    def __init__(self, frames: Sequence[Frame], rate: int, count: int | None = None) -> None:
        super().__init__()
        self._frames = frames
        self._count = count
        self.height, self.width = frames[0].shape[:2]
        self.rate = Fraction(rate)

    def __iter__(self) -> Iterator[Packet]:
        index, begin = 0, self._clock.now()
        while self._count is None or index < self._count:
            due = begin + index / Fraction(self.rate or 1)
            if self._closed.wait(max(0.0, float(due - self._clock.now()))):
                return
            yield Packet(self._frames[index % len(self._frames)].copy(), self._clock.now(), index)
            index += 1
