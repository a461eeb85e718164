"""The way of a frame through the three networks: up from the host, through, and its matte or its picture down.

While a frame is in the networks the next one goes up and the one before comes down, each on a stream of its own. Buffers are
made once, bound once, and filled again for each frame.

Nothing here knows of TensorRT. On a GPU the buffers are the GPU's, with pinned twins on the host, and the networks are engines;
in the tests they are the CPU's, and ONNX Runtime runs the same FP16 graphs between the same addresses.
"""

from queue import Empty, SimpleQueue
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from engines.backends.gpu.blending import blend
from engines.backends.gpu.streams import Streams, Work
from engines.engine import Frame, Mask, Matte, fit_mask
from engines.geometry import BASE, low_resolution
from engines.weights import NETWORKS

TENSORS = {  # what each network reads and writes
    "mpn": ("frame", "image", "coarse"),
    "qun": ("image", "coarse", "unified"),
    "mrn": ("frame", "unified", "alpha", "foreground"),
}
DOWN = ("coarse", "unified", "alpha", "foreground")  # to the host, where the matte is wanted
AHEAD = 2  # frames that the networks may have before them: the one at work, and the next


Kind = tuple[tuple[int, ...], torch.dtype]
Kinds = dict[str, Kind]


class Network(Protocol):
    """One network made ready for one frame size."""

    def bind(self, name: str, tensor: Tensor) -> None:
        """From now on an input or an output is this tensor, at its address."""
        ...

    def enqueue(self, stream: int) -> None:
        """Has the network run on a CUDA stream (0 on a CPU, where it runs at once), after what is there already."""
        ...


def buffer_kinds(height: int, width: int, model: str = BASE) -> Kinds:
    """Shape and type of each tensor between the networks, for one frame size."""
    h, w = low_resolution(height, width, model)
    half = torch.float16
    return {
        "frame": ((height, width, 3), torch.uint8),
        "image": ((1, 3, h, w), half),
        "coarse": ((h, w), half),
        "unified": ((h, w), half),
        "alpha": ((height, width), half),
        "foreground": ((height, width, 3), torch.uint8),
    }


class Pair:
    """A buffer on the device, and its twin on the host."""

    def __init__(self, kind: Kind, streams: Streams) -> None:
        shape, dtype = kind
        self.there = torch.empty(shape, dtype=dtype, device=streams.device.place)
        self._pinned = streams.device.pinned(shape, dtype)
        self.here = self._pinned.numpy()

    def up(self, _: int) -> None:
        """Copies to the device, on the stream that is current."""
        self.there.copy_(self._pinned, non_blocking=True)

    def down(self, _: int) -> None:
        """Copies to the host, on the stream that is current."""
        self._pinned.copy_(self.there, non_blocking=True)


class Slot:
    """The buffers of one frame on its way. `pixels` is the frame first, then its foreground, then maybe its picture."""

    def __init__(self, kinds: Kinds, streams: Streams) -> None:
        self._streams = streams
        self._picture_kind = kinds["frame"]
        self.pixels = Pair(kinds["frame"], streams)
        self.alpha, self.coarse, self.unified = (Pair(kinds[name], streams) for name in ("alpha", "coarse", "unified"))
        self.up, self.computed, self.down = (streams.device.event() for _ in range(3))
        self.busy = False  # as far as is known, the networks are not done
        self._background: Pair | None = None
        self._last: Frame | None = None

    def settle(self) -> None:
        """Waits until the networks are done."""
        if self.busy:
            self.computed.synchronize()
            self.busy = False

    def background(self, background: Frame) -> tuple[Pair, bool]:
        """Lays a background where it goes up from, and says whether it has to: one that cannot have changed is there yet."""
        if self._background is None:
            self._background = Pair(self._picture_kind, self._streams)
        if background is self._last:
            return self._background, False
        np.copyto(self._background.here, background)
        self._last = None if background.flags.writeable else background
        return self._background, True


