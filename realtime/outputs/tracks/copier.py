"""What copying audio and copying subtitles share: the file that has them, and its clock, which its pictures set."""

import os
from collections.abc import Iterator, Sequence
from fractions import Fraction

import av
from av.container import OutputContainer
from av.stream import Stream

from engines.errors import MediaError
from realtime.closing import Closing
from realtime.inputs.containers import DAMAGE, shown_video
from realtime.inputs.media.files import Media
from realtime.inputs.media.kinds import media_of
from realtime.inputs.timestamps import Discontinuities, true_times

Timed = tuple["av.Packet[Stream]", Fraction]  # a packet and its time in seconds

INTERLEAVED = Fraction(10)  # s by which one track may be behind another in a file
AHEAD = Fraction(1)  # s of the video by which a file is searched ahead: a pipe keeps all of that


class TrackCopier(Closing):
    """A file of which some tracks are copied to another. A context manager; `VideoSink` closes it, too.

    Attributes:
        path: the file.
        damaged: packets that could not be converted or written so far.
        end: seconds, after `origin`, at which the copy ends; None for all there is. It may be set late.

    Args:
        path: of the file that has them, or other media: those of its `VideoSource`.
        origin: seconds to subtract from its times: its `VideoSource.origin`.

    Raises:
        MediaError: if it is not a readable media file.
    """

    def __init__(self, path: str | os.PathLike[str] | Media, origin: Fraction) -> None:
        self._media = media_of(path)
        self.path = self._media.path
        self.damaged = 0
        self.end: Fraction | None = None
        self._origin = origin
        self._container = self._media.open()
        self._video = shown_video(self._container)
        self._discontinuities = Discontinuities(self._container, self._video)
        self._least: dict[int, int] = {}  # by the index of a copy: the least time of its next packet
        self._next: Timed | None = None

    def _demux(self, tracks: Sequence[Stream]) -> "Iterator[av.Packet[Stream]]":
        """The packets of these tracks, and of the pictures."""
        streams = [*tracks] if self._video is None else [*tracks, self._video]
        try:
            for packet in true_times(self._container.demux(*streams), self._container):
                if packet.size:  # the last ones are empty
                    yield packet
        except DAMAGE:
            return  # the file is cut short: its frames end here, too
        except av.FFmpegError as error:
            raise MediaError(f"{self.path}: reading failed ({error.strerror}); check the file and its disk") from error

    def copy(self, container: OutputContainer, until: Fraction | None = None) -> None:
        """Copy the packets up to a time in seconds, or all that are left."""
        raise NotImplementedError

    def _advance(self, until: Fraction | None) -> Timed | None:
        """The next packet and its time in seconds; None at the end, or if the video gets well past `until` before it comes."""
        raise NotImplementedError

    def _due(self, until: Fraction | None) -> Iterator[Timed]:
        """The packets up to a time in seconds, or all that are left, without those after `end`."""
        while (following := self._next or self._advance(until)) is not None:
            self._next = following
            time = following[1]
            if until is not None and time > until:
                return
            if self.end is not None and time >= self.end + INTERLEAVED:
                return
            self._next = None
            if self.end is None or time < self.end:
                yield following

    def _searched(self, until: Fraction | None) -> bool:
        """Whether the video is so far that a packet to copy up to a time is not looked for any longer."""
        limits = [] if until is None else [until + AHEAD]
        if self.end is not None:
            limits.append(self.end + INTERLEAVED)
        position = self._discontinuities.position
        return bool(limits) and position is not None and position - self._origin > min(limits)

    def close(self) -> None:
        """Close the file."""
        self._next = None
        self._media.close(self._container)
