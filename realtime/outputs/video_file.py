"""Where pictures go: video files, at the source's own frame times, with its sound copied unchanged."""

import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import av
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.stream import Stream
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from engines.errors import MediaError
from realtime.inputs.video_file import open_container
from realtime.packet import Packet
from realtime.yuv import ToYuv, even

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}  # that hold H.264 at any frame times
CONTAINER_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder")  # of the file they stand in, not of its film
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}  # what so many channels are where a file does not tell
MAX_TIMESCALE = 1_000_000  # ticks a second; some players fail at more
OPTIONS = {"mp4": {"movflags": "+faststart"}, "mov": {"movflags": "+faststart"}, "matroska": {"avoid_negative_ts": "disabled"}}
Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]


class VideoSink:
    """An H.264 file: yuv420p, BT.709, limited range, and tagged so. It appears in its place when it is complete, or not at all.

    Pictures are shown at their packets' times, rounded to `time_base` (Matroska: to the millisecond), in steps that need not
    be even. yuv420p halves colour both ways, so an odd height or width grows by one: the last row or column is repeated.
    Sound is copied packet by packet as the pictures come, never decoded. Subtitles and data streams are left out.

        with VideoSink("out.mp4", width=source.width, height=source.height, sound=Sound(source.path)) as sink:
            sink.write(packet)

    Leaving the `with` block closes the file and puts it in its place; leaving it by an error leaves nothing behind.

    Args:
        path: ends in .mp4, .m4v, .mov or .mkv.
        width, height: of the pictures, in pixels.
        rate: average frames per second, a hint for the encoder.
        time_base: unit of frame times in the file, in seconds.
        pixel_aspect: width of a pixel over its height.
        crf: constant rate factor of x264: 0 is lossless, 18 hardly to be told from the source, 51 the worst.
        preset: of x264: how long it looks for a smaller file.
        sound: whose audio streams are copied, or None.
        metadata: title, date, ...
        overwrite: whether a file already in that place may be replaced.

    Raises:
        MediaError: where the file cannot be written there, or cannot hold what it should.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        width: int,
        height: int,
        rate: Fraction | None = None,
        time_base: Fraction = Fraction(1, 90_000),
        pixel_aspect: Fraction = Fraction(1),
        crf: int = 18,
        preset: Preset = "veryfast",
        sound: "Sound | None" = None,
        metadata: Mapping[str, str] | None = None,
        overwrite: bool = False,
    ) -> None:
        self.path = Path(path)
        self._size = width, height
        self._time_base = time_base if time_base.denominator <= MAX_TIMESCALE else Fraction(1, 90_000)
        self._last: int | None = None
        self._convert = ToYuv(Colorspace.ITU709)
        self._sound = sound
        self._target = writable(self.path, overwrite=overwrite)
        # Beside it, so that moving it into place is one step; short, so that any name that fits a folder fits this one too.
        self._part = self._target.with_name(f".{secrets.token_hex(6)}.part{self.path.suffix.lower()}")
        self._container: OutputContainer | None = None
        try:
            with self._telling("choose another folder, .mkv, or --no-audio"):
                self._open(rate, pixel_aspect, crf, preset, metadata or {})
        except BaseException:
            self.abort()
            raise

    def _open(
        self, rate: Fraction | None, pixel_aspect: Fraction, crf: int, preset: Preset, metadata: Mapping[str, str]
    ) -> None:
        name = FORMATS[self.path.suffix.lower()]
        container = av.open(str(self._part), "w", format=name, options=OPTIONS[name])
        self._container = container
        container.metadata.update({key: text for key, text in metadata.items() if key not in CONTAINER_TAGS})
        width, height = self._size
        stream = container.add_stream("libx264", rate=rate or 30, options={"crf": str(crf), "preset": preset})
        stream.width, stream.height, stream.pix_fmt = even(width), even(height), "yuv420p"
        stream.time_base = stream.codec_context.time_base = self._time_base
        stream.codec_context.sample_aspect_ratio = pixel_aspect
        stream.codec_context.flags |= Flags.frame_duration  # else the last frame's time on screen is lost
        stream.codec_context.colorspace = Colorspace.ITU709
        stream.codec_context.color_range = ColorRange.MPEG
        stream.codec_context.color_primaries = ColorPrimaries.BT709
        stream.codec_context.color_trc = ColorTrc.BT709
        self._stream = stream
        if self._sound is not None:
            self._sound.join(container, self.path)
        container.start_encoding()

    def write(self, packet: Packet) -> None:
        """Encodes the picture of a packet: uint8 (H, W, 3) RGB of the sink's own size.

        Raises:
            MediaError: where the disk is full or otherwise fails.
            ValueError: for a packet with no picture, or one of another size.
        """
        picture = packet.picture
        if picture is None or picture.shape != (self._size[1], self._size[0], 3):
            raise ValueError(f"a picture of size {self._size} is needed, not {None if picture is None else picture.shape}")
        frame = self._convert(picture)
        frame.time_base = self._time_base
        ticks = round(packet.time / self._time_base)
        # Two times may round to one, and the encoder takes only rising ones.
        self._last = ticks if self._last is None else max(self._last + 1, ticks)
        frame.pts = self._last
        if packet.duration is not None:
            frame.duration = max(1, round(packet.duration / self._time_base))
        with self._telling("check the disk"):
            self._mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finishes the file and moves it into its place. Raises MediaError where the disk is full or otherwise fails."""
        if self._container is None:
            return
        try:
            with self._telling("check the disk"):
                self._mux(self._stream.encode(None))
                if self._sound is not None:
                    self._sound.copy(self._container)
                self._container.close()
                self._container = None
                self._part.replace(self._target)
        finally:
            self.abort()

    def abort(self) -> None:
        """Drops the file: nothing of it is left, and what was in its place stays. After `close` it does nothing."""
        container, self._container = self._container, None
        if container is not None:
            # Taken away while it is open, as far as the system allows: what close() has still to write would be in vain.
            for step in (self._part.unlink, container.close):
                with suppress(av.FFmpegError, OSError):
                    step()
        self._part.unlink(missing_ok=True)
        if self._sound is not None:
            self._sound.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if error is None:
            self.close()
        else:
            self.abort()

    def _mux(self, packets: "Iterable[av.Packet[VideoStream]]") -> None:
        assert self._container is not None
        for packet in packets:
            if self._sound is not None and packet.dts is not None:
                self._sound.copy(self._container, until=packet.dts * packet.time_base)
            self._container.mux(packet)

    @contextmanager
    def _telling(self, remedy: str) -> Iterator[None]:
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"{self.path}: cannot be written ({error.strerror or error}); {remedy}") from error


