"""Decoded frames of a media file: what is damaged is skipped and counted, and nothing that can be decoded is lost."""

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from av.video.frame import VideoFrame

from realtime.inputs.containers import DAMAGE
from realtime.inputs.formats import states_duration
from realtime.inputs.media.files import Media
from realtime.inputs.timestamps import Discontinuities, true_times

HOLE = Fraction(1, 2)  # s without pictures or sound in a file that has both: a part of it is lost


class Decoder:
    """Decodes the video stream of an open container, once.

    Attributes:
        stream: the video stream.
        damaged: parts that could not be decoded so far.
        reached: where the last packet so far ends, in seconds by the file's own times.

    Args:
        media: what the container is of.
        container: positioned where decoding is to begin, once `frames` is iterated.
        threads: of the decoder.
        max_pixels: of a frame. Raises TooManyPixels if the stream says that its frames have more.
    """

    def __init__(self, media: Media, container: InputContainer, *, threads: int, max_pixels: int) -> None:
        self._media, self._container, self._threads, self._max_pixels = media, container, threads, max_pixels
        self.stream = media.video(container)
        media.check_size(self.stream, max_pixels)
        self.stream.thread_type = "AUTO"
        self.stream.codec_context.options = media.decoder_options(max_pixels)
        self.stream.codec_context.thread_count = threads
        self._discontinuities = Discontinuities(container, self.stream)
        self._due = 0  # frames of packets that were decoded so far
        self.damaged = 0
        self.reached = Fraction(0)

    @property
    def jumped(self) -> bool:
        """Whether the file's clock jumped so far."""
        return self._discontinuities.jumps > 0

    def frames(self) -> Iterator[VideoFrame]:
        """The frames in order of presentation, at the file's own times less the jumps of its clock."""
        last: VideoFrame | None = None
        for packet in self._packets():
            if packet is not None:
                self._discontinuities.follow(packet)
                self._due += bool(packet.size)
            try:
                frames = self.stream.decode(packet)
            except DAMAGE:
                self.damaged += 1
            else:
                self._due -= len(frames)
                last = frames[-1] if frames else last
                yield from frames
        self._media.check()
        # At the end, a damaged packet in one thread of the decoder takes the frames in the others with it.
        if self._due > 0 and self._threads > 1 and (last is None or last.pts is not None):
            yield from self._frames_after(None if last is None else last.pts)

    def _frames_after(self, pts: int | None) -> Iterator[VideoFrame]:
        """The frames after one, decoded again from the key frame before it, by one thread; with None all frames."""
        if self.jumped or not self._media.seekable:
            return  # times do not name places
        with self._media.open(max_pixels=self._max_pixels) as container, suppress(av.FFmpegError):
            stream = self._media.video(container)
            stream.codec_context.options = self._media.decoder_options(self._max_pixels)
            stream.codec_context.thread_count = 1
            if pts is not None:
                container.seek(pts, stream=stream)
            for packet in true_times(container.demux(stream), container):
                try:
                    frames = stream.decode(packet)
                except DAMAGE:
                    self.damaged = max(self.damaged, 1)  # several threads may not have told
                else:
                    yield from (frame for frame in frames if pts is None or (frame.pts is not None and frame.pts > pts))

    def _packets(self) -> "Iterator[av.Packet[Any] | None]":
        """The packets of the video, and None where the rest of the file cannot be read."""
        audio = self._container.streams.audio
        continuous = bool(audio) and states_duration(self._container)
        try:
            for packet in true_times(self._container.demux(self.stream, *audio), self._container):
                if packet.pts is not None and not packet.is_corrupt:
                    begin = packet.pts * packet.time_base
                    if continuous and self.reached and begin > self.reached + HOLE:
                        self.damaged += 1  # FFmpeg went on behind it without a word
                    self.reached = max(self.reached, begin + (packet.duration or 0) * packet.time_base)
                if packet.stream.index == self.stream.index and (packet.size or packet.dts is None):
                    yield packet
        except DAMAGE:
            self.damaged += 1
            yield None  # the decoder still holds frames
