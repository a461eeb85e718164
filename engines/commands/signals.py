"""Ends a command in good order when the user or the system asks for it, from its first imports on."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from engines.errors import MattingError

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
PROGRAMS = ("shm-", "bench", "engines.commands.", "realtime.commands.", "train.commands.")  # how commands' names begin
IMPORTING = "<frozen importlib"  # begins the file names of Python's import system
NAP = 0.05  # s until a signal that came during an import is tried again


def quit_on_signals() -> None:
    """Let a signal end this process at once, if it is one of our commands: while it imports, there is nothing to clean up."""
    if any(Path(word).name.startswith(PROGRAMS) for word in sys.orig_argv[1:3]):
        for each in SIGNALS:
            if signal.getsignal(each) is not signal.SIG_IGN:
                signal.signal(each, _quit)


def _quit(number: int, _: FrameType | None) -> None:
    if number == signal.SIGINT:
        os.write(2, b"stopped\n")
    os._exit(128 + number)


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM or a closed terminal end a command by an exception, once: during the cleanup more are ignored.

    What fails because of that exception is not reported, except for a MattingError of the cleanup.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    received: int | None = None
    entered = sys._getframe(2)  # of the `with` block

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal received
        if _is_importing(frame, entered):  # which may swallow an exception, or make another of it
            threading.Timer(NAP, signal.raise_signal, (number,)).start()
            return
        received = number
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        _stop(number)

    before = {each: handler for each in SIGNALS if (handler := signal.getsignal(each)) is not signal.SIG_IGN}
    try:
        for each in before:
            signal.signal(each, stop)
        yield
    except MattingError:
        raise
    except Exception:
        if received is None:
            raise
        _stop(received)
    finally:
        if received is None:  # else the command is ending, which an impatient second Ctrl-C must not cut short
            for each, handler in before.items():
                signal.signal(each, handler)


def _stop(number: int) -> NoReturn:
    raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)


def _is_importing(frame: FrameType | None, outermost: FrameType) -> bool:
    while frame is not None and frame is not outermost:
        if frame.f_code.co_filename.startswith(IMPORTING):
            return True
        frame = frame.f_back
    return False
