"""Runs a function in a forked process of its own, within limits on time and memory: a crash there ends nothing here."""

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

POLL = 0.002  # s from one look at the process to the next
PEAK_UNIT = 2**10 if sys.platform == "linux" else 1  # bytes: of ru_maxrss, which other systems count in bytes


@dataclass(frozen=True)
class Limits:
    """What a process may take: seconds, bytes of memory, bytes of a file.

    Memory is of addresses (RLIMIT_AS), which macOS does not enforce; the peak of what was used is measured on both.
    """

    seconds: float = 120
    cpu_seconds: int = 40
    memory: int = 6 * 2**30
    file: int = 2**29


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, or the negative number of a signal; whether it was out of time; its peak in bytes.

    The peak is of what it took itself: a fork begins with all that its parent holds.
    """

    code: int
    hung: bool
    seconds: float
    peak: int
    text: str  # of standard error


def can_fork() -> bool:
    """Whether this system can: Linux and macOS."""
    return hasattr(os, "fork")


def run_isolated(function: Callable[[], object], folder: Path, log: Path, limits: Limits) -> Ended:
    """Run `function` in `folder` with no input; standard error goes into the file `log`, standard output nowhere.

    SystemExit sets the exit code as it does for a program; another exception prints its traceback, code 1.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    log.write_bytes(b"")  # the process may be out of time before it opens it
    memory = psutil.Process().memory_info()
    inherited = memory.rss - getattr(memory, "shared", 0)  # Linux maps files anew
    start = time.monotonic()
    process = os.fork()
    if process == 0:
        _be_the_program(function, folder, log, limits)
    hung = False
    while True:
        ended, status, usage = os.wait4(process, os.WNOHANG)
        if ended:
            break
        if time.monotonic() - start > limits.seconds:
            hung = True
            os.kill(process, signal.SIGKILL)
        time.sleep(POLL)
    code = os.waitstatus_to_exitcode(status)
    text = log.read_text(encoding="utf-8", errors="replace")
    peak = max(0, usage.ru_maxrss * PEAK_UNIT - inherited)
    return Ended(code, hung or -code == signal.SIGXCPU, time.monotonic() - start, peak, text)


def _be_the_program(function: Callable[[], object], folder: Path, log: Path, limits: Limits) -> None:
    code = 1
    try:
        _set_up(folder, log, limits)
        function()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # as at the end of a program: wait for the threads
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        os._exit(code)  # the stack of the one that forked is not this process's to unwind


def _set_up(folder: Path, log: Path, limits: Limits) -> None:
    import resource

    os.chdir(folder)
    nothing, written = os.open(os.devnull, os.O_RDWR), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for number, file in enumerate((nothing, nothing, written)):
        os.dup2(file, number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace") for number in (1, 2))
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL)
    for which, limit in (
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_AS, psutil.Process().memory_info().vms + limits.memory),  # beside what the parent holds
        (resource.RLIMIT_FSIZE, limits.file),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # macOS has no limit on addresses
            resource.setrlimit(which, (limit, limit))
