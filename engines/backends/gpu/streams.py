"""What a frame's way through a device needs: streams of work that run side by side, and events on which they wait.

`cuda.py` has those of a GPU. In the tests they are CPU threads that lag behind at random, so that a missing wait shows.
"""

import threading
from collections.abc import Callable
from typing import Any, Protocol

import torch

Work = Callable[[int], None]
"""Takes the handle of the stream that it runs on: a CUDA stream as TensorRT takes it."""


class Event(Protocol):
    """A mark in a stream, which may be recorded again and again."""

    def synchronize(self) -> None:
        """Block this thread until the stream reaches the last recorded mark; return at once if there is none."""
        ...


class Timer(Event, Protocol):
    """An event that notes when the stream reached it."""

    def elapsed_time(self, end_event: Any) -> float:
        """Milliseconds from this mark to that of another timer. Both must have been reached."""
        ...


class Stream(Protocol):
    """Work done in order, beside other streams and this thread."""

    def enqueue(self, work: Work) -> None:
        """Append work without waiting for it."""
        ...

    def capture(self, work: Work) -> Work:
        """The same work, ready to be repeated at the same addresses: on a GPU, a CUDA graph."""
        ...

    def record(self, event: Any) -> None:
        """Mark the current end of the stream."""
        ...

    def wait(self, event: Any) -> None:
        """Hold back what is enqueued from now on until the event, as last recorded, is reached."""
        ...


class Device(Protocol):
    """The device that the networks run on."""

    torch_device: torch.device

    def pinned(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """Allocate host memory that streams can copy from and to asynchronously."""
        ...

    def stream(self) -> Stream:
        """Make a stream."""
        ...

    def event(self) -> Event:
        """Make an event."""
        ...

    def timer(self) -> Timer:
        """Make an event that notes the time."""
        ...


class Streams:
    """The three streams of an engine: uploads, the networks, and downloads."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.upload, self.compute, self.download = device.stream(), device.stream(), device.stream()
        self.download_lock = threading.Lock()  # several threads may take results
        self._end = device.event()

    def drain(self) -> None:
        """Wait until all three are idle."""
        for stream in (self.upload, self.compute, self.download):
            stream.record(self._end)
            self._end.synchronize()
