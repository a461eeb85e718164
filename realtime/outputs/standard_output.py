"""Standard output, taken over for a stream of bytes to another program."""

import errno
import os
import select
import sys

from engines.errors import MediaError
from realtime.closing import Closing

STDOUT, STDERR = 1, 2
PATIENCE = 0.1  # s to wait for the reader until the next check whether the program ends


class ReaderGone(MediaError):
    """The program that was to read standard output has ended."""


class StandardOutput(Closing):
    """Standard output for one stream. As long as it is taken, whatever else is printed there goes to standard error.

    A context manager: leaving it gives it back. PyAV writes to it as to a file.

    Args:
        name: of the stream, in messages.

    Raises MediaError if standard output is closed or a terminal.
    """

    def __init__(self, name: str) -> None:
        if sys.stdout is None or os.isatty(STDOUT):
            what = "closed" if sys.stdout is None else "a terminal"
            raise MediaError(f"{name}: standard output is {what}; end the command with | and a program, or > FILE")
        sys.stdout.flush()
        self.name = name
        self._file: int | None = os.dup(STDOUT)
        os.dup2(STDERR, STDOUT)
        if os.name == "posix":
            os.set_blocking(self._file, False)
        self._released = False
        self._failure: BaseException | None = None

    def send(self, data: bytes) -> None:
        """Write all of it, unless it is released. Raises BrokenPipeError if its reader has gone; OSError if its disk fails."""
        left = memoryview(data)
        while left and not self._released and self._file is not None:
            try:
                left = left[os.write(self._file, left) :]
            except BlockingIOError:
                select.select([], [self._file], [], PATIENCE)

    def write(self, data: bytes) -> int:
        """The same for PyAV, to which an error is but an error: `check` raises what it was."""
        try:
            self.send(data)
        except BaseException as error:
            self._failure = error
            raise OSError(errno.EIO, "cannot be written") from error
        return len(data)

    def check(self) -> None:
        """Raise what has ended it: ReaderGone, MediaError for an error of the system, or an interruption as it is."""
        failure, self._failure = self._failure, None
        if isinstance(failure, BrokenPipeError):
            raise ReaderGone(f"{self.name}: its reader has ended") from failure
        if isinstance(failure, OSError):
            reason = failure.strerror
            raise MediaError(f"{self.name}: standard output cannot be written ({reason}); check its disk") from failure
        if failure is not None:
            raise failure

    def release(self) -> None:
        """Stop waiting for a reader that no longer reads; nothing is written any more."""
        self._released = True

    def close(self) -> None:
        """Give standard output back."""
        if self._file is None:
            return
        if os.name == "posix":
            os.set_blocking(self._file, True)
        os.dup2(self._file, STDOUT)
        os.close(self._file)
        self._file = None
