"""The way of a frame through the three networks: buffers that are made once, bound once, and filled again for each frame.

Nothing here knows of TensorRT. On a GPU the buffers are the GPU's, with pinned twins on the host, and the networks are engines;
in the tests they are the CPU's, and ONNX Runtime runs the same FP16 graphs between the same addresses.
"""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from engines.engine import Frame, Mask, Matte, fit_mask
from engines.geometry import low_resolution
from engines.weights import NETWORKS

TENSORS = {  # what each network reads and writes
    "mpn": ("frame", "image", "coarse"),
    "qun": ("image", "coarse", "unified"),
    "mrn": ("frame", "unified", "alpha", "foreground"),
}
UP = ("frame", "coarse")  # from the host: coarse where the user has a mask
DOWN = ("coarse", "unified", "alpha", "foreground")  # to the host


class Network(Protocol):
    """One network made ready for one frame size."""

    def bind(self, name: str, tensor: Tensor) -> None:
        """From now on an input or an output is this tensor, at its address."""
        ...

    def enqueue(self, stream: int) -> None:
        """Has the network run on a CUDA stream (0 on a CPU, where it runs at once), after what is there already."""
        ...


def buffer_kinds(height: int, width: int) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    """Shape and type of each tensor between the networks, for one frame size."""
    h, w = low_resolution(height, width)
    half = torch.float16
    return {
        "frame": ((height, width, 3), torch.uint8),
        "image": ((1, 3, h, w), half),
        "coarse": ((h, w), half),
        "unified": ((h, w), half),
        "alpha": ((height, width), half),
        "foreground": ((height, width, 3), torch.uint8),
    }


class Lane:
    """Buffers for one frame size and the three networks between them. One frame at a time is in it."""

    def __init__(self, networks: dict[str, Network], height: int, width: int, device: torch.device) -> None:
        kinds = buffer_kinds(height, width)
        pinned = device.type == "cuda"
        self._networks = networks
        self._there = {name: torch.empty(shape, dtype=kind, device=device) for name, (shape, kind) in kinds.items()}
        self._here = {
            name: torch.empty(kinds[name][0], dtype=kinds[name][1], pin_memory=pinned) for name in dict.fromkeys(UP + DOWN)
        }
        for name in NETWORKS:
            for tensor in TENSORS[name]:
                networks[name].bind(tensor, self._there[tensor])

    def put(self, frame: Frame, mask: Mask | None) -> None:
        """Lays a frame, and a mask of the user's own, where `enqueue` takes them from."""
        np.copyto(self._here["frame"].numpy(), frame)
        if mask is not None:
            coarse = self._here["coarse"].numpy()
            coarse[:] = fit_mask(mask, coarse.shape)

    def enqueue(self, stream: int, own_mask: bool) -> None:
        """All that is to be done with a frame, in its order, on one stream. Waits for nothing and allocates nothing."""
        self._there["frame"].copy_(self._here["frame"], non_blocking=True)
        self._networks["mpn"].enqueue(stream)  # with a mask too: it makes the small image
        if own_mask:
            self._there["coarse"].copy_(self._here["coarse"], non_blocking=True)
        self._networks["qun"].enqueue(stream)
        self._networks["mrn"].enqueue(stream)
        for name in DOWN:
            self._here[name].copy_(self._there[name], non_blocking=True)

    def matte(self) -> Matte:
        """What has come down, in arrays of the caller's own. Call it once the stream is done."""
        here = {name: self._here[name].numpy() for name in DOWN}
        alpha, coarse, unified = (here[name].astype(np.float32) for name in ("alpha", "coarse", "unified"))
        return Matte(alpha=alpha, foreground=here["foreground"].copy(), coarse=coarse, unified=unified)
