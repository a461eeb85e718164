"""`shm-live`: a webcam or a clip with a new background, in a window, as it happens."""

import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Annotated

import cv2
import numpy as np
import typer
from rich.console import Console

import engines
from engines import Engine, InputError
from engines.engine import Frame
from engines.errors import run
from engines.options import Backend, Precision, Threads
from realtime.backgrounds import Background, Fit, open_background
from realtime.composite import composite
from realtime.handover import Policy
from realtime.packet import Packet
from realtime.pipeline import Pipeline, Stage
from realtime.stopping import stoppable
from realtime.webcam import LiveSource, PacedClip, Webcam
from realtime.window import Window, check_display

POLL = 0.01  # s to wait for a frame before keys are looked at again
RECENT = 60  # frames that the statistics look back on
HELP = ("q, Esc  quit", "s  statistics", "m  mirror", "h  this help")

app = typer.Typer(add_completion=False, rich_markup_mode="rich")
console = Console(stderr=True, highlight=False, soft_wrap=True)


@app.command()
def live(
    webcam: Annotated[str | None, typer.Option(metavar="[CAMERA]", help="Number or path of a camera; 0 unless told.")] = None,
    clip: Annotated[Path | None, typer.Option("--input", metavar="CLIP", help="A video file, at its own pace.")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Start the clip again at its end.")] = False,
    bg: Annotated[str, typer.Option(help="Put this behind: a picture, a video, a colour, or blur.")] = "blur",
    fit: Annotated[Fit, typer.Option(help="How a picture behind is brought to the frame's size.")] = "cover",
    size: Annotated[str | None, typer.Option(metavar="WxH", help="Size of the frames, such as 1280x720.")] = None,
    smooth: Smooth = DEFAULT,
    keep: Kept = "all",
    light_wrap: LightWrap = 0.0,
    mirror: Annotated[bool, typer.Option("--mirror", help="Show it as a mirror does.")] = False,
    statistics: Annotated[bool, typer.Option("--statistics", help="Show the statistics from the start.")] = False,
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
) -> None:
    """Put a new background behind the people before a webcam, or in a clip, and show it in a window.

    The newest frame is always the next: delay never builds up. Keys: q or Esc quits, s shows statistics, h helps.

    [bold]Examples[/bold]

      shm-live --webcam

      shm-live --webcam /dev/video2 --size 1280x720 --bg beach.jpg --mirror

      shm-live --input talk.mp4 --loop --bg green
    """
    if (webcam is None) == (clip is None):
        raise InputError("name one source: --webcam, or --input CLIP")
    if loop and clip is None:
        raise InputError("--loop is for a clip; leave it out, or name one with --input")
    filters = filters_of_stream(keep, smooth)
    check_light_wrap(light_wrap)
    check_display()
    with stoppable(), ExitStack() as stack:
        source = stack.enter_context(open_source(webcam, clip, loop, parse_size(size)))
        background = stack.enter_context(open_background(bg, fit=fit))
        engine = stack.enter_context(closing(engines.load(backend, threads=threads, precision=precision)))
        console.print(f"{engine.name} {engine.precision} on {engine.device}; in the window, h shows the keys", markup=False)
        show = Show(source, engine, background, mirror=mirror, statistics=statistics, filters=filters, light_wrap=light_wrap)
        title = f"shm-live: {source.name}"
        window = stack.enter_context(Window(title, width=source.width, height=source.height))
        show.run(window)


class Meter:
    """Counts the frames that were shown, and how late each was."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._count = 0
        self._shown: deque[float] = deque(maxlen=RECENT)
        self._delays: deque[float] = deque(maxlen=RECENT)

    def add(self, delay: float) -> None:
        """A frame has been shown, this many seconds after it came."""
        self._count += 1
        self._shown.append(time.monotonic())
        self._delays.append(delay)

    @property
    def rate(self) -> float:
        """Frames a second, over the recent ones; 0 before the second."""
        span = self._shown[-1] - self._shown[0] if self._shown else 0.0
        return (len(self._shown) - 1) / span if span > 0 else 0.0

    @property
    def delay_ms(self) -> float:
        """Median milliseconds from a frame's coming to its showing, over the recent ones; 0 before the first."""
        return 1000 * median(self._delays) if self._delays else 0.0

    def summary(self, dropped: int) -> str:
        """One line for the end."""
        seconds = time.monotonic() - self._start
        return (
            f"{self._count} frames in {seconds:.1f} s: {self.rate:.1f} frames/s and {self.delay_ms:.0f} ms of delay"
            f" at the end, {dropped} dropped for newer ones"
        )


@dataclass(slots=True)
class Show:
    """A live source on its way through the engine and onto its new background, into a window."""

    source: LiveSource
    engine: Engine
    background: Background
    mirror: bool = False
    statistics: bool = False
    help: bool = False
    filters: Sequence[Filter] = ()  # of this stream: each has its memory
    light_wrap: float = 0.0
    meter: Meter = field(default_factory=Meter)

    def run(self, window: Window) -> None:
        """Shows the newest frame until the source ends, the window is closed or a key says so; then tells how it went."""
        stages = [Stage("matte", self.matte), Stage("composite", self.compose)]
        picture: Frame | None = None
        key: str | None = None  # the last one: what it changed is shown at once, also where the camera has stalled
        with Pipeline(self.source, stages, policy=Policy.NEWEST_FRAME, release=self.source.stop) as pipeline:
            for packet in pipeline.polled(POLL):
                if packet is not None:
                    picture = packet.picture
                    self.meter.add(self.source.delay(packet))
                if picture is not None and (packet is not None or key is not None):
                    window.show(picture, self.lines(pipeline))
                key = window.key()
                if key in {"q", "escape"} or window.closed:
                    break
                self.press(key)
        console.print(self.meter.summary(sum(pipeline.dropped.values())), markup=False)

    def matte(self, packet: Packet) -> None:
        """Stage: the matte of a frame, mirrored first where that is asked for."""
        if self.mirror:
            packet.frame = np.ascontiguousarray(cv2.flip(packet.frame, 1), np.uint8)
        packet.matte = self.engine(packet.frame)
        for each in self.filters:
            each(packet)

    def compose(self, packet: Packet) -> None:
        """Stage: the frame on its new background."""
        packet.picture = composite(packet, self.background.frame(packet), light_wrap=self.light_wrap)

    def press(self, key: str | None) -> None:
        """Does what a key of the window asks for."""
        if key == "s":
            self.statistics = not self.statistics
        elif key == "m":
            self.mirror = not self.mirror
        elif key == "h":
            self.help = not self.help

    def lines(self, pipeline: Pipeline) -> list[str]:
        """The text over the picture."""
        lines = list(HELP) if self.help else []
        if self.statistics:
            stages = ", ".join(f"{name} {ms:.0f}" for name, ms in pipeline.median_ms.items() if name != "source")
            lines += [
                f"{self.meter.rate:.1f} frames/s, delay {self.meter.delay_ms:.0f} ms, dropped {sum(pipeline.dropped.values())}",
                f"ms a frame: {stages}",
                f"{self.engine.name} {self.engine.precision}, {self.engine.device}",
            ]
        return lines


def open_source(webcam: str | None, clip: Path | None, loop: bool, size: tuple[int, int] | None) -> LiveSource:
    """The camera or the clip that the user named. Raises InputError where it cannot be opened."""
    if clip is not None:
        return PacedClip(clip, loop=loop, size=size)
    assert webcam is not None
    camera = Webcam(int(webcam) if webcam.isdecimal() else webcam, size=size)
    if size is not None and size != (camera.width, camera.height):
        console.print(f"{camera.name} gives {camera.width}x{camera.height}, not {size[0]}x{size[1]}", markup=False)
    return camera


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Width and height of "1280x720". Raises InputError for anything else, and below 32 px."""
    if text is None:
        return None
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal() and min(int(width), int(height)) >= 32):
        raise InputError(f"--size {text}: is no size; write width x height of 32 px or more, such as 1280x720")
    return int(width), int(height)


def spelled_out(arguments: list[str]) -> list[str]:
    """Arguments with `--webcam` alone made `--webcam 0`: the option parser knows no optional values."""
    spelled = []
    for argument, following in pairwise([*arguments, "-"]):
        spelled.append(argument)
        if argument == "--webcam" and following.startswith("-"):
            spelled.append("0")
    return spelled


def main() -> None:
    """The command `shm-live`."""
    run(lambda: app(spelled_out(sys.argv[1:])))


if __name__ == "__main__":
    main()
