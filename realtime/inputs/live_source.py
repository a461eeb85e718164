"""Frames that come at their own pace, whether we are ready or not: what cameras, streams and clips that play have in common."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from engines.engine import Frame, Matte
from realtime.compositing.backgrounds import fitted
from realtime.inputs.video_file import VideoSource
from realtime.packet import Packet

NANOSECOND = Fraction(1, 1_000_000_000)
LATEST = Fraction(1, 4)  # s that a clip may be late before its clock is put back
NAP = 0.1  # s between two looks at whether a pause is over
SILENT = 1.5  # s without a picture after which that is told
STALL = 5.0  # s without a picture after which a source is opened anew
GONE = 0.5  # s: a read that fails sooner than this has not waited for a picture, its source is away
RETRY = 0.5  # s from one try to open a source anew to the next
HOLD = 5.0  # s that the last picture stays when none comes, unless told


class Clock:
    """Seconds since it was made, exact, never stepping back, and standing still while it is paused."""

    def __init__(self) -> None:
        self._start = time.monotonic_ns()
        self._paused_at: int | None = None
        self._lock = threading.Lock()

    def now(self) -> Fraction:
        """Seconds since the start, without the pauses."""
        with self._lock:
            return ((self._paused_at or time.monotonic_ns()) - self._start) * NANOSECOND

    def pause(self, paused: bool) -> None:
        """Stops the clock, or lets it go on."""
        with self._lock:
            if paused and self._paused_at is None:
                self._paused_at = time.monotonic_ns()
            elif not paused and self._paused_at is not None:
                self._start += time.monotonic_ns() - self._paused_at
                self._paused_at = None


class LiveSource:
    """Packets at their own pace; `packet.time` is when the frame came, and `delay` how long ago that was.

    Attributes:
        height, width: of the frames, in pixels.
        rate: frames a second, or None where it is not known.
        name: of the source, for the user.
    """

    height: int
    width: int
    rate: Fraction | None = None
    name: str

    def __init__(self) -> None:
        self._clock = Clock()
        self._closed = threading.Event()
        self._paused = False

    def __iter__(self) -> Iterator[Packet]:
        raise NotImplementedError

    def delay(self, packet: Packet) -> float:
        """Seconds since the frame of this packet came."""
        return float(self._clock.now() - packet.time)

    def pause(self, paused: bool) -> None:
        """Gives no packets, and lets no time pass, until it is called with False. A camera's pictures are lost meanwhile."""
        self._paused = paused
        self._clock.pause(paused)

    def stop(self) -> None:
        """Ends the iteration, from any thread, within a second or so (a network stream: three) even where no frame comes."""
        self._closed.set()

    def close(self) -> None:
        """Ends the iteration and gives back what the source holds. Not while another thread iterates: `stop` is for that."""
        self.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


class RestoredSource(LiveSource):
    """A source that may fall silent or go away: it is waited for, opened anew, and the user told of it.

    While nothing comes the last picture stands for `hold` seconds; then packets come that are `absent`: black, with an empty
    matte, so that the background is seen alone. Pictures of another size than the first are brought to its size.

    Args:
        hold: in seconds.
        tell: is told, in one line, when pictures stay away, come again, or change their size.
    """

    def __init__(self, *, hold: float = HOLD, tell: Callable[[str], object] = print) -> None:
        super().__init__()
        self._hold = hold
        self._tell = tell
        self._ended = False  # set where no more pictures are to be waited for
        self._size_told: tuple[int, ...] = ()

    def _read(self) -> Frame | None:
        """The next picture, uint8 RGB (H, W, 3), or None where none came in a second or so."""
        raise NotImplementedError

    def _reopen(self) -> None:
        """Tries to open the source anew. What comes of it, `_read` shows."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Packet]:
        numbers = itertools.count()
        last, told = time.monotonic(), False
        while not self._closed.is_set():
            asked = time.monotonic()
            picture = self._read()
            now = time.monotonic()
            if self._closed.is_set() or self._ended:
                return
            if picture is not None:
                if told:
                    self._tell(f"{self.name} gives pictures again")
                last, told = now, False
                if not self._paused:
                    yield Packet(self._fitted(picture), self._clock.now(), next(numbers))
                continue
            if not told and now - last > SILENT:
                self._tell(f"{self.name} gives no picture; waiting for it")
                told = True
            if now - asked < GONE:
                self._closed.wait(RETRY)
            if now - asked < GONE or now - last > STALL:
                self._reopen()
            if now - last > self._hold and not self._paused:
                yield self._absent(next(numbers))

    def _fitted(self, picture: Frame) -> Frame:
        if picture.shape[:2] == (self.height, self.width):
            return picture
        if picture.shape != self._size_told:
            self._size_told = picture.shape
            size = f"{picture.shape[1]}x{picture.shape[0]}"
            self._tell(f"{self.name} now gives {size}; it is brought to {self.width}x{self.height}")
        return fitted(picture, self.height, self.width, "cover")

    def _absent(self, index: int) -> Packet:
        nobody = np.zeros((self.height, self.width), np.float32)
        black = np.zeros((self.height, self.width, 3), np.uint8)
        small = np.zeros((8, 8), np.float32)
        return Packet(black, self._clock.now(), index, matte=Matte(nobody, black, small, small), absent=True)


class PacedClip(LiveSource):
    """A video file played at its own pace, as if a camera gave it.

    Args:
        path: the file.
        loop: whether it starts again at its end, for ever.
        size: (width, height) to bring its frames to, cutting off what is over.

    Raises MediaError for what is no video.
    """

    def __init__(self, path: Path, *, loop: bool = False, size: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.name = str(path)
        self._clip = VideoSource(path)
        self._loop = loop
        self.rate = self._clip.rate
        self.width, self.height = size or (self._clip.width, self._clip.height)

    def __iter__(self) -> Iterator[Packet]:
        if not self._paused:
            self._clock = Clock()  # the clip starts now, not when it was opened
        late = Fraction(0)
        for index, (moment, frame) in enumerate(self._frames()):
            wait = moment + late - self._clock.now()
            if wait < -LATEST:  # decoding does not keep up: better slow than ever later
                late -= wait
            while (wait := moment + late - self._clock.now()) > 0 or self._paused:
                if self._closed.wait(min(NAP, float(wait)) if wait > 0 else NAP):
                    return
            if self._closed.is_set():
                return
            if frame.shape[:2] != (self.height, self.width):
                frame = fitted(frame, self.height, self.width, "cover")
            yield Packet(frame, moment + late, index)

    def _frames(self) -> Iterator[tuple[Fraction, Frame]]:
        """Frames with their times in seconds from the start of the first pass."""
        step = 1 / (self._clip.rate or Fraction(25))
        begin = Fraction(0)
        while True:
            first: Fraction | None = None
            end = begin
            for packet in self._clip:
                first = packet.time if first is None else first
                moment = begin + packet.time - first
                end = moment + (packet.duration or step)
                yield moment, packet.frame
            if not self._loop:
                return
            begin = end

    def close(self) -> None:
        """Closes the file."""
        super().close()
        self._clip.close()
