"""What a run leaves on the disk of its first process, and what all its processes read from there."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from engines.errors import DataError
from train.in_place import in_place
from train.learning.distributed import from_first

CONTENTS = {"stage", "step", "seconds", "recipe", "network", "average", "optimizer"}


def save_atomically(state: dict[str, Any], path: Path) -> None:
    """Writes beside and moves into place: what a kill leaves is the old checkpoint or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with in_place(path) as beside:
        torch.save(state, beside)


def _read(path: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such checkpoint; train that stage first") from error
    except Exception as error:
        raise DataError(
            f"{path}: not a readable checkpoint ({type(error).__name__}); delete it to start that stage anew"
        ) from error
    if not isinstance(state, dict) or not state.keys() >= CONTENTS:
        raise DataError(f"{path}: not a checkpoint of shm-train; delete it to start that stage anew")
    return state


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint of this project. Raises DataError if it cannot be read."""
    return from_first(lambda: _read(path))


def is_there(path: Path) -> bool:
    """Whether there is such a checkpoint."""
    return from_first(path.exists)


def load_weights(network: nn.Module, weights: dict[str, Any], path: Path) -> None:
    """Puts the weights of a checkpoint into a network. Raises DataError if they are another network's."""
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise DataError(f"{path}: holds the weights of another network; delete it to start that stage anew") from error