class Lane:
    """The networks for one frame size and the buffers between them. One thread at a time submits (see `lanes.py`)."""

    def __init__(self, networks: dict[str, Network], height: int, width: int, streams: Streams, model: str = BASE) -> None:
        kinds = self._kinds = buffer_kinds(height, width, model)
        place = streams.device.place
        self.size = height, width
        self._low_resolution = low_resolution(height, width, model)
        self.streams = streams
        self.free: SimpleQueue[Slot] = SimpleQueue()  # its `put` may come from a finaliser
        self._networks = networks
        self._between = {name: torch.empty(shape, dtype=kind, device=place) for name, (shape, kind) in kinds.items()}
        self._own_mask = torch.empty_like(self._between["coarse"])
        self.work = torch.empty(kinds["frame"][0], dtype=torch.float16, device=place)
        self._captured: dict[bool, Work] = {}
        self._ahead: list[Slot] = []
        for name in NETWORKS:
            for tensor in TENSORS[name]:
                networks[name].bind(tensor, self._between[tensor])

    def submit(self, frame: Frame, mask: Mask | None = None) -> "PendingFrame":
        """Sends a frame of this size on its way, and a mask of the user's own. No more than AHEAD go before the networks."""
        coarse = None if mask is None else fit_mask(mask, self._low_resolution)
        slot = self._slot()
        np.copyto(slot.pixels.here, frame)
        if coarse is not None:
            np.copyto(slot.coarse.here, coarse, casting="same_kind")
        self._ahead = [each for each in self._ahead if each.busy]
        while len(self._ahead) >= AHEAD:
            self._ahead.pop(0).settle()
        up, compute = self.streams.up, self.streams.compute
        networks = self._ready(mask is not None)
        up.do(slot.pixels.up)
        if mask is not None:
            up.do(slot.coarse.up)
        up.record(slot.up)
        compute.wait(slot.up)
        compute.do(lambda _: self._fill(slot, mask is not None))
        compute.do(networks)
        compute.do(lambda _: self._empty(slot))
        compute.record(slot.computed)
        slot.busy = True
        self._ahead.append(slot)
        return PendingFrame(self, slot)

    def _slot(self) -> Slot:
        try:
            slot = self.free.get_nowait()
        except Empty:
            return Slot(self._kinds, self.streams)
        slot.settle()  # nobody may have taken what it had
        return slot

    def _ready(self, own_mask: bool) -> Work:
        if own_mask not in self._captured:
            self._captured[own_mask] = self.streams.compute.captured(lambda stream: self._run(stream, own_mask))
        return self._captured[own_mask]

    def _run(self, stream: int, own_mask: bool) -> None:
        self._networks["mpn"].enqueue(stream)  # with a mask too: it makes the small image
        if own_mask:
            self._between["coarse"].copy_(self._own_mask)
        self._networks["qun"].enqueue(stream)
        self._networks["mrn"].enqueue(stream)

    # The networks keep their addresses, so that they are bound and captured once. What is copied for that stays on the device,
    # where it takes a tenth of what the way up or down takes.
    def _fill(self, slot: Slot, own_mask: bool) -> None:
        self._between["frame"].copy_(slot.pixels.there)
        if own_mask:
            self._own_mask.copy_(slot.coarse.there)

    def _empty(self, slot: Slot) -> None:
        slot.pixels.there.copy_(self._between["foreground"])
        for pair, name in ((slot.alpha, "alpha"), (slot.coarse, "coarse"), (slot.unified, "unified")):
            pair.there.copy_(self._between[name])


class PendingFrame:
    """See `engines.engine.Pending`."""

    def __init__(self, lane: Lane, slot: Slot) -> None:
        self._lane = lane
        self._slot: Slot | None = slot

    def wait(self) -> None:
        """See `engines.engine.Pending`."""
        if self._slot is not None:
            self._slot.settle()

    def matte(self) -> Matte:
        """See `engines.engine.Pending`."""
        slot, streams = self._taken(), self._lane.streams
        with streams.coming_down:
            streams.down.wait(slot.computed)
            for pair in (slot.coarse, slot.unified, slot.alpha, slot.pixels):
                streams.down.do(pair.down)
            streams.down.record(slot.down)
        slot.down.synchronize()
        alpha, coarse, unified = (pair.here.astype(np.float32) for pair in (slot.alpha, slot.coarse, slot.unified))
        matte = Matte(alpha=alpha, foreground=slot.pixels.here.copy(), coarse=coarse, unified=unified)
        self._release(slot)
        return matte

    def composite(self, background: Frame) -> Frame:
        """See `engines.engine.Pending`."""
        if background.shape != (*self._lane.size, 3) or background.dtype != np.uint8:
            expected = (*self._lane.size, 3)
            raise ValueError(f"the background is uint8 {expected}, as its frame, not {background.dtype} {background.shape}")
        slot, streams = self._taken(), self._lane.streams
        behind, changed = slot.background(background)
        with streams.coming_down:
            if changed:
                streams.down.do(behind.up)
            streams.down.wait(slot.computed)
            streams.down.do(lambda _: blend(slot.alpha.there, slot.pixels.there, behind.there, self._lane.work))
            streams.down.do(slot.pixels.down)
            streams.down.record(slot.down)
        slot.down.synchronize()
        picture = slot.pixels.here.copy()
        self._release(slot)
        return picture

    def _taken(self) -> Slot:
        slot, self._slot = self._slot, None
        if slot is None:
            raise ValueError("what was made of this frame has been taken already")
        return slot

    def _release(self, slot: Slot) -> None:
        slot.busy = False
        self._lane.free.put(slot)

    def __del__(self) -> None:
        if self._slot is not None:
            self._lane.free.put(self._slot)
