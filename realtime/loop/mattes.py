"""The frames of a source with their mattes, for a program of your own.

with load() as engine, VideoSource("talk.mp4") as source:
    for packet in mattes(source, engine):
        print(packet.time, packet.matte.alpha.mean())
"""

import os
from collections.abc import Generator, Iterable, Iterator

from engines.engine import Engine, kind_of
from realtime.inputs.live_source import LiveSource
from realtime.loop.following import follow
from realtime.loop.matting import make_matte, matte_stages
from realtime.loop.pipeline import Pipeline
from realtime.loop.queue import Policy
from realtime.loop.stages import Stage
from realtime.packet import Packet


def mattes(source: Iterable[Packet], engine: Engine) -> Generator[Packet, None, None]:
    """Yield packets with their mattes; reading, matting and the caller's own work run in parallel.

    Of a file every frame comes, in order. Of a `LiveSource` the newest comes; frames for which there is no time are dropped.
    Leave the loop at any time. Raises what goes wrong in the source or the engine, and ValueError for what is no source: the
    name of a file, or something that gives arrays, not packets.
    """
    if isinstance(source, str | os.PathLike):
        raise ValueError(f"{os.fspath(source)}: is a name, not a source; give VideoSource({os.fspath(source)!r})")
    if not isinstance(source, Iterable):
        raise ValueError(f"{kind_of(source)}: is not a source; give a source of packets first, then an engine")
    if isinstance(source, LiveSource):
        following = follow(engine)

        def matte_live(packet: Packet) -> None:
            if packet.matte is None:
                make_matte(packet, following, [Packet.fetch])

        matting = Stage("matte", matte_live, threads=engine.at_once)
        pipeline = Pipeline(source, [matting], policy=Policy.NEWEST_FRAME, release=source.stop)
    else:
        pipeline = Pipeline(_packets(source), matte_stages(engine, [Packet.fetch]))
    with pipeline:
        yield from pipeline


def _packets(source: Iterable[Packet]) -> Iterator[Packet]:
    """What a source gives. Raises ValueError at the first that is no packet."""
    for each in source:
        if not isinstance(each, Packet):
            remedy = "make a Packet(frame, time, index) of each frame, or call the engine on it"
            raise ValueError(f"a source gives packets, not {kind_of(each)}; {remedy}")
        yield each
