"""The scheduling of threads, which an encoder may change."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

THREADS = Path("/proc/self/task")


@contextmanager
def scheduling_kept() -> Iterator[None]:
    """The caller's scheduling is as before after the block, and threads begun in it have the same.

    SVT-AV1 gives its threads, and the one that opens it, the highest real-time priority where it may, which is as root: for as
    long as it encodes, and the program lives, nothing else gets a core.
    """
    if sys.platform != "linux":
        yield
        return
    scheduling, before = (os.sched_getscheduler(0), os.sched_getparam(0)), set(THREADS.iterdir())
    try:
        yield
    finally:
        os.sched_setscheduler(0, *scheduling)
        for thread in set(THREADS.iterdir()) - before:
            with suppress(OSError):  # it has ended
                os.sched_setscheduler(int(thread.name), *scheduling)
