"""Pictures to standard output, for another program to take."""

import os
import select
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Literal

from engines.engine import Frame
from engines.errors import MediaError
from realtime.outputs.recording import Form, Output
from realtime.packet import Packet
from realtime.yuv import ToYuv, even, usual_matrix

PipeFormat = Literal["y4m", "rgb24"]
STDOUT, STDERR = 1, 2
PATIENCE = 0.1  # s to wait for the reader before looking whether the program ends


class Pipe(Output):
    """Pictures at an even rate, as neither format tells times: one is left out or repeated where the source is uneven.

    "y4m" is YUV4MPEG2: yuv420p of limited range, with a header that tells size and rate. "rgb24" is nothing but the bytes of
    the pictures. While it is open, what else is printed to standard output goes to standard error.

    Args:
        pipe_format: "y4m" or "rgb24".
        form: of the pictures.
        tell: is told that the reader has gone.

    Raises MediaError where standard output is a terminal.
    """

    name = "pipe"

    def __init__(self, pipe_format: PipeFormat, form: Form, *, tell: Callable[[str], object] = print) -> None:
        if os.isatty(STDOUT):
            raise MediaError(f"--pipe {pipe_format}: would fill the terminal; end the command with | and a program, or > FILE")
        sys.stdout.flush()
        self._file = os.dup(STDOUT)
        os.dup2(STDERR, STDOUT)
        if os.name == "posix":
            os.set_blocking(self._file, False)
        self._tell = tell
        self._released = False
        self._cadence = Cadence(form.rate)
        self._last = b""
        self._y4m = pipe_format == "y4m"
        if self._y4m:
            self._convert = ToYuv(usual_matrix(form.width, form.height))
            size = f"W{even(form.width)} H{even(form.height)}"
            rate = f"F{form.rate.numerator}:{form.rate.denominator}"
            self._send(f"YUV4MPEG2 {size} {rate} Ip A1:1 C420mpeg2 XYSCSS=420MPEG2 XCOLORRANGE=LIMITED\n".encode())

    def write(self, packet: Packet) -> None:
        """Sends the picture as often as the rate wants it by now."""
        assert packet.picture is not None
        count = self._cadence.due(packet.time)
        for _ in range(count - 1):
            self._send(self._last)
        if count:
            self._last = self._bytes(packet.picture)
            self._send(self._last)

    def _bytes(self, picture: Frame) -> bytes:
        if not self._y4m:
            return picture.tobytes()
        return b"FRAME\n" + self._convert(picture).to_ndarray().tobytes()

    def _send(self, data: bytes) -> None:
        left = memoryview(data)
        while left and not self._released and not self.closed_by_reader:
            try:
                left = left[os.write(self._file, left) :]
            except BlockingIOError:
                select.select([], [self._file], [], PATIENCE)
            except BrokenPipeError:
                self.closed_by_reader = True
                self._tell("--pipe: its reader has ended")

    def release(self) -> None:
        """Lets go of a reader that reads no more."""
        self._released = True

    def close(self) -> None:
        """Ends the stream, and gives standard output back."""
        if os.name == "posix":
            os.set_blocking(self._file, True)
        os.dup2(self._file, STDOUT)
        os.close(self._file)


class Cadence:
    """How often a picture is to be sent so that as many go out as an even rate wants."""

    def __init__(self, rate: Fraction) -> None:
        self._rate = rate
        self._begin: Fraction | None = None
        self._sent = 0

    def due(self, time: Fraction) -> int:
        """How many pictures are due at this time, in seconds, the new one included; 0 where it comes too early."""
        if self._begin is None:
            self._begin = time
        count = max(0, round((time - self._begin) * self._rate) + 1 - self._sent)
        self._sent += count
        return count
