"""The way of a frame through the three networks: uploaded, computed, and its matte or its picture downloaded.

While one frame is in the networks, the next is uploaded and the one before is downloaded, each on a stream of its own. Buffers
are allocated and bound once, and refilled for each frame.

Nothing in this module knows of TensorRT or of PyTorch's networks. In the tests the buffers are the CPU's, and what runs between
the same addresses is ONNX Runtime with the FP16 graphs, or the PyTorch networks, uncompiled.
"""

from queue import Empty, SimpleQueue
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from engines.backends.gpu.blending import blend
from engines.backends.gpu.streams import Streams, Timer, Work
from engines.confirming import CONFIRMING
from engines.engine import Frame, Mask, Matte, fit_mask
from engines.geometry import BASE, OVERSAMPLING, low_resolution

TENSORS = {  # inputs and outputs of each network
    "mpn": ("frame", "doubled", "image", "coarse"),
    CONFIRMING: ("frame", "coarse"),  # which it changes: of the large model alone, and not everywhere
    "qun": ("image", "coarse", "unified"),
    "mrn": ("frame", "doubled", "unified", "alpha", "foreground"),
}
AHEAD = 2  # frames that may be before the networks or in them: the current one and the next


class BoundNetwork(Protocol):
    """One network, ready for one frame size, its inputs and outputs bound to buffers."""

    def bind(self, name: str, tensor: Tensor) -> None:
        """Use a tensor, at its address, as an input or an output from now on."""
        ...

    def enqueue(self, stream: int) -> None:
        """Run on a CUDA stream after what it holds already (0 on a CPU, where the network runs at once)."""
        ...


class Form(NamedTuple):
    """Shape and type of a buffer."""

    shape: tuple[int, ...]
    dtype: torch.dtype


def buffer_forms(height: int, width: int, model: str = BASE) -> dict[str, Form]:
    """The form of each tensor between the networks, for one frame size."""
    h, w = low_resolution(height, width, model)
    return {
        "frame": Form((height, width, 3), torch.uint8),
        "doubled": Form((1, 3, OVERSAMPLING * h, OVERSAMPLING * w), torch.float16),
        "image": Form((1, 3, h, w), torch.float16),
        "coarse": Form((h, w), torch.float16),
        "unified": Form((h, w), torch.float16),
        "alpha": Form((height, width), torch.float16),
        "foreground": Form((height, width, 3), torch.uint8),
    }


class MirroredBuffer:
    """A buffer on the device, and its pinned copy on the host."""

    def __init__(self, form: Form, streams: Streams) -> None:
        self.device = torch.empty(form.shape, dtype=form.dtype, device=streams.device.torch_device)
        self._pinned = streams.device.pinned(form.shape, form.dtype)
        self.host = self._pinned.numpy()

    def upload(self, _: int) -> None:
        """Copy to the device, on the current stream."""
        self.device.copy_(self._pinned, non_blocking=True)

    def download(self, _: int) -> None:
        """Copy to the host, on the current stream."""
        self._pinned.copy_(self.device, non_blocking=True)


class Slot:
    """The buffers of one frame in flight. `pixels` is the frame, then its foreground, then perhaps its picture."""

    def __init__(self, forms: dict[str, Form], streams: Streams) -> None:
        self._streams = streams
        self._picture_form = forms["frame"]
        self.pixels = MirroredBuffer(forms["frame"], streams)
        self.alpha, self.coarse, self.unified = (
            MirroredBuffer(forms[name], streams) for name in ("alpha", "coarse", "unified")
        )
        self.uploaded, self.computed, self.downloaded = (streams.device.event() for _ in range(3))
        self.busy = False  # whether the networks may still be at work on it
        self._background: MirroredBuffer | None = None
        self._last: Frame | None = None

    def wait(self) -> None:
        """Wait until the networks are done."""
        if self.busy:
            self.computed.synchronize()
            self.busy = False

    def background(self, background: Frame) -> tuple[MirroredBuffer, bool]:
        """Stage a background for upload. The flag says whether it has to be uploaded: one that cannot have changed need not."""
        if self._background is None:
            self._background = MirroredBuffer(self._picture_form, self._streams)
        if background is self._last:
            return self._background, False
        np.copyto(self._background.host, background)
        self._last = None if background.flags.writeable else background
        return self._background, True


