"""Audio streams copied from one file to another, packet by packet; converted only where that is asked for and needed."""

import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from engines.errors import MediaError
from realtime.choices import PIPE
from realtime.inputs.containers import DAMAGE
from realtime.inputs.media.files import Media
from realtime.outputs.formats import CONTAINERS, suffix_of
from realtime.outputs.tracks.audio_conversion import ENCODERS, LAYOUTS, AudioConversion
from realtime.outputs.tracks.copier import Timed, TrackCopier
from realtime.outputs.tracks.description import describe_copy

PRIMING = Fraction(1, 10)  # s before what is heard that decoders need at most
PATIENCE = Fraction(1)  # s of the video in which it may pass a jump that the sound has passed
PLAYED_IN_MP4 = ("pcm_s16be", "pcm_s16le")  # other samples are noise or silence in players with FFmpeg 5 or older
WAV_TAGGED = {
    *("adpcm_g726", "adpcm_ima_wav", "adpcm_ms", "adpcm_yamaha", "gsm_ms", "pcm_alaw", "pcm_mulaw"),
    *("wmalossless", "wmapro", "wmav1", "wmav2", "wmavoice"),
}


class AudioNotSupported(MediaError):
    """Audio that a container format cannot hold."""


class AudioCopier(TrackCopier):
    """The audio streams of a file, to be copied to another. A context manager; `VideoSink` closes it, too.

    Times that do not rise are moved by a tick. Where the clock of the file jumps, sound goes with the pictures of its
    `VideoSource`.

    Attributes:
        path: the file.
        damaged: packets that no file can hold, left out so far.
        converted: which codecs are converted, and to what, or None; known when the other file is open.
        end: seconds, after `origin`, at which the copy ends; None for all there is. It may be set late.
        beside_chapters: whether the other file is to have chapters, which a Matroska file with `wav_tagged` sound does not get:
            such streams are then converted, too, if `convert`, and else refused. `VideoSink` sets it if it is given some.

    Args:
        path: of the file that has them, or other media: those of its `VideoSource`.
        origin: seconds to subtract from its times: its `VideoSource.origin`.
        from_origin: whether to leave out packets that begin before that: those before an excerpt.
        convert: whether streams that the other file cannot hold are encoded anew, as Opus or AAC; otherwise it is refused.
        beside_chapters: see above.

    Raises:
        MediaError: if it is not a readable media file.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | Media,
        *,
        origin: Fraction = Fraction(0),
        from_origin: bool = False,
        convert: bool = False,
        beside_chapters: bool = False,
    ) -> None:
        super().__init__(path, origin)
        self.converted: str | None = None
        self._from_origin = from_origin
        self._convert = convert
        self.beside_chapters = beside_chapters
        self._conversions: dict[int, AudioConversion] = {}
        self._copies: dict[int, AudioStream] = {}
        self._packets: Iterator[Timed | None] = iter(())

    @property
    def wav_tagged(self) -> bool:
        """Whether a stream is copied whose codec Matroska holds by its tag in WAV files."""
        return not self.beside_chapters and any(map(is_wav_tagged, self._container.streams.audio))

    def check(self, path: Path) -> str | None:
        """Which codecs would be converted for a file, and to what, in words; None if none is.

        Raises AudioNotSupported if the file cannot hold a stream, and it is not converted.
        """
        converted = []
        for stream in self._container.streams.audio:
            if self._is_copied(stream, path):
                continue
            if self._convert and stream.codec_context is not None:
                converted.append(stream.codec_context.codec.canonical_name)  # mp3, whose decoder is mp3float
            else:
                name = stream.codec_context.codec.canonical_name if stream.codec_context else "an unknown codec"
                alone = holds(path, stream)  # without chapters
                suffixes = [suffix for suffix in suffixes_for(stream) if self._is_copied(stream, Path(f"any{suffix}"))]
                left_out = "leave the chapters or the audio out" if alone else "leave the audio out"
                remedy = " or ".join([*(f"write to {suffix}" for suffix in suffixes), left_out])
                beside = " beside chapters" if alone else ""
                raise AudioNotSupported(f"{path}: cannot hold the audio of {self.path} ({name}){beside}; {remedy}")
        if not converted:
            return None
        return f"{', '.join(dict.fromkeys(converted))} to {ENCODERS[CONTAINERS[suffix_of(path)]][1]}"

    def _is_copied(self, stream: AudioStream, path: Path) -> bool:
        refused = self.beside_chapters and CONTAINERS[suffix_of(path)] == "matroska" and is_wav_tagged(stream)
        return not refused and holds(path, stream)

    def attach(self, container: OutputContainer, path: Path) -> None:
        """Add the streams to a container that is being opened. Raises AudioNotSupported if `path` cannot hold them."""
        self.converted = self.check(path)
        encoder = ENCODERS[CONTAINERS[suffix_of(path)]][0]
        for stream in self._container.streams.audio:
            if not self._is_copied(stream, path):
                self._conversions[stream.index] = AudioConversion(container, stream, encoder)
                continue
            copy = add_copy(container, stream)
            if container.format.name == "fifo":
                copy.time_base = Fraction(1, 1000)  # that of Matroska, which is behind it
            describe_copy(copy, stream, container)
            self._copies[stream.index] = copy
        if self._copies or self._conversions:
            self._packets = without_hidden(self._timed())

    def copy(self, container: OutputContainer, until: Fraction | None = None) -> None:
        for packet, time in self._due(until):
            if packet.stream.index in self._conversions:
                self._mux(container, self._conversions[packet.stream.index].convert(packet, time))
                continue
            copy = self._copies[packet.stream.index]
            unit = copy.time_base
            assert unit is not None
            # Times have to rise; in Matroska those of packets within a millisecond are equal.
            least = self._least.get(copy.index)
            ticks = round(time / unit)
            packet.pts = packet.dts = ticks if least is None else max(least, ticks)
            packet.duration, packet.time_base = round((packet.duration or 0) * packet.time_base / unit), unit
            self._least[copy.index] = packet.dts + (0 if container.format.name in ("matroska", "webm") else 1)
            packet.stream = copy
            self._mux(container, [packet])
        if until is None:
            for conversion in self._conversions.values():
                self._mux(container, conversion.finish())
            self._conversions.clear()

    def _mux(self, container: OutputContainer, packets: "Iterable[av.Packet[Stream]]") -> None:
        try:
            for packet in packets:
                container.mux_one(packet)
        except DAMAGE:
            self.damaged += 1

    def _advance(self, until: Fraction | None) -> Timed | None:
        for each in self._packets:
            if each is None:
                if self._searched(until):
                    return None
            elif each[1] >= 0 or not self._from_origin:
                return each
        return None

    def _timed(self) -> Iterator[Timed | None]:
        """The packets with their times in seconds, and None after each of the video.

        Those that do not fit wait a while: their clock may be about to jump.
        """
        waiting: list[av.Packet[Stream]] = []
        patience = Fraction(0)
        jumps = 0
        for packet in self._demux(self._container.streams.audio):
            position = self._discontinuities.position or Fraction(0)
            if isinstance(packet.stream, VideoStream):
                self._discontinuities.follow(packet)
            elif not waiting and (time := self._discontinuities.time(packet)) is not None:
                yield packet, time - self._origin
            else:
                if not waiting:
                    patience, jumps = position + PATIENCE, self._discontinuities.jumps
                waiting.append(packet)
            if waiting and (position > patience or self._discontinuities.jumps > jumps):
                yield from self._forced(waiting)
                waiting.clear()
            if isinstance(packet.stream, VideoStream):
                yield None
        yield from self._forced(waiting)

    def _forced(self, packets: "list[av.Packet[Stream]]") -> Iterator[Timed]:
        for packet in packets:
            time = self._discontinuities.time(packet, last_resort=True)
            assert time is not None
            yield packet, time - self._origin


def mux_beside(container: OutputContainer, packet: "av.Packet[VideoStream]", copiers: Sequence[TrackCopier]) -> None:
    """Write a packet of the pictures, and before it what is due of the tracks beside them."""
    if packet.dts is not None:
        for each in copiers:
            each.copy(container, until=packet.dts * packet.time_base)
    try:
        container.mux_one(packet)
    except av.InvalidDataError:  # of a sound packet that waited in the muxer
        audio = next((each for each in copiers if isinstance(each, AudioCopier)), None)
        if audio is None:
            raise
        audio.damaged += 1


def without_hidden(timed: Iterator[Timed | None]) -> Iterator[Timed | None]:
    """The packets but for those that an edit list hides, as where a telephone has trimmed a video.

    Those just before what is heard stay: a decoder begins with them.
    """
    hidden: dict[int, list[Timed]] = {}
    for each in timed:
        if each is None:
            yield None
            continue
        packet, time = each
        before = [held for held in hidden.pop(packet.stream.index, ()) if held[1] >= time - PRIMING]
        if packet.is_discard:
            hidden[packet.stream.index] = [*before, each]
        else:
            yield from before
            yield each


def add_copy(container: OutputContainer, stream: AudioStream) -> AudioStream:
    """Add a copy of a stream to a container. Raises ValueError if its codec is unknown, or unknown to the container."""
    if stream.codec_context is None:
        raise ValueError("unknown codec")
    copy = container.add_stream_from_template(stream)
    if re.fullmatch(r"\d+ channels", stream.layout.name) and stream.channels in LAYOUTS:
        copy.codec_context.layout = LAYOUTS[stream.channels]  # MP4 needs its name, which not every file has
    return copy


def is_wav_tagged(stream: AudioStream) -> bool:
    """Whether a stream has a codec that Matroska holds by its tag in WAV files."""
    return stream.codec_context is not None and stream.codec_context.name in WAV_TAGGED


def holds(path: Path, stream: AudioStream) -> bool:
    """Whether a file, or standard output, can hold a stream."""
    if path == PIPE:
        # Those that are wav-tagged take a file for FFmpeg to open.
        return not is_wav_tagged(stream) and can_begin(OneWay(), suffix_of(path), stream)
    return suffix_of(path).replace("m4v", "mp4") in suffixes_for(stream)


def suffixes_for(stream: AudioStream) -> list[str]:
    """Those of .mp4, .mov, .mkv and .webm whose containers can hold a stream."""
    return [suffix for suffix in CONTAINERS if suffix != ".m4v" and can_hold(suffix, stream)]


def can_hold(suffix: str, stream: AudioStream) -> bool:
    """Whether a container can hold a stream, so that common players play it."""
    name = stream.codec_context.name if stream.codec_context else ""
    if suffix == ".mp4" and name.startswith("pcm_") and name not in PLAYED_IN_MP4:
        return False
    if suffix == ".mkv" and is_wav_tagged(stream):
        return True
    return can_begin(io.BytesIO(), suffix, stream)


def can_begin(file: object, suffix: str, stream: AudioStream) -> bool:
    """Whether a container with a stream can be written to a file, as far as its head tells."""
    try:
        with av.open(file, "w", format=CONTAINERS[suffix]) as container:
            add_copy(container, stream)
            container.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


class OneWay:
    """A file in which there is no way back, such as a pipe: AAC of transport streams has no head that could come first."""

    def write(self, data: bytes) -> int:
        """Take bytes."""
        return len(data)
