"""Video files of pictures, at the source's own frame times, with its audio and subtitles copied."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from fractions import Fraction
from itertools import chain
from numbers import Rational
from pathlib import Path

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from engines.arguments import check_above_zero, check_fraction, check_kind, check_whole
from engines.atomic import replacing
from engines.errors import MediaError
from realtime.chapters import Chapter, add_chapters
from realtime.choices import PIPE, PRESET, OutputKind, Preset
from realtime.outputs.encoding.encoder import Encoder
from realtime.outputs.encoding.scheduling import scheduling_kept
from realtime.outputs.formats import CONTAINERS, FIFO, OPTIONS, RECOVERABLE, codec_for, delays_kept, suffix_of
from realtime.outputs.fragments import cut_after_last_fragment
from realtime.outputs.pixel_shape import Reshaped, reserve_shape
from realtime.outputs.sink import Sink
from realtime.outputs.standard_output import StandardOutput
from realtime.outputs.target import check_suffix, check_target
from realtime.outputs.tracks.audio import AudioCopier, AudioNotSupported, mux_beside
from realtime.outputs.tracks.subtitles import SPARSE, SubtitleCopier
from realtime.packet import Packet
from realtime.paths import named
from realtime.pixels.high_range import HighRange

CONTAINER_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder")  # of a container, not of its video
MAX_TIMESCALE = 1_000_000  # ticks a second; some players fail at more
LONGEST_DELAY = 86_400  # s between decoding and showing a frame
MAX_DURATION = 2**31 - 1  # ticks that MP4 can hold
MOST_BITS = 64  # of a sample


class VideoSink(Sink):
    """A video file in a format of `realtime.outputs.formats`. It appears when it is complete, or not at all.

    Pictures are shown at their packets' times, rounded to `time_base` (Matroska, WebM: to the millisecond), in steps that need
    not be even. YUV is BT.709, of limited range, and tagged so. Where colour is subsampled, an odd height or width grows by
    one: the last row or column is repeated. Audio and subtitles are copied as the pictures come. Data streams are left out.

        with VideoSink("out.mp4", width=source.width, height=source.height, audio=AudioCopier(source.path)) as sink:
            sink.write(packet)

    Leaving the `with` block completes the file; leaving it by an error leaves nothing behind, nor does a sink that is never
    closed. A symbolic link at `path` stays, and its target is replaced.

    Args:
        path: its suffix is one of `realtime.outputs.formats.CONTAINERS`; or "-", standard output, for Matroska as it comes.
        width, height: of the pictures, in pixels.
        rate: average frames per second, a hint for the encoder.
        time_base: unit of frame times in the file, in seconds.
        pixel_aspect: width of a pixel over its height.
        kind: what the file shows; see `Sink`.
        codec: a name of `realtime.outputs.formats.CODECS`; by default the first that `path` can hold.
        premultiplied: whether the colours of a cut-out are multiplied by alpha, as on black; otherwise alpha is straight.
        crf: constant rate factor: 0 is the best, of x264 lossless, and 18 visually lossless; by default the codec's own.
        bitrate: average, in bits/s, instead of a constant quality.
        preset: a slower one makes a smaller file.
        bit_depth: of the source. With more than 8, pictures are encoded in 10 bits where the codec has them.
        high_range: of the source, to be kept: the file gets its signal and tags, in 10 bits, and packets' `fine` leads to it.
            None for standard range. A file of the matte alone is always of that.
        nvenc: encode on an NVIDIA GPU. Where that cannot be opened, `software_because` says why.
        audio: the audio streams to copy, or None.
        subtitles: the subtitles to copy, or None; made for `path`.
        metadata: title, date, ...
        chapters: of the video; Matroska does not hold them beside some sound: see `AudioCopier.beside_chapters`.
        overwrite: whether an existing file may be replaced.
        recoverable: write so that the file plays as far as it has come. If the disk fails, that is kept; if the process is
            killed, it stays beside `path`: see `engines.atomic.left_behind`. At the end the file is as any other.

    Raises:
        MediaError: if the file cannot be written there, or cannot hold what it should; later ReaderGone, of standard output.
        ValueError: for an unknown codec, a `crf` that it does not take, a `rate` or `time_base` that is no number above 0, or
            high range that it, or NVENC, does not keep.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        width: int,
        height: int,
        rate: Fraction | float | None = None,
        time_base: Fraction = Fraction(1, 90_000),
        pixel_aspect: Fraction = Fraction(1),
        kind: OutputKind = "composite",
        codec: str | None = None,
        premultiplied: bool = False,
        crf: int | None = None,
        bitrate: int | None = None,
        preset: Preset = PRESET,
        bit_depth: int = 8,
        high_range: HighRange | None = None,
        nvenc: bool = False,
        audio: AudioCopier | None = None,
        subtitles: SubtitleCopier | None = None,
        metadata: Mapping[str, str] | None = None,
        chapters: Sequence[Chapter] = (),
        overwrite: bool = False,
        recoverable: bool = False,
    ) -> None:
        path = named(path)
        if rate is not None:
            check_above_zero("rate", rate, "25")
        check_fraction("pixel_aspect", pixel_aspect, "Fraction(16, 15)")
        check_whole("bit_depth", bit_depth, MOST_BITS)
        for name, copier, copies in (("audio", audio, AudioCopier), ("subtitles", subtitles, SubtitleCopier)):
            if copier is not None:
                check_kind(name, copier, copies)
        _check_descriptions(metadata, chapters, high_range)
        piped = path == PIPE and not recoverable
        if not piped:
            check_target(path, overwrite=overwrite)
        super().__init__(path, width=width, height=height, kind=kind, codec=codec_for(path, kind, codec))
        if not piped:
            check_suffix(path, CONTAINERS, "video file")  # and not a sequence
        self._time_base = time_unit(time_base)
        self._last: int | None = None
        self._recoverable = recoverable
        self._audio = audio
        if audio is not None and chapters:
            audio.beside_chapters = True
        self._copiers = [each for each in (audio, subtitles) if each is not None]
        self._encoder = Encoder(
            path,
            self.codec,
            kind,
            (width, height),
            premultiplied=premultiplied,
            crf=crf,
            bitrate=bitrate,
            preset=preset,
            bit_depth=bit_depth,
            high_range=high_range,
            nvenc=nvenc,
        )
        self.software_because = self._encoder.software_because
        self._output = StandardOutput(str(path)) if piped else None
        self._replacing: AbstractContextManager[Path | StandardOutput] = self._output or replacing(
            self.path, overwrite=overwrite, keep=recoverable
        )
        with self._media_errors("choose another name"):
            self._unfinished = self._replacing.__enter__()
        self._container: OutputContainer | None = None
        try:
            with self._media_errors("choose another folder"):
                rate = rate if rate is None or isinstance(rate, Rational) else Fraction(float(rate)).limit_denominator(1001)
                self._open(rate, pixel_aspect, metadata or {}, chapters)
        except BaseException:
            self.abort()
            raise

    def _open(
        self,
        rate: Fraction | None,
        pixel_aspect: Fraction,
        metadata: Mapping[str, str],
        chapters: Sequence[Chapter],
    ) -> None:
        name = CONTAINERS[suffix_of(self.path)]
        of_container = RECOVERABLE[name] if self._recoverable or self._output is not None else OPTIONS[name]
        if name == "matroska" and self._output is None and self._audio is not None and self._audio.wav_tagged:
            name, of_container = "fifo", FIFO  # PyAV refuses these codecs for Matroska itself
        of_container = {**of_container, **delays_kept(name, self._time_base)}
        if any(isinstance(each, SubtitleCopier) for each in self._copiers):
            of_container = {**of_container, **SPARSE}
        # An absolute path, so that FFmpeg does not mistake part of a name for a protocol.
        file = self._unfinished.absolute() if isinstance(self._unfinished, Path) else Reshaped(self._unfinished)
        container = av.open(file, "w", format=name, options=of_container)
        self._container = container
        container.metadata.update({key: text for key, text in metadata.items() if key not in CONTAINER_TAGS})
        add_chapters(container, chapters)
        stream = self._stream = self._encoder.add_stream(container, rate, self._time_base, pixel_aspect)
        self._shape = reserve_shape(container, stream, pixel_aspect)
        if isinstance(file, Reshaped):
            file.shape = self._shape
        with self._audio_errors():
            for each in self._copiers:
                each.attach(container, self.path)
        with scheduling_kept():
            stream.codec_context.open()
            with self._audio_errors():  # the pictures alone would be no trouble
                container.start_encoding()

    def write(self, packet: Packet) -> None:
        """Encode what the file shows of a packet, of the sink's own size: its picture, uint8 RGB (H, W, 3), its alpha, or both.

        Raises:
            MediaError: if the disk is full or otherwise fails.
            ValueError: for a packet with no picture or matte, one of another size, or with a time before 0, and after `close`
                or `abort`.
        """
        shown = self._shown(packet)
        if packet.time < 0:
            raise ValueError(f"a packet at {float(packet.time):g} s: times begin at 0; subtract that of the first packet")
        frame = self._encoder.frame(*shown, packet.fine)
        frame.time_base = self._time_base
        ticks = round(packet.time / self._time_base)
        # Two times may round to one, but the encoder takes only rising ones.
        self._last = ticks if self._last is None else max(self._last + 1, ticks)
        frame.pts = self._last
        if packet.duration is not None:
            frame.duration = min(max(1, round(packet.duration / self._time_base)), MAX_DURATION)
        with self._recovering(), self._media_errors("check the disk"):
            self._mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file and move it into place. Raises MediaError if no packet came, or the disk fails."""
        self._over = True
        if self._container is None:
            return
        if self._last is None:
            self.abort()
            raise self._nothing()
        try:
            with self._recovering(), self._media_errors("check the disk"):
                self._mux(self._stream.encode(None))
                for each in self._copiers:
                    each.copy(self._container)
                self._container.close()
                self._container = None
                self._set_shape()
                self._replacing.__exit__(None, None, None)
        finally:
            self.abort()

    @contextmanager
    def _recovering(self) -> Iterator[None]:
        """After an error, keep a recoverable file as far as it has come, and say so in the error; drop any other."""
        try:
            yield
        except MediaError as error:
            container = self._container
            if not self._recoverable or container is None:
                self.abort()
                raise
            self._over, self._container = True, None
            with suppress(av.FFmpegError, OSError):
                container.close()
            if isinstance(self._unfinished, Path) and container.format.name not in ("matroska", "webm"):  # they need no cut
                with suppress(OSError):
                    cut_after_last_fragment(self._unfinished)
            with suppress(OSError):
                self._set_shape()
            self._replacing.__exit__(None, None, None)
            raise MediaError(f"{error}; the file is kept as far as it has come") from error

    def _set_shape(self) -> None:
        if self._shape is not None and isinstance(self._unfinished, Path):
            self._shape.put_into_file(self._unfinished)

    def abort(self) -> None:
        """Drop the file: nothing of it is left, and an existing file stays. After `close` it does nothing."""
        self._over = True
        container, self._container = self._container, None
        if container is not None:
            # Removed while it is open, as far as the system allows: what close() still has to write would be in vain.
            drop = self._unfinished.unlink if isinstance(self._unfinished, Path) else self._unfinished.release
            for step in (drop, container.close):
                with suppress(av.FFmpegError, OSError):
                    step()
        self._replacing.__exit__(GeneratorExit, GeneratorExit(), None)
        for each in self._copiers:
            each.close()

    def __del__(self) -> None:
        # FFmpeg's fifo would free its queue while its thread still waits at it, and hang.
        if getattr(self, "_container", None) is not None:
            self.abort()

    def release(self) -> None:
        """Stop waiting for the reader of standard output."""
        if self._output is not None:
            self._output.release()

    def _mux(self, packets: "Iterable[av.Packet[VideoStream]]") -> None:
        assert self._container is not None
        for packet in packets:
            if packet.pts is not None and packet.dts is not None:
                delay = (packet.pts - packet.dts) * packet.time_base
                if not 0 <= delay <= LONGEST_DELAY:  # x265 leaves it unset in a video of fewer frames than its own delay
                    packet.dts = packet.pts
            mux_beside(self._container, packet, self._copiers)

    @contextmanager
    def _media_errors(self, remedy: str) -> Iterator[None]:
        try:
            yield
        except (OSError, av.FFmpegError) as error:
            if self._output is not None:
                self._output.check()
            if isinstance(error, OSError):
                raise MediaError(f"{self.path}: cannot be written ({error.strerror or error}); {remedy}") from error
            raise MediaError(f"{self.path}: cannot be encoded ({error.strerror}); write to another format") from error

    @contextmanager
    def _audio_errors(self) -> Iterator[None]:
        """Blame the audio, if there is some, for an error of FFmpeg that is none of the system."""
        try:
            yield
        except av.FFmpegError as error:
            if self._audio is None or isinstance(error, OSError):
                raise
            raise AudioNotSupported(
                f"{self.path}: the audio of {self._audio.path} cannot be copied to it ({error.strerror}); leave the audio out"
            ) from error


def _check_descriptions(metadata: object, chapters: object, high_range: object) -> None:
    """Raise ValueError unless what a file is to say of itself has a form that it can say."""
    texts = chain(*metadata.items()) if isinstance(metadata, Mapping) else [None]
    if metadata is not None and not all(isinstance(each, str) for each in texts):
        raise ValueError(f"metadata {metadata!r}: must be a dict of texts, such as {{'title': 'Talk'}}")
    if not isinstance(chapters, Sequence) or not all(isinstance(each, Chapter) for each in chapters):
        raise ValueError(f"chapters {chapters!r}: must be those of a VideoSource")
    if high_range is not None and not isinstance(high_range, HighRange):
        raise ValueError(f"high_range {high_range!r}: must be that of a VideoSource")


def time_unit(time_base: Fraction) -> Fraction:
    """The unit of frame times in a file, in seconds: `time_base` unless that is too fine for players.

    Raises ValueError unless that is a whole number or fraction above 0.
    """
    check_fraction("time_base", time_base, "Fraction(1, 25)")
    return time_base if time_base.denominator <= MAX_TIMESCALE else Fraction(1, 90_000)
