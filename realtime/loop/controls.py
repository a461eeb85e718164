"""How the user controls a live session: keys in the window, or words on standard input."""

import os
import select
import sys
import threading
from collections import deque
from dataclasses import dataclass

from realtime.closing import Closing

POLL = 0.2  # s between two checks whether a line can be read


@dataclass(frozen=True, slots=True)
class Control:
    """A key, the word for it, and what it does."""

    key: str
    word: str
    meaning: str

    @property
    def line(self) -> str:
        """Its line of the help."""
        return f"{'space' if self.key == ' ' else self.key}, {self.word}: {self.meaning}"


CONTROLS = (
    Control("q", "quit", "end (so does Esc)"),
    Control("n", "next", "next background"),
    Control("p", "previous", "previous background"),
    Control("b", "blur", "blur on, off"),
    Control("m", "mirror", "mirror on, off"),
    Control("a", "alpha", "show the matte, or the picture again"),
    Control("f", "foreground", "show the person's colours alone"),
    Control("d", "split", "show before and after, divided"),
    Control("g", "snapshot", "grab the picture as a PNG file"),
    Control("s", "statistics", "statistics on, off"),
    Control(" ", "pause", "pause, go on"),
    Control("z", "freeze", "freeze the picture, go on"),
    Control("h", "help", "this help"),
)
HELP = tuple(control.line for control in CONTROLS)
WORDS = {control.key: control.word for control in CONTROLS} | {control.word: control.word for control in CONTROLS}
WORDS |= {"escape": "quit"}


class LineReader(Closing):
    """Reads lines of standard input in a thread of its own, so that nothing waits for them.

    It does not read while another program has the terminal: reading would stop this one. The thread ends with the input, or
    on `close`.
    """

    def __init__(self, file: int = 0) -> None:
        self._file = file
        self._lines: deque[str] = deque()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._read, name="lines", daemon=True)
        self._thread.start()

    def take(self) -> str | None:
        """The next line, without its end, or None if none has come."""
        return self._lines.popleft() if self._lines else None

    def close(self) -> None:
        """Stop reading."""
        self._closed.set()
        if sys.platform != "win32":  # where it may wait for a line; the thread ends with the program
            self._thread.join()

    def _read(self) -> None:
        rest = b""
        try:
            while not self._closed.is_set():
                if not self._readable():
                    continue
                data = os.read(self._file, 4096)
                *lines, rest = (rest + data).split(b"\n")
                if not data and rest:  # the last line, without its end
                    lines.append(rest)
                self._lines.extend(line.decode("utf-8", "replace").strip() for line in lines)
                if not data:
                    return
        except OSError:
            return  # closed, or taken away with its terminal

    def _readable(self) -> bool:
        if sys.platform == "win32":
            return True
        if os.isatty(self._file) and os.tcgetpgrp(self._file) != os.getpgrp():
            self._closed.wait(POLL)
            return False
        return bool(select.select([self._file], [], [], POLL)[0])
