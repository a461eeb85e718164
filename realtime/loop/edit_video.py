"""A video file edited from end to end: matted, composited or cut out, and encoded, every frame."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from engines.engine import Engine, Frame, Mask
from realtime.choices import OutputKind
from realtime.compositing.backgrounds import Background
from realtime.compositing.composite import composite
from realtime.compositing.filters import Filter, LookAhead
from realtime.compositing.foreground import extend_foreground
from realtime.loop.matting import matte_stages
from realtime.loop.pipeline import Pipeline
from realtime.loop.stages import Stage, nothing
from realtime.outputs.sink import Sink
from realtime.packet import Packet
from realtime.pixels.opacity import premultiply


class Edited(NamedTuple):
    """The number of frames, and the median milliseconds that each stage took for one."""

    frames: int
    stage_ms: dict[str, float]


def edit_video(
    source: Iterable[Packet],
    engine: Engine,
    background: Background,
    sink: Sink,
    *,
    alpha_sink: Sink | None = None,
    filters: Sequence[Filter] = (),
    ahead: Sequence[LookAhead] = (),
    light_wrap: float = 0.0,
    release: Callable[[], object] = nothing,
    on_progress: Callable[[int], object] = lambda frames: None,
) -> Edited:
    """Matte and encode all frames as the sinks show them. `on_progress` is called with their number so far.

    The filters `ahead` come after the others, and see the next frame, too. The background is for composites alone. `alpha_sink`
    takes the mattes of the same frames. `release` is called when the work is broken off: what waits for a frame, or for a
    reader, has to end soon after.
    """

    def paint(packet: Packet) -> None:
        if alpha_sink is not None or packet.fine is not None:
            packet.fetch()  # a composite would leave the matte on the engine's device, and drop it
        behind = show(packet, sink.kind, background, light_wrap=light_wrap)
        if packet.fine is not None and behind is not packet.frame:
            packet.fine = premultiply(packet.fine, opaque(packet.fetch().alpha))

    frames = 0
    complete = False

    def break_off() -> None:
        if not complete:
            release()

    stages = [*matte_stages(engine, filters, ahead), Stage("composite", paint), Stage("encode", sink.write)]
    if alpha_sink is not None:
        stages.append(Stage("encode alpha", alpha_sink.write))
    with Pipeline(source, stages, release=break_off) as pipeline:
        for frames, _ in enumerate(pipeline, 1):
            on_progress(frames)
        complete = True
    return Edited(frames, {name: ms for name, ms in pipeline.median_ms.items() if frames})


def show(packet: Packet, kind: OutputKind, background: Background, *, light_wrap: float = 0.0) -> Frame | None:
    """Give a matted packet the picture of a file of some kind, if that has colours. The background's frame, of a composite."""
    if kind == "composite":
        behind = background.frame(packet)
        packet.picture = composite(packet, behind, light_wrap=light_wrap)
        return behind
    if kind != "alpha":
        packet.picture = extend_foreground(packet.fetch())
    return None


def opaque(alpha: Mask) -> Mask:
    """The share, 0 to 1, of what 8 bits leave out that is the person's: where alpha is low, it may be the old background's."""
    return np.asarray(np.maximum(2 * alpha - 1, 0), np.float32)
