"""Animated WebP as a video. FFmpeg does not decode it, and Pillow does."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from engines.errors import MattingError, MediaError
from realtime.choices import MAX_PIXELS
from realtime.inputs.containers import decoder_limit
from realtime.inputs.media.files import Media
from realtime.inputs.pictures import open_picture

TICK = Fraction(1, 1000)  # s, in which durations are stated
SHORTEST, USUAL = 10, 100  # ms: a picture of no longer is shown for that long, as browsers do
FRAGMENTS = {"movflags": "frag_every_frame+empty_moov+default_base_moof"}  # a part for each picture, with its duration


class AnimatedWebp(Media):
    """An animated WebP, shown once, with the durations of its pictures and what is clear in them.

    FFmpeg gets them from Pillow one by one, as a QuickTime file of raw pictures, so that memory holds only the file.
    """

    seekable = False

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._film: _Film | None = None

    def open(self, *, max_pixels: int | None = MAX_PIXELS) -> InputContainer:
        """Open it from its first picture on. Raises TooManyPixels, or MediaError if it is damaged."""
        limit = MAX_PIXELS if max_pixels is None else max_pixels
        self._film = _Film(self.path, limit)
        try:
            container = av.open(self._film, "r", format="mov", options={"protocol_whitelist": "none", **decoder_limit(limit)})
        except av.FFmpegError as error:
            self.check()
            raise MediaError(f"{self.path}: is a damaged WebP; check the file") from error
        self.check()
        return container

    def video(self, container: InputContainer) -> VideoStream:
        """The stream of its pictures."""
        return container.streams.video[0]

    def check(self) -> None:
        """Raise TooManyPixels, MediaError if no picture can be decoded, or an interruption as it is."""
        failure = None if self._film is None else self._film.failure
        if failure is not None and (isinstance(failure, MattingError) or not isinstance(failure, Exception)):
            raise failure

    def shortfall(self, last: Fraction) -> str | None:
        """A line that says so if its last pictures are damaged."""
        film = self._film
        if film is None or film.failure is None:
            return None
        return f"{self.path}: ends after {film.done} of {film.total} pictures; the rest is missing or damaged"


class _Film:
    """The QuickTime file that PyAV reads from, made as it is read."""

    def __init__(self, path: Path, max_pixels: int) -> None:
        self.name = str(path)
        self.failure: BaseException | None = None
        self.done = self.total = 0
        self._waiting = bytearray()
        self._steps = self._made(path, max_pixels)

    def read(self, size: int) -> bytes:
        """The next bytes; none at the end."""
        try:
            while len(self._waiting) < size and next(self._steps, self) is not self:
                pass
        except BaseException as error:  # of which PyAV would make another
            self.failure = error
        data = bytes(self._waiting[:size])
        del self._waiting[:size]
        return data

    def write(self, data: bytes) -> int:
        """Take bytes from FFmpeg's writer."""
        self._waiting += data
        return len(data)

    def _made(self, path: Path, max_pixels: int) -> Iterator[None]:
        with open_picture(path, max_pixels=max_pixels):  # which holds a lock: other pictures may be opened from then on
            image = Image.open(path, formats=("WEBP",))
        with image, av.open(self, "w", format="mov", options=FRAGMENTS) as film:
            self.total = getattr(image, "n_frames", 1)
            kind = "rgba" if image.mode == "RGBA" else "rgb24"
            stream: Any = film.add_stream("rawvideo", rate=round(1 / TICK))
            stream.width, stream.height, stream.pix_fmt = image.width, image.height, kind
            stream.time_base = stream.codec_context.time_base = TICK
            time = 0
            for number in range(self.total):
                frame, duration = _picture(image, number)
                frame.pts, frame.time_base = time, TICK
                for packet in stream.encode(frame):
                    packet.duration = duration
                    film.mux_one(packet)
                time += duration
                self.done += 1
                yield


def _picture(image: Image.Image, number: int) -> tuple[VideoFrame, int]:
    """A picture and its duration in ms."""
    image.seek(number)
    image.load()
    frame = VideoFrame.from_ndarray(np.asarray(image, np.uint8), format="rgba" if image.mode == "RGBA" else "rgb24")
    duration = int(image.info.get("duration", 0))
    return frame, duration if duration > SHORTEST else USUAL
