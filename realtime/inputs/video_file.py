"""Video files as frames: at their own presentation times, upright, in RGB."""

import itertools
import os
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from engines.engine import Frame
from engines.errors import MediaError
from engines.geometry import SMALLEST, Size
from realtime.choices import MAX_PIXELS
from realtime.inputs.formats import is_playlist, self_contained, shortfall, states_duration
from realtime.inputs.pictures import check_pixels, is_animated_webp, is_heif
from realtime.inputs.timestamps import MICROSECOND, Discontinuities, Timestamps
from realtime.packet import Packet
from realtime.pixels.opacity import flatten, opacity_of
from realtime.pixels.yuv import to_rgb

HOLE = Fraction(1, 2)  # s without pictures or sound in a file that has both: a part of it is lost
CUT_OFF = Fraction(1, 10)  # s before its stated end at which a file is cut off
DAMAGE = (av.InvalidDataError, av.ArgumentError, av.PatchWelcomeError)  # what FFmpeg raises for it


class VideoSource:
    """The frames of a video file, in order of presentation. Iterating again starts again.

    Packet times count from the start of the stream's own clock, or, in transport streams, whose clock starts anywhere, from the
    start of the file. Frames are rotated and mirrored as the first one is; if their size changes midway, they are scaled
    to the first one's. What is clear in frames with alpha is white, and their packets have an opacity. Damaged parts are
    skipped and counted in `damaged`.

    Attributes:
        path: the file.
        height, width: of the frames, in pixels, after rotation.
        frames: their number according to the file; an estimate, or None.
        rate: average frames per second, or None.
        duration: of the video stream in seconds, or None.
        time_base: the unit of frame times in the file, in seconds.
        origin: seconds subtracted from the file's own times to give packet times.
        pixel_aspect: width of a pixel over its height, after rotation.
        audio: names of the codecs of its audio streams.
        metadata: of the file: title, date, ...
        interlaced: whether a frame so far consists of two fields, which stay as they are.
        damaged: parts that could not be decoded so far.
        shortfall: after the last frame, a line that says so if the file should go on for longer; otherwise None.

    Args:
        path: of a video file of any format that FFmpeg reads.
        threads: of the decoder; by default all cores, four at most.
        max_pixels: of a frame; a file of larger ones is refused before it is decoded.

    Raises:
        TooManyPixels: if frames are larger than `max_pixels`.
        MediaError: if the file is not a video, has no frame, or is smaller than 32 pixels. While iterating: if reading fails.
    """

    def __init__(self, path: str | os.PathLike[str], *, threads: int | None = None, max_pixels: int = MAX_PIXELS) -> None:
        self.path = Path(path)
        self.damaged = 0
        self.shortfall: str | None = None
        self._max_pixels = max_pixels
        self._threads = threads or min(4, os.cpu_count() or 1)
        self._start()
        try:
            self._describe()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        self._container = open_container(self.path, max_pixels=self._max_pixels)
        self._reached = Fraction(0)  # where the last packet so far ends, by the file's own times
        self._frames_due = 0  # of packets that were decoded so far
        try:
            self._stream = video_stream(self._container, self.path)
            self._check_size()
            self._stream.thread_type = "AUTO"
            self._stream.codec_context.options = decoder_limit(self._max_pixels)  # frames may grow midway
            self._stream.codec_context.thread_count = self._threads
            self._timestamps = Timestamps(self._container, self._stream)
            self._discontinuities = Discontinuities(self._container, self._stream)
            frames = self._decode()
            first = next(frames, None)
            if first is None:
                raise MediaError(f"{self.path}: no frame in it can be decoded; is the file complete?")
        except BaseException:
            self._container.close()
            raise
        self._first: VideoFrame | None = first  # until iteration takes it
        self._frames: Iterator[VideoFrame] = itertools.chain([first], frames)

    def _check_size(self) -> None:
        size = self._stream.height, self._stream.width
        if not all(size):  # FFmpeg forgets a size that is over the limit
            with open_container(self.path, max_pixels=None) as container:
                stream = video_stream(container, self.path)
                size = stream.height, stream.width
        check_pixels(self.path, *size, self._max_pixels)

    def _describe(self) -> None:
        container, stream, first = self._container, self._stream, self._first
        assert first is not None
        self._coded_size = Size(first.height, first.width)
        self._converter, self._opacity_converter = VideoReformatter(), VideoReformatter()
        self.interlaced = first.interlaced_frame
        # Of the first frame alone: PyAV's side data and its frame refer to each other, and all would wait to be collected.
        self._orientation = Orientation.of(first)
        rotated = self._orientation.transpose
        self.width, self.height = (first.height, first.width) if rotated else (first.width, first.height)
        if min(self.width, self.height) < SMALLEST:
            size = Size(self.height, self.width)
            raise MediaError(f"{self.path}: {size} is too small; each side needs at least {SMALLEST} pixels")
        self.rate = stream.average_rate or stream.guessed_rate or None
        self.time_base = stream.time_base or Fraction(1, 90_000)
        self.origin = self._timestamps.origin
        self.duration: Fraction | None
        if container.format.name == "avi" and stream.frames and self.rate:
            self.duration = stream.frames / self.rate  # else FFmpeg takes the length of what is there
        elif stream.duration is not None:
            self.duration = stream.duration * self.time_base
        else:
            self.duration = None if container.duration is None else container.duration * MICROSECOND
        self.frames = stream.frames or (round(self.duration * self.rate) if self.duration and self.rate else None)
        aspect = stream.sample_aspect_ratio or Fraction(1)
        self.pixel_aspect = 1 / aspect if rotated else aspect
        self.audio = tuple(audio.codec_context.name if audio.codec_context else "unknown" for audio in container.streams.audio)
        self.metadata = dict(container.metadata)

    def __iter__(self) -> Iterator[Packet]:
        if self._first is None:
            self.close()
            self._start()
        self._first = None
        held: tuple[VideoFrame, Fraction] | None = None  # until the next one shows how long it is on screen
        index = 0
        for frame in self._frames:
            time = self._timestamps.time(
                frame, self._coded_duration(frame) or (1 / self.rate if self.rate else Fraction(1, 25))
            )
            if held is not None:
                yield self._packet(*held, index, time - held[1])
                index += 1
            held = frame, time
        if held is not None:
            self.shortfall = self._shortfall(held[1])
            yield self._packet(*held, index, self._last_duration(*held))

    def close(self) -> None:
        """Close the file."""
        self._first = None
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def _coded_duration(self, frame: VideoFrame) -> Fraction | None:
        return frame.duration * self.time_base if frame.duration else None

    def _last_duration(self, frame: VideoFrame, time: Fraction) -> Fraction | None:
        # MP4 stores how far apart frames are decoded, not shown; but it has the end of the stream.
        known = [self._coded_duration(frame)]
        jumped = self._discontinuities.jumps > 0
        if not jumped and self._stream.duration is not None and self._stream.start_time is not None:
            known.append((self._stream.start_time + self._stream.duration) * self.time_base - self.origin - time)
        return min((duration for duration in known if duration is not None and duration > 0), default=None)

    def _shortfall(self, last: Fraction) -> str | None:
        container = self._container
        length = self.duration if container.format.name == "avi" else (container.duration or 0) * MICROSECOND
        if not states_duration(container) or length is None or self._reached >= length - CUT_OFF:
            return None
        return shortfall(str(self.path), last, length)

    def _decode(self) -> Iterator[VideoFrame]:
        last: VideoFrame | None = None
        try:
            for packet in self._demux():
                if packet is not None:
                    self._discontinuities.follow(packet)
                    self._frames_due += bool(packet.size)
                try:
                    frames = self._stream.decode(packet)
                except DAMAGE:
                    self.damaged += 1
                else:
                    self._frames_due -= len(frames)
                    last = frames[-1] if frames else last
                    yield from frames
            # At the end, a damaged packet in one thread of the decoder takes the frames in the others with it.
            if self._frames_due > 0 and self._threads > 1 and last is not None and last.pts is not None:
                yield from self._decode_after(last.pts)
        except av.FFmpegError as error:
            raise MediaError(f"{self.path}: reading failed ({error.strerror}); check the file and its disk") from error

    def _decode_after(self, pts: int) -> Iterator[VideoFrame]:
        """The frames after one, decoded again from the key frame before it, by one thread."""
        if self._discontinuities.jumps:
            return  # times do not name places
        with open_container(self.path, max_pixels=self._max_pixels) as container, suppress(av.FFmpegError):
            stream = video_stream(container, self.path)
            stream.codec_context.options = decoder_limit(self._max_pixels)
            stream.codec_context.thread_count = 1
            container.seek(pts, stream=stream)
            for packet in container.demux(stream):
                try:
                    frames = stream.decode(packet)
                except DAMAGE:
                    self.damaged = max(self.damaged, 1)  # several threads may not have told
                else:
                    yield from (frame for frame in frames if frame.pts is not None and frame.pts > pts)

    def _demux(self) -> "Iterator[av.Packet[Any] | None]":
        audio = self._container.streams.audio
        continuous = bool(audio) and states_duration(self._container)
        try:
            for packet in self._container.demux(self._stream, *audio):
                if packet.pts is not None and not packet.is_corrupt:
                    begin = packet.pts * packet.time_base
                    if continuous and self._reached and begin > self._reached + HOLE:
                        self.damaged += 1  # FFmpeg went on behind it without a word
                    self._reached = max(self._reached, begin + (packet.duration or 0) * packet.time_base)
                if packet.stream.index == self._stream.index and (packet.size or packet.dts is None):
                    yield packet
        except DAMAGE:
            self.damaged += 1
            yield None  # the decoder still holds frames

    def _packet(self, frame: VideoFrame, time: Fraction, index: int, duration: Fraction | None) -> Packet:
        self.interlaced = self.interlaced or frame.interlaced_frame
        try:
            picture = to_rgb(frame, self._coded_size, self._converter)
            opacity = opacity_of(frame, self._coded_size, self._opacity_converter)
        except av.FFmpegError as error:
            raise MediaError(
                f"{self.path}: its colours ({frame.format.name}) cannot be read; convert it to H.264 first"
            ) from error
        if opacity is not None:
            picture = flatten(picture, opacity * np.float32(1 / 255))
            opacity = self._orientation.apply(opacity)
        return Packet(self._orientation.apply(picture), time, index, duration, opacity=opacity)


