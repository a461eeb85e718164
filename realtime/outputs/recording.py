"""Where live pictures go besides the window: any number of outputs at once, none of which slows another."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

from realtime.loop.pipeline import Stage
from realtime.outputs.video_file import VideoSink
from realtime.packet import Packet

RECORDING_DEPTH = 60  # frames that a recording may lag behind: two seconds at 30 frames/s


@dataclass(frozen=True, slots=True)
class Form:
    """Of the pictures that an output takes: width and height in pixels, and how many come in a second at most."""

    width: int
    height: int
    rate: Fraction


class Output:
    """Takes pictures in a thread of its own, as a sink of a pipeline. `closed_by_reader`: nobody takes them any more.

    `depth` is how many pictures may wait for it, before the oldest is dropped; where it `keeps_all`, the user is told of that.
    """

    name: str
    depth = 1
    idle_seconds: float | None = None
    closed_by_reader = False
    keeps_all = False

    @property
    def stage(self) -> Stage:
        """The output as a sink of a pipeline."""
        return Stage(self.name, self.write, self.release, self.depth, self.idle, self.idle_seconds)

    def write(self, packet: Packet) -> None:
        """Takes the picture of a packet, uint8 RGB (H, W, 3). Raises MediaError where it cannot be written."""
        raise NotImplementedError

    def idle(self) -> None:
        """Called where nothing has come for `idle_seconds`."""

    def release(self) -> None:
        """Lets a `write` that waits for something outside return soon. From any thread."""

    def close(self) -> None:
        """Finishes what was written."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


class Recording(Output):
    """A video file of what was shown, in order, from its first picture on. It is finished however the program ends.

    Args:
        path: ends in .mp4, .m4v, .mov or .mkv.
        form: of the pictures.
        overwrite: whether a file already in that place may be replaced.
        tell: is told where the file stays away because no picture came.

    Raises MediaError where the file cannot be written there.
    """

    name = "record"
    depth = RECORDING_DEPTH
    keeps_all = True

    def __init__(self, path: Path, form: Form, *, overwrite: bool = False, tell: Callable[[str], object] = print) -> None:
        self._sink = VideoSink(
            path, width=form.width, height=form.height, rate=form.rate, preset="superfast", overwrite=overwrite
        )
        self._tell = tell
        self._begin: Fraction | None = None

    def write(self, packet: Packet) -> None:
        """Encodes the picture, at its time since the first."""
        if self._begin is None:
            self._begin = packet.time
        self._sink.write(replace(packet, time=packet.time - self._begin))

    def close(self) -> None:
        """Finishes the file and moves it into its place. Raises MediaError where the disk fails."""
        if self._begin is None:
            self._sink.abort()
            self._tell(f"{self._sink.path}: not written, for no picture came")
        else:
            self._sink.close()
