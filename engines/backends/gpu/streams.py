"""What the way of a frame wants of a device: streams of work that run side by side, and events by which one waits for another.

`cuda.py` has those of a GPU. In the tests they are threads of the CPU that lag behind at random, so that a missing wait shows.
"""

import threading
from collections.abc import Callable
from typing import Any, Protocol

import torch

Work = Callable[[int], None]
"""Is given the handle of the stream it is to run on: a CUDA stream as TensorRT takes it."""


class Event(Protocol):
    """A mark in a stream, which may be set again and again."""

    def synchronize(self) -> None:
        """Has this thread wait until the stream comes to where the event was last recorded; not at all if it never was."""
        ...


class Stream(Protocol):
    """Work done in its order, beside other streams and this thread."""

    def do(self, work: Work) -> None:
        """Has work done after what is there already, and does not wait for it."""
        ...

    def captured(self, work: Work) -> Work:
        """The same work, made ready to be done again and again at the same addresses: on a GPU, a CUDA graph."""
        ...

    def record(self, event: Any) -> None:
        """Marks the place after what is there already."""
        ...

    def wait(self, event: Any) -> None:
        """Has what comes after this wait until the event, as it was last recorded, is reached."""
        ...


class Device(Protocol):
    """Where the networks run."""

    place: torch.device

    def pinned(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """Memory of the host that streams can copy from and to while others work."""
        ...

    def stream(self) -> Stream:
        """A new stream."""
        ...

    def event(self) -> Event:
        """A new event."""
        ...


class Streams:
    """The three streams of an engine: frames up, the networks, and what was asked for down."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.up, self.compute, self.down = device.stream(), device.stream(), device.stream()
        self.coming_down = threading.Lock()  # several threads may take
        self._end = device.event()

    def drain(self) -> None:
        """Waits until nothing is at work in any of them."""
        for stream in (self.up, self.compute, self.down):
            stream.record(self._end)
            self._end.synchronize()
