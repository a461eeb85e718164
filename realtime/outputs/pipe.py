"""Pictures piped to another program through standard output."""

import time
from collections.abc import Callable
from fractions import Fraction

from engines.engine import Frame
from engines.errors import MediaError
from realtime.choices import PipeFormat
from realtime.outputs.output import Output, VideoFormat
from realtime.outputs.standard_output import StandardOutput
from realtime.packet import Packet
from realtime.pixels.yuv import FrameConverter, default_matrix, even

LATE = Fraction(1, 10)  # s that a reader may be late: less is jitter
BURST = Fraction(1, 4)  # s that repeated pictures may take, after a gap in the source: then the new one comes


class Pipe(Output):
    """Pictures at an even rate, as neither format holds times: pictures of an uneven source are dropped or repeated.

    A reader slower than the rate gets fewer pictures, and new ones: what it is late for is not made up for by repeating.

    "y4m" is YUV4MPEG2: yuv420p of limited range, with a header of size and rate. "rgb24" is the raw bytes of the pictures.
    While it is open, whatever else is printed to standard output goes to standard error.

    Args:
        pipe_format: "y4m" or "rgb24".
        video_format: of the pictures.
        notify: called with a line when the reader has gone.

    Raises MediaError if standard output is closed or a terminal. While writing: if its disk is full or otherwise fails.
    """

    name = "pipe"

    def __init__(self, pipe_format: PipeFormat, video_format: VideoFormat, *, notify: Callable[[str], object] = print) -> None:
        self._output = StandardOutput(pipe_format)
        self._notify = notify
        self._cadence = Cadence(video_format.rate)
        self._last = b""
        self._format = pipe_format
        if pipe_format == "y4m":
            self._convert = FrameConverter(default_matrix(video_format.width, video_format.height))
            size = f"W{even(video_format.width)} H{even(video_format.height)}"
            rate = f"F{video_format.rate.numerator}:{video_format.rate.denominator}"
            self._send(f"YUV4MPEG2 {size} {rate} Ip A1:1 C420mpeg2 XYSCSS=420MPEG2 XCOLORRANGE=LIMITED\n".encode())

    def write(self, packet: Packet) -> None:
        """Send the picture as often as the rate requires by now."""
        assert packet.picture is not None
        count = self._cadence.due(packet.time)
        if not count:
            return
        latest = self._bytes(packet.picture)
        begin = time.monotonic()
        for _ in range(count - 1):
            if time.monotonic() - begin < BURST:
                self._send(self._last)
        self._last = latest
        self._send(latest)
        self._cadence.taken(count, Fraction(time.monotonic() - begin))

    def _bytes(self, picture: Frame) -> bytes:
        if self._format == "rgb24":
            return picture.tobytes()
        return b"FRAME\n" + self._convert(picture).to_ndarray().tobytes()

    def _send(self, data: bytes) -> None:
        if self.closed_by_reader:
            return
        try:
            self._output.send(data)
        except BrokenPipeError:
            self.closed_by_reader = True
            self._notify("pipe: its reader has ended")
        except OSError as error:
            raise MediaError(f"{self._format}: standard output cannot be written ({error.strerror}); check its disk") from error

    def release(self) -> None:
        """Stop waiting for a reader that no longer reads."""
        self._output.release()

    def close(self) -> None:
        """End the stream and restore standard output."""
        self._output.close()


class Cadence:
    """Counts how often to send each picture so that they go out at an even rate."""

    def __init__(self, rate: Fraction) -> None:
        self._rate = rate
        self._begin: Fraction | None = None
        self._sent = 0
        self._late = Fraction(0)

    def due(self, time: Fraction) -> int:
        """The number of pictures due at this time in seconds, including the new one; 0 if it comes too early."""
        if self._begin is None:
            self._begin = time
        count = max(0, round((time - self._begin) * self._rate) + 1 - self._sent)
        self._sent += count
        return count

    def taken(self, count: int, seconds: Fraction) -> None:
        """Say how long the reader took for the last pictures. If it is too slow for the rate, what is overdue is forgiven."""
        assert self._begin is not None
        self._late = max(Fraction(0), self._late + seconds - min(count / self._rate, BURST))
        if self._late > LATE:
            self._begin += self._late
            self._late = Fraction(0)
