"""`bench soak`: whether memory, threads, open files or delay grow in a long live session, and its overhead over the engine."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from fractions import Fraction
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks import common
from benchmarks.measuring.machine import LoadMonitor
from benchmarks.measuring.timing import engine_alone
from engines.commands.options import Backend, Model, Precision, Threads, load_engine
from engines.commands.running import needs_extra

if TYPE_CHECKING:
    from realtime.loop.live_session import LiveSession

WARM_UP = 0.4  # part of the run after which nothing may grow: buffers and caches have their size
RATE = 60  # frames/s of the source: more than the engine can take
SLACK = {"memory, MB": 24.0, "threads": 0.0, "open files": 0.0, "delay, ms": 50.0}  # growth that counts as noise


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process holds at a moment: seconds since the start, MB of 2^20 bytes, threads, open files, ms of delay."""

    seconds: float
    memory: float
    threads: int
    files: int
    delay_ms: float


def run_sampled(session: LiveSession, seconds: float) -> list[Sample]:
    """Run a live session for so long, and sample the process four times a second or a thousand times in all."""
    import psutil

    process = psutil.Process()
    samples: list[Sample] = []
    start = time.monotonic()

    def sample() -> None:
        while (now := time.monotonic() - start) < seconds:
            files = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
            memory, threads = process.memory_info().rss / 2**20, process.num_threads()
            samples.append(Sample(now, memory, threads, files, session.statistics.delay_ms))
            time.sleep(max(0.25, seconds / 1000))
        session.source.stop()

    sampler = threading.Thread(target=sample, name="sample")
    sampler.start()
    session.run()
    sampler.join()
    return samples


def halves(samples: list[Sample]) -> dict[str, tuple[float, float]]:
    """Medians of the first and of the second half of the samples, so that a single moment does not matter."""
    import numpy as np

    half = len(samples) // 2
    before, after = (np.nanmedian([astuple(each)[1:] for each in part], axis=0) for part in (samples[:half], samples[half:]))
    return {name: (float(first), float(second)) for name, first, second in zip(SLACK, before, after, strict=True)}


def grown(medians: dict[str, tuple[float, float]]) -> list[str]:
    """What grew from the first half to the second."""
    return [name for name, (before, after) in medians.items() if after > before + SLACK[name]]


def soak(
    minutes: Annotated[float, typer.Option(min=0.05, help="How long it runs.")] = 30,
    size: Annotated[str, typer.Option(metavar="WxH", help="Size of the frames.")] = "800x800",
    record: Annotated[bool, typer.Option("--record/--no-record", help="Record too, into a temporary folder.")] = True,
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = "base",
) -> None:
    """Whether memory, threads, open files or delay grow in a long live session; exit code 1 where any does.

    The source is faster than the engine. The session's overhead over the engine alone is reported, too.

    \b
    Examples:
      bench soak --minutes 30
      bench soak --minutes 2 --no-record --precision bf16
    """
    [(width, height)] = common.sizes_of([size])
    with needs_extra("bench"):
        import psutil  # noqa: F401 - before the work begins

    from benchmarks.measuring.frames import cover, sample_frames
    from benchmarks.measuring.repeated import RepeatedFrames
    from realtime.compositing.playlist import Playlist
    from realtime.compositing.temporal import TemporalFilter
    from realtime.loop.live_session import LiveSession
    from realtime.outputs.output import VideoFormat
    from realtime.outputs.recording import Recording

    frames = [cover(frame, (width, height)) for frame in sample_frames(50)]
    monitor = LoadMonitor()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engine = stack.enter_context(load_engine(backend, threads=threads, precision=precision, model=model))
        source = stack.enter_context(RepeatedFrames(frames, RATE))
        backgrounds = stack.enter_context(Playlist(["blur"], notify=print))
        before = engine_alone(engine, frames)
        outputs = [Recording(folder / "soak.mkv", VideoFormat(width, height, Fraction(RATE)))] if record else []
        session = LiveSession(source, engine, backgrounds, outputs, filters=[TemporalFilter()], notify=print)
        samples = run_sampled(session, 60 * minutes)
        for output in outputs:
            output.close()
        alone = mean([before, engine_alone(engine, frames)])
        name = f"{engine.name} {engine.precision}, {engine.device}, {os.cpu_count()} cores"
    medians = halves([each for each in samples if each.seconds >= WARM_UP * 60 * minutes])
    each = 1000 * samples[-1].seconds / max(1, session.statistics.count)
    text = common.head("", "first half", "second half")
    text += "".join(common.row(what, *(f"{value:.0f}" for value in values)) for what, values in medians.items())
    common.show(f"{name}, {size}, {minutes:g} minutes\n{text}")
    print(f"engine alone: {alone:.1f} ms a frame; live session: {each:.1f} ms ({100 * (each / alone - 1):+.0f} %)")
    load = monitor.load()
    if load and load.warning:
        print(load.warning)
    found = grown(medians)
    print(*([f"{what} grew" for what in found] or ["nothing grew"]), sep="\n")
    if found:
        raise typer.Exit(1)
