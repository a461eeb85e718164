"""Audio streams copied from one file to another, packet by packet, never decoded."""

import os
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Stream

from engines.errors import MediaError
from realtime.inputs.video_file import open_container

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}  # that hold H.264 at any frame times
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}  # by number of channels, if a file does not name it


class AudioNotSupported(MediaError):
    """Audio that a container format cannot hold."""


class AudioCopier:
    """The audio streams of a file, to be copied to another. A context manager; `VideoSink` closes it, too.

    Args:
        path: of the file that has them.
        origin: seconds to subtract from its times: its `VideoSource.origin`.

    Raises:
        MediaError: if it is not a readable media file.
    """

    def __init__(self, path: str | os.PathLike[str], *, origin: Fraction = Fraction(0)) -> None:
        self.path = Path(path)
        self._origin = origin
        self._container = open_container(self.path)
        self._copies: dict[int, AudioStream] = {}
        self._packets: Iterator[av.Packet[Stream]] = iter(())
        self._next: av.Packet[Stream] | None = None

    def attach(self, container: OutputContainer, path: Path) -> None:
        """Add the streams to a container that is being opened. Raises AudioNotSupported if `path` cannot hold them."""
        for stream in self._container.streams.audio:
            name = stream.codec_context.name if stream.codec_context else "an unknown codec"
            try:
                if stream.codec_context is None:
                    raise ValueError(name)
                copy = container.add_stream_from_template(stream)
            except ValueError as error:
                remedy = " or ".join([*(f"write to {suffix}" for suffix in suffixes_for(name)), "leave the audio out"])
                raise AudioNotSupported(f"{path}: cannot hold the audio of {self.path} ({name}); {remedy}") from error
            if re.fullmatch(r"\d+ channels", stream.layout.name) and stream.channels in LAYOUTS:
                copy.codec_context.layout = LAYOUTS[stream.channels]  # MP4 needs its name, which not every file has
            copy.metadata.update(stream.metadata)
            copy.disposition = stream.disposition
            self._copies[stream.index] = copy
        self._packets = self._demux()
        self._next = next(self._packets, None)

    def copy(self, container: OutputContainer, until: Fraction | None = None) -> None:
        """Copy the packets up to a time in seconds, or all that are left."""
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
        """Close the file."""
        self._next = None
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


def suffixes_for(codec: str) -> list[str]:
    """Those of .mp4, .mov and .mkv whose containers can hold a codec."""
    # These names create nothing: a container makes its file when its header is written.
    return [x for x in (".mp4", ".mov", ".mkv") if codec in av.open(f"none{x}", "w", format=CONTAINERS[x]).supported_codecs]