def open_container(path: Path, *, max_pixels: int | None = MAX_PIXELS) -> InputContainer:
    """Open a media file for reading. Raises MediaError if it is not one, or a playlist or script, which refers to others.

    With `max_pixels` of None nothing in it is decoded, and so its streams cannot be.
    """
    try:
        if path.is_dir():
            raise MediaError(f"{path}: is a folder; name one video file in it")
        if not path.exists():
            raise MediaError(f"{path}: no such file; check the name")
        if not path.is_file():
            raise MediaError(f"{path}: is a device or a pipe; name a video file")
        # An absolute path, so that FFmpeg does not mistake part of a name for a protocol.
        options = {"format_whitelist": self_contained(), "protocol_whitelist": "file"}
        # FFmpeg decodes some frames to describe a file: none that is too large, or none at all.
        options |= {"codec_whitelist": "none"} if max_pixels is None else decoder_limit(max_pixels)
        return av.open(str(path.absolute()), options=options, metadata_errors="replace")
    except PermissionError as error:
        raise MediaError(f"{path}: no permission to read it; check its permissions") from error
    except (av.FFmpegError, OSError) as error:
        if is_playlist(path):
            raise MediaError(f"{path}: is a playlist, not a video; name the video file itself") from error
        raise MediaError(f"{path}: is not a video that can be read ({error.strerror}); name a video file") from error


