"""Video files as frames: at their own presentation times, upright, in RGB."""

import itertools
import os
import threading
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import av
from av.video.frame import VideoFrame

from engines.arguments import check_kind, check_max_pixels, check_whole
from engines.errors import MediaError
from engines.geometry import Size
from realtime.chapters import chapters_of
from realtime.choices import LONGEST_SIDE, MAX_PIXELS
from realtime.closing import Closing
from realtime.inputs.containers import streams_beside
from realtime.inputs.decoder import Decoder
from realtime.inputs.formats import shortfall, states_duration
from realtime.inputs.media.files import Media
from realtime.inputs.media.kinds import media_of
from realtime.inputs.pictures import check_pixels, check_smallest, scaled_size, square_size
from realtime.inputs.timestamps import MICROSECOND, WHOLE, Excerpt, Timestamps, rate_of
from realtime.packet import Packet
from realtime.pixels.decoded import Pictures
from realtime.pixels.deinterlacing import Deinterlacer
from realtime.pixels.high_range import HighRange
from realtime.pixels.yuv import check_matrix, unreadable

PREROLL = Fraction(2)  # s before an excerpt: the first frames after a key frame may refer to frames before it
SEEKABLE = {"mp4", "matroska", "image2"}  # formats with an index, and clocks that do not jump
MOST_THREADS = 64  # of a decoder: many more cannot be started
CUT_OFF = Fraction(1, 10)  # s before its stated end at which a file is cut off


class Shown(NamedTuple):
    """A decoded frame, when it is shown and how long, in seconds."""

    frame: VideoFrame
    time: Fraction
    duration: Fraction | None


