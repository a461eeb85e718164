"""Subtitles copied from one file to another, packet by packet; text is converted where the other file demands it."""

import io
import os
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.stream import Stream
from av.subtitles.codeccontext import SubtitleCodecContext
from av.subtitles.stream import SubtitleStream
from av.video.stream import VideoStream

from realtime.choices import PIPE
from realtime.inputs.containers import DAMAGE, codec_name, is_font
from realtime.inputs.media.files import Media
from realtime.outputs.formats import CONTAINERS, suffix_of
from realtime.outputs.target import check_suffix
from realtime.outputs.tracks.copier import Timed, TrackCopier
from realtime.outputs.tracks.description import describe_copy
from realtime.paths import named

# What players expect of each container: kinds that are copied, the first of which other text is converted to.
HELD = {
    "mp4": ("mov_text",),
    "mov": ("mov_text",),
    "matroska": ("subrip", "ass", "hdmv_pgs_subtitle", "dvb_subtitle", "dvd_subtitle"),
    "webm": ("webvtt",),
}
TEXT = ("subrip", "ass", "webvtt", "mov_text", "text")  # the rest are pictures, or cannot be decoded
EMPTY = b"\0\0"  # in MP4 a packet that clears the screen: the copy gets its own
TICK = Fraction(1, 1000)
# For the file: it waits so many µs for the next subtitle, and keeps the pictures of that time in memory; 10 s by default.
SPARSE = {"max_interleave_delta": "1000000"}


class SubtitleCopier(TrackCopier):
    """The subtitles of a file, to be copied to another. A context manager; `VideoSink` closes it, too.

    Times follow the pictures of the file's `VideoSource`. What begins before them is cut there, and so is what ends after an
    excerpt. Tracks of text are converted to the kind that the other file holds; others that it cannot hold are left out. Where
    it holds ASS as it is, attached fonts go with that.

    Attributes:
        path: the file.
        copied: names of the codecs of the tracks that the other file gets.
        converted: which of them are converted, and to what, in words; None if none is.
        left_out: names of the codecs of the tracks that it does not get.
        fonts: the number of those that it gets.
        damaged: packets that could not be converted or written so far.
        end: seconds, after `origin`, at which the copy ends; None for all there is. It may be set late.

    Args:
        path: of the file that has them, or other media: those of its `VideoSource`.
        target: the file to write, of which only the suffix counts, one of `realtime.outputs.formats.CONTAINERS`.
        origin: seconds to subtract from its times: its `VideoSource.origin`.
        length: of the excerpt in seconds, as far as it is known: what would go on beyond it ends there.

    Raises:
        MediaError: if it is not a readable media file, or `target` cannot be a video file.
        ValueError: for what names no file.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | Media,
        target: str | os.PathLike[str],
        *,
        origin: Fraction = Fraction(0),
        length: Fraction | None = None,
    ) -> None:
        target = named(target)
        if target != PIPE:
            check_suffix(target, CONTAINERS, "video file")
        super().__init__(path, origin)
        self._length = length
        self._holder = CONTAINERS[suffix_of(target)]
        self._kept = [each for each in self._container.streams.subtitles if self._is_kept(each)]
        self.copied = tuple(codec_name(each) for each in self._kept)
        self.left_out = tuple(codec_name(each) for each in self._container.streams.subtitles if each not in self._kept)
        keeps_fonts = self._holder == "matroska" and "ass" in self.copied
        self._fonts = [each for each in self._container.streams.attachments if keeps_fonts and is_font(each)]
        self.fonts = len(self._fonts)
        other = dict.fromkeys(name for name in self.copied if name not in HELD[self._holder])
        self.converted = f"{', '.join(other)} to {HELD[self._holder][0]}" if other else None
        self._copies: dict[int, SubtitleStream] = {}  # by the index of a stream
        self._packets: Iterator[av.Packet[Stream]] = iter(())
        if not self._kept:
            self.close()  # so that no media keep what it does not read

    def _is_kept(self, stream: SubtitleStream) -> bool:
        name = codec_name(stream)
        if name in TEXT:
            return True
        if name not in HELD[self._holder]:
            return False
        try:  # pictures may lack what their header needs
            with av.open(io.BytesIO(), "w", format=self._holder) as container:
                container.add_stream_from_template(stream)
                container.start_encoding()
        except (av.FFmpegError, ValueError):
            return False
        return True

    def attach(self, container: OutputContainer, path: Path) -> None:
        """Add the tracks to a container that is being opened for a file `path`, of the suffix of `target`."""
        for stream in self._kept:
            copy: Any
            if codec_name(stream) in HELD[self._holder]:
                copy = container.add_stream_from_template(stream)
            else:
                decoder = stream.codec_context
                decoder.open()
                copy = container.add_stream(HELD[self._holder][0])
                copy.codec_context.time_base = TICK
                copy.codec_context.subtitle_header = (decoder.subtitle_header or b"") + b"\0"  # PyAV does not end it
            copy.time_base = TICK
            describe_copy(copy, stream, container)
            self._copies[stream.index] = copy
        for font in self._fonts:
            container.add_attachment(font.name or "font.ttf", font.mimetype or "font/ttf", font.data)
        if self._kept:
            self._packets = self._demux(self._kept)

    def copy(self, container: OutputContainer, until: Fraction | None = None) -> None:
        for packet, time in self._due(until):
            self._write(container, packet, time)

    def _write(self, container: OutputContainer, packet: "av.Packet[Stream]", time: Fraction) -> None:
        stream, copy = packet.stream, self._copies[packet.stream.index]
        unit = copy.time_base
        assert unit is not None
        begin, end = max(time, Fraction(0)), time + (packet.duration or 0) * packet.time_base
        end = min([end, *(each for each in (self._length, self.end) if each is not None and each > begin)])
        if end < begin or (time < 0 and end == begin):
            return  # it was over before the first picture
        try:
            new = packet if codec_name(stream) in HELD[self._holder] else self._converted(packet, copy)
            if new is None:
                return
            ticks = round(begin / unit)
            new.pts = new.dts = max(self._least.get(copy.index, ticks), ticks)
            self._least[copy.index] = new.dts
            new.duration, new.time_base = round((end - begin) / unit), unit
            new.stream = copy
            container.mux_one(new)
        except DAMAGE:
            self.damaged += 1

    def _converted(self, packet: "av.Packet[Stream]", copy: SubtitleStream) -> "av.Packet[Any] | None":
        decoder = packet.stream.codec_context
        assert isinstance(decoder, SubtitleCodecContext)
        subtitle = decoder.decode2(packet)
        return copy.codec_context.encode_subtitle(subtitle) if subtitle else None

    def _advance(self, until: Fraction | None) -> Timed | None:
        for packet in self._packets:
            if isinstance(packet.stream, VideoStream):
                self._discontinuities.follow(packet)
                if self._searched(until):
                    return None
            elif not (codec_name(packet.stream) == "mov_text" and bytes(packet)[:2] == EMPTY):
                time = self._discontinuities.nearest(packet)
                if time is not None:
                    return packet, time - self._origin
        return None


def in_words(codecs: tuple[str, ...]) -> str:
    """Tracks of these codecs in words: "a subtitle track (ass)", "2 subtitle tracks (ass, subrip)"; empty for none."""
    names = ", ".join(Counter(codecs))
    number = "a subtitle track" if len(codecs) == 1 else f"{len(codecs)} subtitle tracks"
    return f"{number} ({names})" if codecs else ""
