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
from statistics import mean, median
from typing import Annotated

import numpy as np
import psutil
import typer
from rich.console import Console

import engines
from benchmarks import machine
from benchmarks.frames import sample_frames
from engines import Engine
from engines.commands.options import Backend, Model, Precision, Threads
from engines.commands.running import run
from engines.engine import Frame
from realtime.commands.live import parse_size
from realtime.compositing.backgrounds import fitted
from realtime.compositing.filters import Smooth, filters_of_stream
from realtime.compositing.playlist import Choice
from realtime.inputs.live_source import LiveSource
from realtime.loop.live_session import Show
from realtime.outputs.recording import Form, Recording
from realtime.packet import Packet

ALONE = 20  # frames that the engine has for itself, at first and at last
LEAST_TOLD = 0.05  # ms of processors a frame
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
    smooth: Smooth = 0.0,
    record: Annotated[bool, typer.Option("--record/--no-record", help="Record too, into a folder that goes.")] = True,
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = "base",
) -> None:
    """Run the live loop on a source that is faster than the engine; exit code 1 where anything grows.

    Delay, memory, threads and open files are looked at all the time. What the loop costs over the engine alone is told too.

    [bold]Examples[/bold]

      python -m benchmarks.soak --minutes 30

      python -m benchmarks.soak --minutes 2 --no-record --bg beach.jpg --precision bf16
    """
    width, height = parse_size(size) or (800, 800)
    frames = [fitted(frame, height, width, "cover") for frame in sample_frames(50)]
    others = machine.Watch()
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(engines.load(backend, threads=threads, precision=precision, model=model)) as engine,
        Flood(frames) as source,
        Choice([bg], tell=console.print) as backgrounds,
    ):
        before = engine_alone(engine, frames)
        outputs = [Recording(Path(folder) / "soak.mkv", Form(width, height, Fraction(RATE)))] if record else []
        filters = filters_of_stream("all", smooth)
        show = Show(source, engine, backgrounds, outputs, filters=filters, tell=console.print)
        looks, costs = watched(show, 60 * minutes)
        for output in outputs:
            output.close()
        after = engine_alone(engine, frames)
    steady = [look for look in looks if look.seconds >= WARM_UP * 60 * minutes]
    alone, processors = (mean(figures) for figures in zip(before, after, strict=True))
    each = 1000 * looks[-1].seconds / max(1, show.meter.count)
    console.print(f"{engine.name} {engine.precision}, {engine.device}, {os.cpu_count()} cores, {size}, {minutes:g} minutes")
    console.print(f"engine alone: {alone:.1f} ms a frame; the loop: {each:.1f} ms ({100 * (each / alone - 1):+.0f} %)")
    total = sum(costs.values())
    most_first = sorted(costs.items(), key=lambda cost: -cost[1])
    by_thread = ", ".join(f"{name} {ms:.1f}" for name, ms in most_first if ms >= LEAST_TOLD)
    console.print(f"ms of processors a frame: the engine alone {processors:.1f}; the loop {total:.1f}: {by_thread}")
    if warning := others.load().warning:
        console.print(warning)
    grown = growth(steady)
    for line in grown or ["nothing grew"]:
        console.print(line)
    if grown:
        raise typer.Exit(1)


def engine_alone(engine: Engine, frames: list[Frame]) -> tuple[float, float]:
    """Median milliseconds a frame of the engine, with nothing beside it: by the clock, and of all its threads together."""
    engine(frames[0])
    times, work = [], []
    for frame, _ in zip(frames, range(ALONE), strict=False):
        start, begin = time.perf_counter(), time.process_time()
        engine(frame)
        times.append(time.perf_counter() - start)
        work.append(time.process_time() - begin)
    return 1000 * median(times), 1000 * median(work)


def thread_seconds() -> dict[str, float]:
    """Seconds of processors so far by the names of threads; those that Python did not start, the engine's too, are "others"."""
    names = {thread.native_id: thread.name.removeprefix("pipeline-") for thread in threading.enumerate()}
    seconds: dict[str, float] = {}
    for thread in psutil.Process().threads():
        name = names.get(thread.id, "others")
        seconds[name] = seconds.get(name, 0) + thread.user_time + thread.system_time
    return seconds


def watched(show: Show, seconds: float) -> tuple[list[Look], dict[str, float]]:
    """Runs a show for so long, and looks at the process four times a second or a thousand times in all.

    Gives the looks, and milliseconds of processors a frame for each thread.
    """
    process = psutil.Process()
    looks: list[Look] = []
    costs: dict[str, float] = {}
    start, already = time.monotonic(), thread_seconds()

    def watch() -> None:
        while (now := time.monotonic() - start) < seconds:
            files = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
            memory = process.memory_info().rss
            looks.append(Look(now, memory, process.num_threads(), files, show.meter.delay_ms))
            time.sleep(max(0.25, seconds / 1000))
        for name, used in thread_seconds().items():
            costs[name] = 1000 * (used - already.get(name, 0)) / max(1, show.meter.count)
        show.source.stop()

    watcher = threading.Thread(target=watch, name="watch")
    watcher.start()
    show.run()
    watcher.join()
    return looks, costs


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
