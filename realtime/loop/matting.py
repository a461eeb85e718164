"""Frames into an engine, and what comes of them: a matte in the packet, or one that stays on the engine's device."""

from collections.abc import Sequence

from engines.engine import Engine, OverlappingEngine
from realtime.compositing.filters import Filter
from realtime.loop.pipeline import Stage
from realtime.packet import Packet


def matte(packet: Packet, engine: Engine, filters: Sequence[Filter] = ()) -> None:
    """Gives a packet its matte, filtered. One that no filter wants stays on the engine's device, if the engine has one.

    It returns when the networks are done: a live frame that were sent before would only wait there, and grow old.
    """
    if not isinstance(engine, OverlappingEngine):
        packet.matte = engine(packet.frame)
    else:
        packet.pending = engine.submit(packet.frame)
        if not filters:
            packet.pending.wait()
    filtered(packet, filters)


def filtered(packet: Packet, filters: Sequence[Filter]) -> None:
    """Has the filters at a packet's matte; without any it stays where it is."""
    if filters:
        packet.fetch()
    for each in filters:
        each(packet)


def matte_stages(engine: Engine, filters: Sequence[Filter] = ()) -> list[Stage]:
    """The stages that do this where every frame counts: as many as the engine can work on at once."""
    if not isinstance(engine, OverlappingEngine):
        return [Stage("matte", lambda packet: matte(packet, engine, filters))]

    def submit(packet: Packet) -> None:
        packet.pending = engine.submit(packet.frame)

    submitting = Stage("submit", submit)
    return [submitting, Stage("matte", lambda packet: filtered(packet, filters))] if filters else [submitting]
