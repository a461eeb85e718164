"""What an output of the live loop is: any number of them run at once, and none slows another."""

from dataclasses import dataclass
from fractions import Fraction

from realtime.closing import Closing
from realtime.packet import Packet


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """Of the pictures that an output takes: width and height in pixels, and the rate in frames/s."""

    width: int
    height: int
    rate: Fraction


class Output(Closing):
    """Takes pictures in a thread of its own, as a sink of a pipeline.

    `depth` is how many pictures may wait for it before the oldest is dropped. Where `reports_drops`, the user is notified of
    them at the end. `closed_by_reader` is set when nothing takes the pictures any more.
    """

    name: str
    depth = 1
    idle_seconds: float | None = None
    closed_by_reader = False
    reports_drops = False

    def write(self, packet: Packet) -> None:
        """Take the picture of a packet, uint8 RGB (H, W, 3). Raises MediaError if it cannot be written."""
        raise NotImplementedError

    def idle(self) -> None:
        """Called when no picture has come for `idle_seconds`."""

    def release(self) -> None:
        """Make a `write` that waits for something outside return soon. Called from any thread."""

    def close(self) -> None:
        """Finish what was written."""
