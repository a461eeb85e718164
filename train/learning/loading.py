"""Batches drawn by worker processes, which end with the block that uses them."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from torch.utils.data import DataLoader

from engines.errors import DataError
from train.data.samples import Sample, Samples


def init_worker(_: int) -> None:
    """Leave Ctrl-C and SIGTERM, which may reach all processes of a run, to the trainer, and lower the worker's priority.

    A network's threads wait for each other at each layer: a worker that takes one core slows both, by half on two cores.
    """
    for request in (signal.SIGINT, signal.SIGTERM):
        signal.signal(request, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(15)


@contextmanager
def batches_of(samples: Samples, workers: int) -> Iterator[Iterator[Sample]]:
    """Batches of samples, drawn by worker processes (0: by this one) that end with the block."""
    # Spawned, not forked: a fork of a process with thread pools (OpenMP's, OpenCV's) may hang.
    loader = DataLoader(
        samples,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=8 if workers else None,
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=init_worker,
    )
    batches: Any = iter(loader)
    try:
        yield batches
    finally:
        # An error's traceback keeps the iterator, so it is not collected; and at exit multiprocessing joins its workers, which
        # ignore SIGTERM, for ever.
        if workers:
            # A process with thread pools may abort as it ends. It has no batch left to give, but PyTorch reports it.
            with suppress(RuntimeError):
                batches._shutdown_workers()


def next_batch(batches: Iterator[Sample]) -> Sample:
    """The next batch. Raises DataError in one line: from a worker, the message ends a traceback of several lines."""
    try:
        return next(batches)
    except DataError as error:
        raise DataError(str(error).strip().splitlines()[-1].removeprefix("engines.errors.DataError: ")) from error
    except RuntimeError as error:
        if "DataLoader worker" in str(error) and "exited unexpectedly" in str(error):
            raise DataError("a worker process was killed, perhaps for lack of memory; use fewer workers") from error
        raise