def decoder_limit(max_pixels: int) -> dict[str, str]:
    """The option by which FFmpeg refuses frames that are far too large. It counts rows with their padding, so they get room."""
    return {"max_pixels": str(2 * max_pixels)}


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The video stream that a player would show. Raises MediaError if there is none."""
    name = container.format.name
    if is_animated_webp(path):
        raise MediaError(f"{path}: is an animated WebP, which cannot be decoded as a video; convert it to GIF or MP4 first")
    if name == "image2" or name.endswith("_pipe") or is_heif(path):
        raise MediaError(f"{path}: is a picture, not a video; read it as a photo")
    stream = shown_video(container)
    if stream is None:
        raise MediaError(f"{path}: has no video that can be decoded; name a file with a video stream")
    return stream


def shown_video(container: InputContainer) -> VideoStream | None:
    """The video stream that a player would show, if there is one: not a cover picture, not text."""
    streams = [] if container.format.name == "tty" else container.streams.video
    videos = [
        stream
        for stream in streams
        if stream.codec_context is not None and not stream.disposition & av.stream.Disposition.attached_pic
    ]
    return max(videos, key=lambda stream: bool(stream.disposition & av.stream.Disposition.default), default=None)


class Orientation(NamedTuple):
    """Rotation of a decoded picture by the display matrix of its frame, to the nearest quarter turn."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> Self:
        """Read it from the side data of a frame."""
        side_data: Any = frame.side_data  # PyAV's own type of it is wrong
        matrix = next((data for data in side_data if data.type.name == "DISPLAYMATRIX"), None)
        if matrix is None:
            return cls()
        a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
        if abs(b) > abs(a):  # x' = ax + cy, y' = bx + dy
            return cls(True, c < 0, b < 0)
        return cls(False, a < 0, d < 0)

    def apply(self, picture: Frame) -> Frame:
        """Rotate and mirror a picture (H, W, 3), or (W, H, 3), upright."""
        if self.transpose:
            picture = np.asarray(cv2.transpose(picture), np.uint8)
        if self.flip_x or self.flip_y:
            code = -1 if self.flip_x and self.flip_y else int(self.flip_x)
            picture = np.asarray(cv2.flip(picture, code), np.uint8)
        return picture