class Lane:
    """The networks for one frame size and the buffers between them. One thread at a time submits (see `lanes.py`).

    `networks`: those of NETWORKS, and perhaps CONFIRMING (see `engines.confirming`).
    """

    def __init__(self, networks: dict[str, BoundNetwork], height: int, width: int, streams: Streams, model: str = BASE) -> None:
        forms = self._forms = buffer_forms(height, width, model)
        device = streams.device.torch_device
        self.size = height, width
        self._low_resolution = low_resolution(height, width, model)
        self.streams = streams
        self.free: SimpleQueue[Slot] = SimpleQueue()  # a finaliser may call its `put`
        self._networks = networks
        self._between = {name: torch.empty(form.shape, dtype=form.dtype, device=device) for name, form in forms.items()}
        self._own_mask = torch.empty_like(self._between["coarse"])
        self.work = torch.empty(forms["frame"].shape, dtype=torch.float16, device=device)
        self._captured: dict[bool, Work] = {}
        self._ahead: list[Slot] = []
        for name, network in networks.items():
            for tensor in TENSORS[name]:
                network.bind(tensor, self._between[tensor])

    def submit(self, frame: Frame, mask: Mask | None = None, timers: tuple[Timer, Timer] | None = None) -> "PendingFrame":
        """Start a frame of this size, with a mask or without. Waits while AHEAD frames are before the networks or in them.

        `timers` are recorded right before and after the networks.
        """
        coarse = None if mask is None else fit_mask(mask, self._low_resolution)
        slot = self._slot()
        np.copyto(slot.pixels.host, frame)
        if coarse is not None:
            np.copyto(slot.coarse.host, coarse, casting="same_kind")
        self._ahead = [each for each in self._ahead if each.busy]
        while len(self._ahead) >= AHEAD:
            self._ahead.pop(0).wait()
        upload, compute = self.streams.upload, self.streams.compute
        networks = self._ready(mask is not None)
        upload.enqueue(slot.pixels.upload)
        if mask is not None:
            upload.enqueue(slot.coarse.upload)
        upload.record(slot.uploaded)
        compute.wait(slot.uploaded)
        compute.enqueue(lambda _: self._fill(slot, mask is not None))
        if timers is not None:
            compute.record(timers[0])
        compute.enqueue(networks)
        if timers is not None:
            compute.record(timers[1])
        compute.enqueue(lambda _: self._empty(slot))
        compute.record(slot.computed)
        slot.busy = True
        self._ahead.append(slot)
        return PendingFrame(self, slot)

    def _slot(self) -> Slot:
        try:
            slot = self.free.get_nowait()
        except Empty:
            return Slot(self._forms, self.streams)
        slot.wait()  # its last result may never have been taken
        return slot

    def _ready(self, own_mask: bool) -> Work:
        if own_mask not in self._captured:
            self._captured[own_mask] = self.streams.compute.capture(lambda stream: self._run(stream, own_mask))
        return self._captured[own_mask]

    def _run(self, stream: int, own_mask: bool) -> None:
        self._networks["mpn"].enqueue(stream)  # with a mask too: it makes the small images
        if own_mask:
            self._between["coarse"].copy_(self._own_mask)
        elif CONFIRMING in self._networks:
            self._networks[CONFIRMING].enqueue(stream)
        self._networks["qun"].enqueue(stream)
        self._networks["mrn"].enqueue(stream)

    # The networks keep their addresses, so that they are bound and captured once. The copies that this costs stay on the
    # device, where they take a tenth of the time of an upload or a download.
    def _fill(self, slot: Slot, own_mask: bool) -> None:
        self._between["frame"].copy_(slot.pixels.device)
        if own_mask:
            self._own_mask.copy_(slot.coarse.device)

    def _empty(self, slot: Slot) -> None:
        slot.pixels.device.copy_(self._between["foreground"])
        for buffer, name in ((slot.alpha, "alpha"), (slot.coarse, "coarse"), (slot.unified, "unified")):
            buffer.device.copy_(self._between[name])


class PendingFrame:
    """A frame in flight: a `Pending` of `engines.engine`."""

    def __init__(self, lane: Lane, slot: Slot) -> None:
        self._lane = lane
        self._slot: Slot | None = slot

    def wait(self) -> None:
        if self._slot is not None:
            self._slot.wait()

    def matte(self) -> Matte:
        slot, streams = self._take(), self._lane.streams
        with streams.download_lock:
            streams.download.wait(slot.computed)
            for buffer in (slot.coarse, slot.unified, slot.alpha, slot.pixels):
                streams.download.enqueue(buffer.download)
            streams.download.record(slot.downloaded)
        slot.downloaded.synchronize()
        alpha, coarse, unified = (buffer.host.astype(np.float32) for buffer in (slot.alpha, slot.coarse, slot.unified))
        matte = Matte(alpha=alpha, foreground=slot.pixels.host.copy(), coarse=coarse, unified=unified)
        self._release(slot)
        return matte

    def composite(self, background: Frame) -> Frame:
        if background.shape != (*self._lane.size, 3) or background.dtype != np.uint8:
            expected = (*self._lane.size, 3)
            raise ValueError(f"the background is uint8 {expected}, as its frame, not {background.dtype} {background.shape}")
        slot, streams = self._take(), self._lane.streams
        behind, changed = slot.background(background)
        with streams.download_lock:
            if changed:
                streams.download.enqueue(behind.upload)
            streams.download.wait(slot.computed)
            streams.download.enqueue(lambda _: blend(slot.alpha.device, slot.pixels.device, behind.device, self._lane.work))
            streams.download.enqueue(slot.pixels.download)
            streams.download.record(slot.downloaded)
        slot.downloaded.synchronize()
        picture = slot.pixels.host.copy()
        self._release(slot)
        return picture

    def _take(self) -> Slot:
        slot, self._slot = self._slot, None
        if slot is None:
            raise ValueError("the result of this frame has been taken already")
        return slot

    def _release(self, slot: Slot) -> None:
        slot.busy = False
        self._lane.free.put(slot)

    def __del__(self) -> None:
        if self._slot is not None:
            self._lane.free.put(self._slot)
