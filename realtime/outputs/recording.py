"""A recording of a live session."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from realtime.outputs.output import Output, VideoFormat
from realtime.outputs.video_file import VideoSink
from realtime.packet import Packet

MOST_WAITING = 60  # pictures that a recording may lag behind: two seconds at 30 frames/s
WAITING_MEMORY = 2**28  # bytes that these may take: fewer of 1080p


class Recording(Output):
    """A video file of the pictures shown, from the first one on. It is completed however the program ends.

    Args:
        path: ends in .mp4, .m4v, .mov or .mkv.
        video_format: of the pictures.
        overwrite: whether an existing file may be replaced.
        notify: called with a line if no file is written because no picture came.

    Raises MediaError if the file cannot be written there.
    """

    name = "record"
    reports_drops = True

    def __init__(
        self, path: Path, video_format: VideoFormat, *, overwrite: bool = False, notify: Callable[[str], object] = print
    ) -> None:
        width, height, rate = video_format.width, video_format.height, video_format.rate
        self._sink = VideoSink(path, width=width, height=height, rate=rate, preset="superfast", overwrite=overwrite)
        self.depth = max(1, min(MOST_WAITING, WAITING_MEMORY // (3 * width * height)))
        self._notify = notify
        self._begin: Fraction | None = None

    def write(self, packet: Packet) -> None:
        """Encode the picture, at its time since the first."""
        if self._begin is None:
            self._begin = packet.time
        self._sink.write(replace(packet, time=packet.time - self._begin))

    def close(self) -> None:
        """Finish the file and move it into place. Raises MediaError if the disk fails."""
        if self._begin is None:
            self._sink.abort()
            self._notify(f"{self._sink.path}: not written, because no picture came")
        else:
            self._sink.close()