class Sound:
    """The audio streams of a file, to be copied into another, packet by packet.

    Args:
        path: of the file that has them.
        origin: seconds to take off its times, as its `VideoSource.origin` says.

    Raises:
        MediaError: for what is no readable media file.
    """

    def __init__(self, path: str | os.PathLike[str], *, origin: Fraction = Fraction(0)) -> None:
        self.path = Path(path)
        self._origin = origin
        self._container = open_container(self.path)
        self._copies: dict[int, AudioStream] = {}
        self._packets: Iterator[av.Packet[Stream]] = iter(())
        self._next: av.Packet[Stream] | None = None

    def join(self, container: OutputContainer, path: Path) -> None:
        """Adds its streams to a container that is being opened. Raises MediaError where `path` can't hold them."""
        for stream in self._container.streams.audio:
            name = stream.codec_context.name if stream.codec_context else "an unknown codec"
            try:
                if stream.codec_context is None:
                    raise ValueError(name)
                copy = container.add_stream_from_template(stream)
            except ValueError as error:
                remedy = " or ".join([*(f"write to {suffix}" for suffix in holding(name)), "use --no-audio"])
                raise MediaError(f"{path}: cannot hold the sound of {self.path} ({name}); {remedy}") from error
            if re.fullmatch(r"\d+ channels", stream.layout.name) and stream.channels in LAYOUTS:
                copy.codec_context.layout = LAYOUTS[stream.channels]  # MP4 wants it named, and not every file does
            copy.metadata.update(stream.metadata)
            copy.disposition = stream.disposition
            self._copies[stream.index] = copy
        self._packets = self._demux()
        self._next = next(self._packets, None)

    def copy(self, container: OutputContainer, until: Fraction | None = None) -> None:
        """Copies the packets up to a time in seconds, or all that are left."""
        while (packet := self._next) is not None:
            assert packet.dts is not None
            shift = round(self._origin / packet.time_base)
            if until is not None and (packet.dts - shift) * packet.time_base > until:
                return
            packet.stream = self._copies[packet.stream.index]
            packet.dts -= shift
            packet.pts = None if packet.pts is None else packet.pts - shift
            container.mux_one(packet)
            self._next = next(self._packets, None)

    def _demux(self) -> "Iterator[av.Packet[Stream]]":
        if not self._copies:
            return
        try:
            for packet in self._container.demux(*self._container.streams.audio):
                if packet.dts is not None:  # the last, empty one has none
                    yield packet
        except av.InvalidDataError:
            return  # the file is cut short: its frames end here, too
        except av.FFmpegError as error:
            raise MediaError(f"{self.path}: reading failed ({error.strerror}); check the file and its disk") from error

    def close(self) -> None:
        """Closes the file."""
        self._next = None
        self._container.close()


def holding(codec: str) -> list[str]:
    """The suffixes, out of .mp4, .mov and .mkv, of files that can hold a codec."""
    # Nothing is created by these names: a container makes its file when its header is written.
    return [x for x in (".mp4", ".mov", ".mkv") if codec in av.open(f"none{x}", "w", format=FORMATS[x]).supported_codecs]


def writable(path: Path, *, overwrite: bool) -> Path:
    """The file that writing to `path` would make, through links. Raises MediaError where that cannot or must not be."""
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise MediaError(f"{path}: is a folder; name a file in it")
        if path.suffix.lower() not in FORMATS:
            raise MediaError(f"{path}: unknown kind of video file '{path.suffix}'; end its name in {', '.join(FORMATS)}")
        if not target.parent.is_dir():
            raise MediaError(f"{path}: there is no folder {target.parent}; make it first")
        if target.exists() and not target.is_file():
            raise MediaError(f"{path}: is a device or a pipe; name a file")
        if target.exists() and not overwrite:
            raise MediaError(f"{path}: exists already; use --overwrite to replace it")
    except OSError as error:
        raise MediaError(f"{path}: cannot be a file ({error.strerror}); choose another name") from error
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise MediaError(f"{path}: the folder {target.parent} may not be written; choose another")
    return target