class VideoSource(Closing):
    """The frames of a video, or of an excerpt of it, in order of presentation. Iterating again starts again.

    Packet times count from the start of the stream's own clock, or, in transport streams, whose clock starts anywhere, and
    where its times begin below 0 or after a minute, from the start of the file; of an excerpt with a `start`, from its first
    frame. Frames are rotated and mirrored as the first one is; if their size changes midway, they are scaled to the first
    one's. What is clear in frames with alpha is white, and their packets have an opacity. Damaged parts are skipped and counted
    in `damaged`. An iteration raises ValueError once the file is closed or iterated again.

    Attributes:
        path: the file.
        media: what it is read from.
        height, width: of the frames, in pixels, after rotation.
        frames: their number according to the file; an estimate, or None.
        rate: average frames per second, or None.
        duration: of the video stream in seconds, or None.
        time_base: the unit of frame times in the file, in seconds.
        origin: seconds subtracted from the file's own times to give packet times.
        begin: time of the first frame, as an excerpt's `start` counts; 0 without a `start`: then packet times count so, too.
        end: packet time at which the last frame ends, once an excerpt that ends before the file does has been read; else None.
        pixel_aspect: width of a pixel over its height, after rotation.
        audio, subtitles: names of the codecs of its streams of sound, and of subtitles.
        fonts: the number of those attached for its subtitles.
        metadata: of the file: title, date, ...
        chapters: of the file, as far as they are in the excerpt.
        left_out: what else is in the file, in words; empty if nothing is.
        bit_depth: of a sample in the file; frames have 8 bits.
        high_range: what it has in PQ or HLG, or None; frames are of standard range.
        fine: whether packets hold what frames leave out of YUV of more bits; it may be set before the first is taken.
        keep_high_range: whether that is what frames leave out of `high_range`, where there is that; likewise.
        interlaced: whether a frame so far consisted of two fields, of which bwdif made one picture.
        damaged: parts that could not be decoded so far.
        shortfall: after the last frame, a line that says so if the file should go on for longer; otherwise None.

    Args:
        path: of a video file of any format that FFmpeg reads; or other media, such as `NumberedPictures`.
        threads: of the decoder; by default all cores, four at most.
        max_pixels: of a frame; a file of larger ones is refused before it is decoded.
        excerpt: which frames to read; all of them by default.
        size: to which frames are scaled, or their height, to which the width fits. The shape of what they show stays.
        square: whether frames are scaled to square pixels, as a screen has them; in place of `size`.

    Raises:
        TooManyPixels: if frames are larger than `max_pixels`.
        MediaError: if the file is not a video, has no frame in the excerpt, or is smaller than 32 pixels. While iterating: if
            reading fails.
        ValueError: for a `path` that names no file, or another argument of another form.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | Media,
        *,
        threads: int | None = None,
        max_pixels: int = MAX_PIXELS,
        excerpt: Excerpt = WHOLE,
        size: Size | int | None = None,
        square: bool = False,
    ) -> None:
        check_kind("excerpt", excerpt, Excerpt)
        check_max_pixels(max_pixels)
        self.media = media_of(path)
        self.path = self.media.path
        self._excerpt = excerpt
        self._wanted_size, self._square = size, square
        self.shortfall: str | None = None
        self._max_pixels = max_pixels
        if threads is not None:
            check_whole("threads", threads, MOST_THREADS)
        self._threads = threads or min(4, os.cpu_count() or 1)
        self._deinterlacer = Deinterlacer()
        self.fine = self.keep_high_range = False
        self._reading = threading.Lock()  # for one frame: FFmpeg would crash where a file is closed meanwhile
        self._start()

    def _start(self, *, seek: bool = True) -> None:
        self._container = self.media.open(max_pixels=self._max_pixels)
        self._passed = 0  # frames before the excerpt
        self.end: Fraction | None = None
        try:
            self._decoder = Decoder(self.media, self._container, threads=self._threads, max_pixels=self._max_pixels)
            self._stream = self._decoder.stream
            self._timestamps = Timestamps(self._container, self._stream)
            self.rate = rate_of(self._stream)
            self.time_base = self._stream.time_base or Fraction(1, 90_000)
            sought = seek and self._seek()
            frames = self._selected()
            first = next(frames, None)
            if sought and not self._passed:  # the key frame came too late
                self._container.close()
                self._start(seek=False)
                return
            if first is None:
                if self._passed:
                    raise MediaError(f"{self.path}: has no frame {self._excerpt}; choose other times")
                raise MediaError(f"{self.path}: no frame in it can be decoded; is the file complete?")
            self._describe(first.frame)
        except BaseException:
            self._container.close()
            raise
        self._frames: Iterator[Shown] = itertools.chain([first], frames)
        self._begun, self._skipped, self._closed = False, 0, False

    def _seek(self) -> bool:
        """Go to a key frame well before the excerpt, if the file has an index. Return whether that worked."""
        begin = (self._excerpt.start or 0) - PREROLL
        if begin <= 0 or not self.media.seekable or not set(self._container.format.name.split(",")) & SEEKABLE:
            return False
        last = (self._stream.duration or 1 << 62) - 1  # behind it, pictures cannot be sought, nor read then
        try:
            self._container.seek(min(int((begin + self._timestamps.origin) / self.time_base), last), stream=self._stream)
        except av.FFmpegError:
            return False
        return True

    def _describe(self, first: VideoFrame) -> None:
        container, stream = self._container, self._stream
        check_matrix(self.path, first)
        if not hasattr(self, "_to_picture"):
            self._to_picture = Pictures(first)
        rotated = self._to_picture.orientation.transpose
        native = Size(first.width, first.height) if rotated else Size(first.height, first.width)
        aspect = stream.sample_aspect_ratio or Fraction(1)
        aspect = 1 / aspect if rotated else aspect
        size = square_size(native, aspect) if self._square else scaled_size(native, self._wanted_size)
        for each in (native, size):
            check_smallest(self.path, *each)
            if max(each) > LONGEST_SIDE:
                raise MediaError(f"{self.path}: {each} is too large; a side has {LONGEST_SIDE} pixels at most; make it smaller")
        check_pixels(self.path, *size, self._max_pixels)
        self.height, self.width = size
        self.bit_depth = first.format.components[0].bits
        self._coded_size = Size(self.width, self.height) if rotated else size
        self.origin = self._timestamps.origin + self._shift
        self.begin = self._shift
        self.duration: Fraction | None
        if container.format.name == "avi" and stream.frames and self.rate:
            self.duration = stream.frames / self.rate  # else FFmpeg takes the length of what is there
        elif stream.duration is not None and stream.duration > 0:
            self.duration = stream.duration * self.time_base
        else:
            self.duration = None if container.duration is None else container.duration * MICROSECOND
            if self.duration is not None and "matroska" in container.format.name:  # counts from 0
                self.duration = max(Fraction(0), self.duration - self._timestamps.origin)
        self.frames = stream.frames or (round(self.duration * self.rate) if self.duration and self.rate else None)
        if not self.media.seekable:
            self.frames = self.duration = None  # what a stream says of that may be of its first part
        if self._excerpt != WHOLE:
            self.frames, self.duration = self._excerpt.length(self.duration, self.rate)
        self.pixel_aspect = aspect * Fraction(native.width, size.width) * Fraction(size.height, native.height)
        self.metadata = dict(container.metadata)
        self.chapters = chapters_of(container, self.origin, self.duration)
        self.audio, self.subtitles, self.fonts, self.left_out = streams_beside(container, stream)

    @property
    def damaged(self) -> int:
        return self._decoder.damaged

    @property
    def interlaced(self) -> bool:
        return self._deinterlacer.found

    @property
    def high_range(self) -> HighRange | None:
        return self._to_picture.high_range

    def __iter__(self) -> Iterator[Packet]:
        self._restart()
        self._begun = True
        for index, shown in enumerate(self._left(), self._skipped):
            yield self._packet(shown, index)

    def skip(self, count: int) -> Iterator[Fraction]:
        """Decode up to `count` frames, make no pictures of them, and yield their times. Iteration then goes on behind them."""
        self._restart()
        for shown in itertools.islice(self._left(), count):
            self._skipped += 1
            yield shown.time

    def _left(self) -> Iterator[Shown]:
        """The frames that are left. Raises ValueError once the file is closed, or read from its start again."""
        frames, container = self._frames, self._container
        while True:
            with self._reading:
                if self._closed or self._container is not container:
                    raise ValueError(f"{self.path}: was closed or begun anew while it was read; open it once for each reader")
                shown = next(frames, None)
            if shown is None:
                return
            yield shown

    def _restart(self) -> None:
        if self._begun:
            self.close()
            self._start()
        self.media.begin()

    def close(self) -> None:
        """Close the file."""
        self._begun = True
        with self._reading:
            self._closed = True
            self.media.close(self._container)

    def _selected(self) -> Iterator[Shown]:
        """The frames of the excerpt."""
        excerpt, count = self._excerpt, 0
        self._shift = Fraction(0)
        for frame, time, duration in self._timed():
            if excerpt.start is not None and time < excerpt.start:
                self._passed += 1
                continue
            if excerpt.end is not None and time >= excerpt.end:
                self._passed += not count
                return
            if not count and excerpt.start is not None:
                self._shift = time
            count += 1
            time -= self._shift
            if excerpt.end is not None or count == excerpt.frames:
                self.end = time + (duration or 0)
            yield Shown(frame, time, duration)
            if count == excerpt.frames:
                return

    def _timed(self) -> Iterator[Shown]:
        """All frames."""
        held: tuple[VideoFrame, Fraction] | None = None  # until the next one shows how long it is on screen
        for frame in self._pictures():
            time = self._timestamps.time(frame, self._coded_duration(frame) or 1 / (self.rate or Fraction(25)))
            if held is not None:
                yield Shown(*held, time - held[1])
            held = frame, time
        if held is not None:
            self.shortfall = self._shortfall(held[1]) or self.media.shortfall(held[1])
            yield Shown(*held, self._last_duration(*held))

    def _coded_duration(self, frame: VideoFrame) -> Fraction | None:
        return frame.duration * self.time_base if frame.duration else None

    def _last_duration(self, frame: VideoFrame, time: Fraction) -> Fraction | None:
        # MP4 stores how far apart frames are decoded, not shown; but it has the end of the stream.
        known = [self._coded_duration(frame)]
        if not self._decoder.jumped and self._stream.duration is not None and self._stream.start_time is not None:
            known.append((self._stream.start_time + self._stream.duration) * self.time_base - self._timestamps.origin - time)
        return min((duration for duration in known if duration is not None and duration > 0), default=None)

    def _shortfall(self, last: Fraction) -> str | None:
        end = self._stated_end()
        if not states_duration(self._container) or self._decoder.reached >= end - CUT_OFF:
            return None
        return shortfall(str(self.path), last, end - self._timestamps.origin)

    def _stated_end(self) -> Fraction:
        """Where the file says that it ends, by its own times; 0 if it does not say so."""
        container = self._container
        begin, length = ((each or 0) * MICROSECOND for each in (container.start_time, container.duration))
        if container.format.name == "avi":
            return self._stream.frames / self.rate if self.rate else Fraction(0)
        if begin < 0 and "mov" in container.format.name:  # FFmpeg takes its sound to begin at 0, and adds what is before
            return begin + max(
                (each.duration or 0) * (each.time_base or 0) for each in (self._stream, *container.streams.audio)
            )
        return length + min(Fraction(0), self._timestamps.origin) if container.format.name == "flv" else length

    def _pictures(self) -> Iterator[VideoFrame]:
        try:
            yield from self._deinterlacer(self._decoder.frames(), self.time_base)
        except av.FFmpegError as error:
            raise MediaError(f"{self.path}: reading failed ({error.strerror}); check the file and its disk") from error

    def _packet(self, shown: Shown, index: int) -> Packet:
        frame, time, duration = shown
        try:
            decoded = self._to_picture(frame, self._coded_size, fine=self.fine, high_range=self.keep_high_range)
        except av.FFmpegError as error:
            begin = f"from {float(time):.2f} s on " if index else ""
            raise unreadable(f"{self.path}: {begin}".rstrip(), frame) from error
        return Packet(decoded.picture, time, index, duration, opacity=decoded.opacity, fine=decoded.fine)
