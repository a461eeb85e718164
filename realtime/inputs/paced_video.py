"""A video file that plays at its own pace, as if a camera delivered it."""

import os
from collections.abc import Callable, Iterator
from fractions import Fraction

from engines.geometry import Size
from realtime.choices import MAX_PIXELS
from realtime.inputs.live_source import LiveSource, PausableClock
from realtime.inputs.video_file import VideoSource
from realtime.packet import Packet
from realtime.paths import named
from realtime.pixels.resize import resize_to_fit

MAX_LAG = Fraction(1, 4)  # s behind its clock until a video's clock is set back
NAP = 0.1  # s between two checks whether a pause is over


class PacedVideo(LiveSource):
    """A video file at its own pace, in square pixels, as a screen has them.

    Args:
        path: the file.
        loop: start again at its end, for ever.
        size: to resize its frames to, cropping what is over.
        max_pixels: of a frame: see `VideoSource`.
        notify: called with a line if the file turns out to be cut off.

    Raises MediaError if it is not a readable video; ValueError for an argument of another form.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        loop: bool = False,
        size: Size | None = None,
        max_pixels: int = MAX_PIXELS,
        notify: Callable[[str], object] = print,
    ) -> None:
        if size is not None and not isinstance(size, Size):
            raise ValueError(f"size {size!r}: give realtime.Size(height=480, width=640)")
        super().__init__()
        self._notify = notify
        self.name = str(named(path))
        self._video = VideoSource(path, max_pixels=max_pixels, square=True)
        self._loop = loop
        self.rate = self._video.rate
        self.interlaced = self._video.interlaced
        self.height, self.width = size or Size(self._video.height, self._video.width)

    def __iter__(self) -> Iterator[Packet]:
        if not self._paused:
            self._clock = PausableClock()  # the video starts now, not when it was opened
        late = Fraction(0)
        for index, (moment, packet) in enumerate(self._frames()):
            wait = moment + late - self._clock.now()
            if wait < -MAX_LAG:  # decoding is too slow: better to play slowly than to fall further behind
                late -= wait
            while (wait := moment + late - self._clock.now()) > 0 or self._paused:
                if self._closed.wait(min(NAP, float(wait)) if wait > 0 else NAP):
                    return
            if self._closed.is_set():
                return
            frame, opacity = packet.frame, packet.opacity
            if frame.shape[:2] != (self.height, self.width):
                frame = resize_to_fit(frame, self.height, self.width, "cover")
                opacity = None if opacity is None else resize_to_fit(opacity, self.height, self.width, "cover")
            yield Packet(frame, moment + late, index, opacity=opacity)

    def _frames(self) -> Iterator[tuple[Fraction, Packet]]:
        """Packets with their times in seconds since the start of the first pass."""
        step = 1 / (self._video.rate or Fraction(25))
        begin = Fraction(0)
        while True:
            first: Fraction | None = None
            end = begin
            for packet in self._video:
                first = packet.time if first is None else first
                moment = begin + packet.time - first
                end = moment + (packet.duration or step)
                yield moment, packet
            if self._video.shortfall is not None and not begin:
                self._notify(self._video.shortfall)
            if not self._loop:
                return
            begin = end

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._video.close()
