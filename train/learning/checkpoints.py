"""Checkpoints: rank 0 writes and reads them, all ranks get their content."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import nn

from engines.atomic import replacing
from engines.errors import DataError
from train.learning.distributed import broadcast_from_rank0, is_rank0, raise_on_all_ranks

# "stage" is the task's name: checkpoints keep the names that their format began with.
KEYS = {"stage", "step", "seconds", "recipe", "network", "average", "optimizer"}
LOCK = ".lock"
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP}  # of a file system that has none


@contextmanager
def only_run_in(folder: Path) -> Iterator[None]:
    """Keep other runs from the checkpoints of a folder. Raises DataError if one is at work there, or nobody may write there."""
    lock = FileLock(folder / LOCK)
    with raise_on_all_ranks():
        if is_rank0():
            try:
                lock.acquire(timeout=0)
            except Timeout as error:
                raise DataError(f"{folder}: another shm-train is at work there; wait for it, or give another folder") from error
            except NotImplementedError:
                pass
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    raise DataError(f"{folder}: cannot be written ({error.strerror}); give another folder") from error
    try:
        yield
    finally:
        lock.release()


def save_checkpoint(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint atomically: a kill leaves the old one or the new one, whole. Raises DataError if that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as beside:
            torch.save(state, beside)
    except (OSError, RuntimeError) as error:  # the latter is PyTorch's for a full disk
        remedy = "make room on the disk; the same command resumes from the checkpoint before, if there is one"
        raise DataError(f"{path}: cannot be written; {remedy}") from error


def _read(path: Path) -> dict[str, Any]:
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: is no plain file; name a folder of checkpoints")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such checkpoint; train {path.stem.upper()} first") from error
    except Exception as error:
        raise DataError(f"{path}: not a readable checkpoint ({type(error).__name__}); delete it to start anew") from error
    if not isinstance(state, dict) or not state.keys() >= KEYS:
        raise DataError(f"{path}: not a checkpoint of shm-train; delete it to start anew")
    return state


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint of this project. Raises DataError if it cannot be read."""
    return broadcast_from_rank0(lambda: _read(path))


def checkpoint_exists(path: Path) -> bool:
    """Whether rank 0 has this checkpoint."""
    return broadcast_from_rank0(path.exists)


def load_weights(network: nn.Module, weights: dict[str, Any], path: Path) -> None:
    """Load the weights of a checkpoint. Raises DataError if they belong to another network."""
    try:
        network.load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError) as error:  # the latter two for what is no table of weights
        raise DataError(f"{path}: holds the weights of another network; delete it to start anew") from error
