"""A live session: from its source through the engine onto a new background, into a window and other outputs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np

from engines.engine import Engine, Frame
from engines.errors import FileAppeared, MediaError
from realtime.choices import View
from realtime.compositing.filters import Filter
from realtime.compositing.playlist import Playlist
from realtime.compositing.views import render_view
from realtime.inputs.live_source import LiveSource
from realtime.loop.controls import HELP, WORDS, LineReader
from realtime.loop.matting import apply_filters, make_matte
from realtime.loop.pipeline import Pipeline
from realtime.loop.queue import Policy
from realtime.loop.stages import Stage
from realtime.loop.statistics import LiveStatistics
from realtime.outputs.output import Output
from realtime.outputs.photos import write_photo
from realtime.outputs.window import Window
from realtime.packet import Packet

POLL = 0.01  # s to wait for a frame until keys are checked again
REFRESH = 0.5  # s until the statistics in the window are drawn again while no frame comes
REPORT = 2.0  # s from one line of statistics to the next without a window
DRAIN = 5.0  # s that a recording has at the end to catch up


@dataclass(slots=True)
class LiveSession:
    """Shows the newest frame until its source ends or the user quits.

    What the controls change may be set from the start. `notify` is called with lines for the user; without a window these
    include the statistics and the help.
    """

    source: LiveSource
    engine: Engine
    backgrounds: Playlist
    outputs: Sequence[Output] = ()
    window: Window | None = None
    lines: LineReader | None = None
    mirror: bool = False
    show_statistics: bool = False
    view: View = "picture"
    filters: Sequence[Filter] = ()  # of this stream: each has its own memory
    light_wrap: float = 0.0
    snapshots: Path = Path()
    notify: Callable[[str], object] = print
    show_help: bool = False
    paused: bool = False
    frozen: bool = False
    quit: bool = False
    picture: Frame | None = None  # the last one
    statistics: LiveStatistics = field(default_factory=LiveStatistics)
    _drawn: float = 0
    _reported: float = 0

    def run(self) -> None:
        """Run until the end, and report a summary. Whatever ended it, pictures that wait for a recording are still written."""
        matting = Stage("matte", self.matte, threads=self.engine.at_once)
        stages = [matting, *([Stage("filter", self.smooth)] if self.filters else []), Stage("composite", self.compose)]
        sinks = [output_stage(output) for output in self.outputs]
        controlled = False  # whether a control changed what is shown
        with Pipeline(self.source, stages, sinks, policy=Policy.NEWEST_FRAME, release=self.source.stop) as pipeline:
            try:
                for packet in pipeline.polled(POLL):
                    self.draw(pipeline, changed=packet is not None or controlled)
                    controlled = self.obey_controls()
                    if packet is not None and not packet.absent:
                        self.statistics.add(self.source.delay(packet))
                    if self.quit or self.is_unseen:
                        break
            finally:
                pipeline.drain(DRAIN)
                self.notify(self.statistics.summary(dropped(pipeline)))
                for output in self.outputs:
                    if output.reports_drops and (lost := pipeline.dropped[output.name]):
                        self.notify(f"{output.name}: {lost} pictures are missing from it, because it was too slow")

    @property
    def is_unseen(self) -> bool:
        """Whether the user has closed the window, or nobody takes the pictures any more."""
        if self.window is not None:
            return self.window.closed
        return bool(self.outputs) and all(output.closed_by_reader for output in self.outputs)

    def matte(self, packet: Packet) -> None:
        """Stage: matte a frame, mirrored first if asked for."""
        if self.mirror:
            packet.frame = np.ascontiguousarray(cv2.flip(packet.frame, 1), np.uint8)
            if packet.opacity is not None:
                packet.opacity = np.asarray(cv2.flip(packet.opacity, 1), np.uint8)
        if packet.matte is None and not (self.frozen and self.picture is not None):
            make_matte(packet, self.engine)

    def smooth(self, packet: Packet) -> None:
        """Stage: filter the matte, in the order of the frames."""
        if not packet.absent and (packet.matte is not None or packet.pending is not None):
            apply_filters(packet, self.filters)

    def compose(self, packet: Packet) -> None:
        """Stage: compose the picture to show, which is all that the packet keeps; the last one again where it is frozen."""
        has_matte = packet.matte is not None or packet.pending is not None
        if has_matte and not (self.frozen and self.picture is not None):
            self.picture = render_view(packet, self.backgrounds, self.view, light_wrap=self.light_wrap)
        assert self.picture is not None
        packet.picture = packet.frame = self.picture
        # Many packets may wait for a recording: they hold the picture alone.
        packet.matte = packet.pending = packet.opacity = None

    def obey_controls(self) -> bool:
        """Execute keys and lines from the user, and return whether there were any."""
        entered = [self.window.key()] if self.window is not None else []
        while self.lines is not None and (line := self.lines.take()) is not None:
            entered.append(line)
        words = [word for word in entered if word]
        for word in words:
            self.execute(word)
        return bool(words)

    def execute(self, text: str) -> None:
        """Execute a key or a word of `controls.CONTROLS`; anything else is reported as unknown."""
        match WORDS.get(text.lower()):
            case "quit":
                self.quit = True
            case "next":
                self.backgrounds.step(1)
            case "previous":
                self.backgrounds.step(-1)
            case "blur":
                self.backgrounds.blur()
            case "mirror":
                self.mirror = not self.mirror
            case "alpha" | "foreground" | "split" as view:
                self.view = "picture" if self.view == view else view
            case "snapshot":
                self.snapshot()
            case "statistics":
                self.show_statistics = not self.show_statistics
            case "pause":
                self.paused = not self.paused
                self.source.pause(self.paused)
            case "freeze":
                self.frozen = not self.frozen
            case "help":
                self.show_help = not self.show_help
                if self.window is None:
                    self.notify("\n".join(HELP))
            case _ if len(text) > 1:
                self.notify(f"'{text}' is unknown; type help for all controls")

    def snapshot(self) -> None:
        """Write the last picture to a new PNG file named by the time."""
        if self.picture is None:
            self.notify("there is no picture yet to keep")
            return
        stem = f"shm-live-{datetime.now():%Y%m%d-%H%M%S}"
        path = self.snapshots / f"{stem}.png"
        number = 1
        while path.exists():
            number += 1
            path = self.snapshots / f"{stem}-{number}.png"
        try:
            write_photo(path, self.picture, overwrite=False)
        except FileAppeared as error:
            self.notify(f"snapshot: {error}")
        except (MediaError, OSError) as error:
            self.notify(f"no snapshot: {error}")
        else:
            self.notify(f"snapshot: {path}")

    def draw(self, pipeline: Pipeline, *, changed: bool) -> None:
        """Show the last picture in the window if something changed; the statistics also while a camera stalls."""
        now = time.monotonic()
        if self.window is None:
            if self.show_statistics and now - self._reported > REPORT:
                self._reported = now
                self.notify("; ".join(self.report(pipeline)))
        elif self.picture is not None and (changed or (self.show_statistics and now - self._drawn > REFRESH)):
            self._drawn = now
            self.window.show(self.picture, self.overlay(pipeline))

    def overlay(self, pipeline: Pipeline) -> list[str]:
        """The lines over the picture."""
        states = [state for state, holds in (("paused", self.paused), ("frozen", self.frozen)) if holds]
        help_lines = list(HELP) if self.show_help else []
        return [*states, *help_lines, *(self.report(pipeline) if self.show_statistics else [])]

    def report(self, pipeline: Pipeline) -> list[str]:
        """The statistics in lines."""
        stages = ", ".join(f"{name} {ms:.0f}" for name, ms in pipeline.median_ms.items() if name != "source" and ms == ms)
        at_once = f", {self.engine.at_once} frames at once" if self.engine.at_once > 1 else ""
        return [
            self.statistics.line(dropped(pipeline)),
            f"ms a frame: {stages}",
            f"{self.engine.name} {self.engine.precision}, {self.engine.device}{at_once}",
        ]


def output_stage(output: Output) -> Stage:
    """An output as a sink of the pipeline."""
    return Stage(output.name, output.write, output.release, output.depth, output.idle, output.idle_seconds)


def dropped(pipeline: Pipeline) -> int:
    """The number of frames that never became pictures, because newer ones came."""
    return sum(pipeline.dropped.get(name, 0) for name in ("matte", "filter", "composite"))
