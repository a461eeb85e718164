"""The stages that matte frames: the result is in the packet, or still on the engine's device."""

from collections.abc import Sequence

from engines.engine import Engine, OverlappingEngine
from realtime.compositing.filters import Filter, LookAhead
from realtime.loop.stages import Stage
from realtime.packet import Packet


def make_matte(packet: Packet, engine: Engine, filters: Sequence[Filter] = ()) -> None:
    """Give a packet its matte, filtered. Without filters the matte stays on the engine's device, if the engine has one.

    Return when the networks are done: submitting a live frame earlier would only make it wait there, and grow old.
    """
    if not isinstance(engine, OverlappingEngine):
        packet.matte = engine(packet.frame, packet.mask)
    else:
        packet.pending = engine.submit(packet.frame, packet.mask)
        if not filters:
            packet.pending.wait()
    apply_filters(packet, filters)


def apply_filters(packet: Packet, filters: Sequence[Filter]) -> None:
    """Apply filters to a packet's matte, which they fetch from the engine's device."""
    if filters:
        packet.fetch()
    for each in filters:
        each(packet)
    packet.keep_clear()


def matte_stages(engine: Engine, filters: Sequence[Filter] = (), ahead: Sequence[LookAhead] = ()) -> list[Stage]:
    """The stages that do this when every frame counts: as many frames at once as the engine can take.

    The filters `ahead` come after the others, and see the mattes of two frames that these have filtered.
    """

    def smooth(packet: Packet, following: Packet | None) -> None:
        for each in ahead:
            each(packet, following)
        packet.keep_clear()

    if ahead:
        fetching = [*filters, Packet.fetch] if isinstance(engine, OverlappingEngine) else filters
        return [*matte_stages(engine, fetching), Stage("smooth", smooth, ahead=True)]
    if not isinstance(engine, OverlappingEngine):

        def matte(packet: Packet) -> None:
            packet.matte = engine(packet.frame, packet.mask)

        filtering = Stage("filter", lambda packet: apply_filters(packet, filters))
        if filters:
            return [Stage("matte", matte, threads=engine.at_once), filtering]
        return [Stage("matte", lambda packet: make_matte(packet, engine), threads=engine.at_once)]

    def submit(packet: Packet) -> None:
        packet.pending = engine.submit(packet.frame, packet.mask)

    submitting = Stage("submit", submit)
    return [submitting, Stage("matte", lambda packet: apply_filters(packet, filters))] if filters else [submitting]
