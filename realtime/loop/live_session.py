"""A live picture on its way: from its source through the engine onto its new background, into a window and other outputs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np

from engines import Engine
from engines.engine import Frame
from engines.errors import MediaError
from realtime.compositing.filters import Filter
from realtime.compositing.playlist import Choice
from realtime.compositing.views import View, viewed
from realtime.inputs.live_source import LiveSource
from realtime.inputs.photos import write_photo
from realtime.loop.controls import HELP, WORDS, Lines
from realtime.loop.matting import matte
from realtime.loop.pipeline import Pipeline, Stage
from realtime.loop.queue import Policy
from realtime.loop.statistics import Meter
from realtime.outputs.recording import Output
from realtime.outputs.window import Window
from realtime.packet import Packet

POLL = 0.01  # s to wait for a frame before keys are looked at again
REFRESH = 0.5  # s after which the statistics in the window are drawn anew where no frame comes
REPORT = 2.0  # s from one line of statistics to the next where there is no window
DRAIN = 5.0  # s that a recording has at the end for what it lags behind


@dataclass(slots=True)
class Show:
    """Shows the newest frame, always, until its source ends or it is told to quit.

    What the controls change may be set from the start. `tell` is told what the user is to know. Without a window the
    statistics and the help are told, too.
    """

    source: LiveSource
    engine: Engine
    backgrounds: Choice
    outputs: Sequence[Output] = ()
    window: Window | None = None
    lines: Lines | None = None
    mirror: bool = False
    statistics: bool = False
    view: View = "picture"
    filters: Sequence[Filter] = ()  # of this stream: each has its memory
    light_wrap: float = 0.0
    snapshots: Path = Path()
    tell: Callable[[str], object] = print
    help: bool = False
    paused: bool = False
    frozen: bool = False
    quit: bool = False
    picture: Frame | None = None  # the last one
    meter: Meter = field(default_factory=Meter)
    _drawn: float = 0
    _reported: float = 0

    def run(self) -> None:
        """Runs until the end, and tells how it went. What waits for a recording is still written, whatever ended it."""
        stages = [Stage("matte", self.matte), Stage("composite", self.compose)]
        sinks = [output.stage for output in self.outputs]
        said = False  # whether something was, that shows
        with Pipeline(self.source, stages, sinks, policy=Policy.NEWEST_FRAME, release=self.source.stop) as pipeline:
            try:
                for packet in pipeline.polled(POLL):
                    self.draw(pipeline, anew=packet is not None or said)
                    said = self.listen()
                    if packet is not None and not packet.absent:
                        self.meter.add(self.source.delay(packet))
                    if self.quit or self.is_unseen:
                        break
            finally:
                pipeline.drain(DRAIN)
                self.tell(self.meter.summary(dropped(pipeline)))
                for output in self.outputs:
                    if output.keeps_all and (lost := pipeline.dropped[output.name]):
                        self.tell(f"{output.name}: {lost} pictures are missing in it, for it was too slow")

    @property
    def is_unseen(self) -> bool:
        """Whether the user has closed the window, or nobody takes the pictures any more."""
        if self.window is not None:
            return self.window.closed
        return bool(self.outputs) and all(output.closed_by_reader for output in self.outputs)

    def matte(self, packet: Packet) -> None:
        """Stage: the matte of a frame, mirrored first where that is asked for."""
        if self.mirror:
            packet.frame = np.ascontiguousarray(cv2.flip(packet.frame, 1), np.uint8)
        if packet.matte is None and not (self.frozen and self.picture is not None):
            matte(packet, self.engine, self.filters)

    def compose(self, packet: Packet) -> None:
        """Stage: the picture that is shown; where the matte was left out for a frozen picture, the last one again."""
        if packet.matte is not None or packet.pending is not None:
            self.picture = viewed(packet, self.backgrounds, self.view, light_wrap=self.light_wrap)
        packet.picture = self.picture

    def listen(self) -> bool:
        """Does what keys and lines ask for, and says whether there were any."""
        said = [self.window.key()] if self.window is not None else []
        while self.lines is not None and (line := self.lines.take()) is not None:
            said.append(line)
        words = [word for word in said if word]
        for word in words:
            self.do(word)
        return bool(words)

    def do(self, text: str) -> None:
        """Does what a key or a word of `controls.CONTROLS` says; anything else is told to be unknown."""
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
            case "alpha":
                self.view = "picture" if self.view == "alpha" else "alpha"
            case "foreground":
                self.view = "picture" if self.view == "foreground" else "foreground"
            case "split":
                self.view = "picture" if self.view == "split" else "split"
            case "snapshot":
                self.snapshot()
            case "statistics":
                self.statistics = not self.statistics
            case "pause":
                self.paused = not self.paused
                self.source.pause(self.paused)
            case "freeze":
                self.frozen = not self.frozen
            case "help":
                self.help = not self.help
                if self.window is None:
                    self.tell("\n".join(HELP))
            case _ if len(text) > 1:
                self.tell(f"'{text}' is unknown; help lists what there is")

    def snapshot(self) -> None:
        """Writes the last picture to a PNG file named by the time, which replaces none."""
        if self.picture is None:
            self.tell("there is no picture yet to keep")
            return
        stem = f"shm-live-{datetime.now():%Y%m%d-%H%M%S}"
        path = self.snapshots / f"{stem}.png"
        number = 1
        while path.exists():
            number += 1
            path = self.snapshots / f"{stem}-{number}.png"
        try:
            write_photo(path, self.picture)
        except (MediaError, OSError) as error:
            self.tell(f"no snapshot: {error}")
        else:
            self.tell(f"snapshot: {path}")

    def draw(self, pipeline: Pipeline, *, anew: bool) -> None:
        """Shows the last picture in the window where there is news; the statistics also while a camera stalls."""
        now = time.monotonic()
        if self.window is None:
            if self.statistics and now - self._reported > REPORT:
                self._reported = now
                self.tell("; ".join(self.report(pipeline)))
        elif self.picture is not None and (anew or (self.statistics and now - self._drawn > REFRESH)):
            self._drawn = now
            self.window.show(self.picture, self.text(pipeline))

    def text(self, pipeline: Pipeline) -> list[str]:
        """The lines over the picture."""
        states = [state for state, holds in (("paused", self.paused), ("frozen", self.frozen)) if holds]
        help_lines = list(HELP) if self.help else []
        return [*states, *help_lines, *(self.report(pipeline) if self.statistics else [])]

    def report(self, pipeline: Pipeline) -> list[str]:
        """The statistics in lines."""
        stages = ", ".join(f"{name} {ms:.0f}" for name, ms in pipeline.median_ms.items() if name != "source" and ms == ms)
        return [
            self.meter.line(dropped(pipeline)),
            f"ms a frame: {stages}",
            f"{self.engine.name} {self.engine.precision}, {self.engine.device}",
        ]


def dropped(pipeline: Pipeline) -> int:
    """How many frames never became pictures, because newer ones came."""
    return pipeline.dropped["matte"] + pipeline.dropped["composite"]
