"""How the live loop bears up: what it costs over the engine alone, and whether anything grows while it runs.

python -m benchmarks.soak --minutes 30
"""

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import psutil
import typer
from rich.console import Console

import engines
import realtime
from benchmarks import machine
from engines import Engine
from engines.engine import Frame
from engines.errors import run
from engines.options import Backend, Precision, Threads
from realtime.backgrounds import fitted
from realtime.choice import Choice
from realtime.live import parse_size
from realtime.live_source import LiveSource
from realtime.outputs import Form, Recording
from realtime.packet import Packet
from realtime.show import Show
from realtime.sources import VideoSource

SAMPLE = Path(realtime.__file__).parent / "samples" / "sample.mp4"
ALONE = 20  # frames that the engine has for itself at first
WARM_UP = 0.4  # part of the run after which nothing may grow: buffers and caches have their size
MEMORY_SLACK = 24 * 2**20  # bytes of growth that are taken for noise of the allocator
RATE = 60  # frames/s of the source: more than the engine can take

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False, soft_wrap=True)


class Flood(LiveSource):
    """Frames of the sample, over and over, faster than the engine takes them."""

    name = "flood"

    def __init__(self, frames: list[Frame]) -> None:
        super().__init__()
        self._frames = frames
        self.height, self.width = frames[0].shape[:2]
        self.rate = Fraction(RATE)

    def __iter__(self) -> Iterator[Packet]:
        index = 0
        while not self._closed.wait(1 / RATE):
            yield Packet(self._frames[index % len(self._frames)].copy(), self._clock.now(), index)
            index += 1


@dataclass(frozen=True, slots=True)
class Look:
    """What the process holds at a moment: seconds since the start, bytes of memory, threads, open files, ms of delay."""

    seconds: float
    memory: int
    threads: int
    files: int
    delay_ms: float


@app.command()
def soak(
    minutes: Annotated[float, typer.Option(min=0.05, help="How long it runs.")] = 30,
    size: Annotated[str, typer.Option(metavar="WxH", help="Of the frames.")] = "800x800",
    bg: Annotated[str, typer.Option(help="What stands behind.")] = "blur",
    record: Annotated[bool, typer.Option("--record/--no-record", help="Record too, into a folder that goes.")] = True,
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
) -> None:
    """Run the live loop on a source that is faster than the engine; exit code 1 where anything grows.

    Delay, memory, threads and open files are looked at all the time. What the loop costs over the engine alone is told too.

    [bold]Example[/bold]

      python -m benchmarks.soak --minutes 30
    """
    width, height = parse_size(size) or (800, 800)
    with VideoSource(SAMPLE) as clip:
        frames = [fitted(packet.frame, height, width, "cover") for packet, _ in zip(clip, range(50), strict=False)]
    others = machine.Watch()
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(engines.load(backend, threads=threads, precision=precision)) as engine,
        Flood(frames) as source,
        Choice([bg], tell=console.print) as backgrounds,
    ):
        alone = engine_alone(engine, frames)
        outputs = [Recording(Path(folder) / "soak.mkv", Form(width, height, Fraction(RATE)))] if record else []
        show = Show(source, engine, backgrounds, outputs, tell=console.print)
        looks = watched(show, 60 * minutes)
        for output in outputs:
            output.close()
    steady = [look for look in looks if look.seconds >= WARM_UP * 60 * minutes]
    each = 1000 * looks[-1].seconds / max(1, show.meter.count)
    console.print(f"{engine.name} {engine.precision}, {engine.device}, {os.cpu_count()} cores, {size}, {minutes:g} minutes")
    console.print(f"engine alone: {alone:.1f} ms a frame; the loop: {each:.1f} ms ({100 * (each / alone - 1):+.0f} %)")
    if warning := others.load().warning:
        console.print(warning)
    grown = growth(steady)
    for line in grown or ["nothing grew"]:
        console.print(line)
    if grown:
        raise typer.Exit(1)


def engine_alone(engine: Engine, frames: list[Frame]) -> float:
    """Median milliseconds a frame of the engine, with nothing beside it."""
    engine(frames[0])
    times = []
    for frame, _ in zip(frames, range(ALONE), strict=False):
        start = time.perf_counter()
        engine(frame)
        times.append(time.perf_counter() - start)
    return 1000 * median(times)


def watched(show: Show, seconds: float) -> list[Look]:
    """Runs a show for so long, and looks at the process four times a second or a thousand times in all."""
    process = psutil.Process()
    looks: list[Look] = []
    start = time.monotonic()

    def watch() -> None:
        while (now := time.monotonic() - start) < seconds:
            files = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
            memory = process.memory_info().rss
            looks.append(Look(now, memory, process.num_threads(), files, show.meter.delay_ms))
            time.sleep(max(0.25, seconds / 1000))
        show.source.stop()

    watcher = threading.Thread(target=watch)
    watcher.start()
    show.run()
    watcher.join()
    return looks


def growth(looks: list[Look]) -> list[str]:
    """What grew from the first half of the looks to the second, in words: medians, so that a single moment does not matter."""
    half = len(looks) // 2
    found = []
    for what, unit, slack in (
        ("memory", "bytes", MEMORY_SLACK),
        ("threads", "", 0),
        ("files", "", 0),
        ("delay_ms", "ms", 50),
    ):
        before, after = (float(np.nanmedian([getattr(look, what) for look in part])) for part in (looks[:half], looks[half:]))
        console.print(f"{what}: {before:.0f} {unit} in the first half, {after:.0f} in the second")
        if after > before + slack:
            found.append(f"{what} grew")
    return found


if __name__ == "__main__":
    run(app)
