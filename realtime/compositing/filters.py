"""What a matte goes through between the engine and compositing."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from realtime.compositing.subjects import subject_filter
from realtime.compositing.temporal import TemporalFilter
from realtime.packet import Packet

Filter = Callable[[Packet], object]
LookAhead = Callable[[Packet, Packet | None], object]  # a packet and the one behind it; None behind the last


class StreamFilter(Protocol):
    """A filter that remembers its stream, and whose memory can be stored."""

    def __call__(self, packet: Packet) -> object:
        """Filter the packet's matte."""
        ...

    def memory(self) -> dict[str, NDArray[Any]]:
        """What is remembered of the stream."""
        ...

    def recall(self, memory: Mapping[str, NDArray[Any]]) -> None:
        """Go on as the filter did from which `memory` is."""
        ...


def stream_filters(keep: str, smooth: float, *, timed: bool = False) -> list[StreamFilter]:
    """The filters of one stream, in order; each call makes new ones. `timed`: whether `keep` may name a time of it.

    Raises ValueError if `smooth` is out of range, or `keep` is not what `subject_filter` takes.
    """
    subject = subject_filter(keep, timed=timed)
    filters: list[StreamFilter] = [] if subject is None else [subject]
    temporal = TemporalFilter(smooth)
    return [*filters, temporal] if smooth else filters
