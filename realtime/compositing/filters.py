"""What a matte goes through between the engine and compositing."""

from collections.abc import Callable

from realtime.choices import Keep
from realtime.compositing.subjects import LargestSubject
from realtime.compositing.temporal import TemporalFilter
from realtime.packet import Packet

Filter = Callable[[Packet], object]


def stream_filters(keep: Keep, smooth: float) -> list[Filter]:
    """The filters of one stream, in order; each call makes new ones. Raises ValueError if `smooth` is out of range."""
    filters: list[Filter] = [LargestSubject()] if keep == "largest" else []
    temporal = TemporalFilter(smooth)
    return [*filters, temporal] if smooth else filters
