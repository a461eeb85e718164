"""A recording of a live session."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from engines.atomic import left_behind
from engines.errors import MediaError
from realtime.inputs.video_file import VideoSource
from realtime.outputs.formats import CONTAINERS
from realtime.outputs.output import Output, VideoFormat
from realtime.outputs.target import check_suffix
from realtime.outputs.video_file import VideoSink
from realtime.packet import Packet

MOST_WAITING = 60  # pictures that a recording may lag behind: two seconds at 30 frames/s
WAITING_MEMORY = 2**28  # bytes that these may take: fewer of 1080p


class Recording(Output):
    """A video file of the pictures shown, from the first one on. It is completed however the program ends.

    If the disk fails, the recording ends there and is kept, and `close` raises the error. If the process is killed, what there
    is of it stays beside `path`, and the next recording of the same name notifies the user of it.

    Args:
        path: ends in .mp4, .m4v, .mov, .mkv or .webm.
        video_format: of the pictures.
        overwrite: whether an existing file may be replaced.
        notify: called with a line for the user: that no picture came, that the disk failed, what an earlier recording left.

    Raises MediaError if the file cannot be written there.
    """

    name = "record"
    reports_drops = True

    def __init__(
        self, path: Path, video_format: VideoFormat, *, overwrite: bool = False, notify: Callable[[str], object] = print
    ) -> None:
        check_suffix(path, CONTAINERS, "video file")  # VideoSink would name those of sequences, too
        width, height, rate = video_format.width, video_format.height, video_format.rate
        left = [each for each in left_behind(path) if is_playable(each)]
        self._sink = VideoSink(
            path, width=width, height=height, rate=rate, preset="superfast", overwrite=overwrite, recoverable=True
        )
        self.depth = max(1, min(MOST_WAITING, WAITING_MEMORY // (3 * width * height)))
        self._notify = notify
        self._begin: Fraction | None = None
        self._error: MediaError | None = None
        for each in left:
            notify(f"{each}: is left of a recording that was cut off; keep it under another name, or remove it")

    def write(self, packet: Packet) -> None:
        """Encode the picture, at its time since the first. After a failure of the disk it does nothing."""
        if self._error is not None:
            return
        if self._begin is None:
            self._begin = packet.time
        try:
            self._sink.write(replace(packet, time=packet.time - self._begin))
        except MediaError as error:
            self._error = error
            self.closed_by_reader = True
            self._notify(f"{self.name}: has ended: {error}")

    def close(self) -> None:
        """Finish the file and move it into place. Raises MediaError if the disk fails, or has failed."""
        if self._error is not None:
            raise self._error
        if self._begin is None:
            self._sink.abort()
            self._notify(f"{self._sink.path}: not written, because no picture came")
        else:
            self._sink.close()


def is_playable(path: Path) -> bool:
    """Whether a video file has a frame that can be decoded."""
    try:
        VideoSource(path).close()
    except MediaError:
        return False
    return True
