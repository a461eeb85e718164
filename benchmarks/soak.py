"""`bench soak`: whether memory, threads, open files or delay grow in a long live session or file, and its overhead."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from benchmarks import common
from benchmarks.measuring.frames import make_frames
from benchmarks.measuring.machine import LoadMonitor
from benchmarks.measuring.timing import engine_alone
from engines.commands.options import Backend, Model, Precision, Threads, load_engine
from engines.commands.running import needs_extra

if TYPE_CHECKING:
    from engines import Engine, Frame

WARM_UP = 0.4  # part of the run after which nothing may grow: buffers and caches have their size
RATE = 60  # frames/s of the live source: more than the engine can take
FILE_RATE = 25  # frames/s of the clip
SLACK = {"memory, MB": 24.0, "threads": 0.0, "open files": 0.0, "delay, ms": 50.0}  # growth that counts as noise


class Sample(NamedTuple):
    """What the process holds at a moment: seconds since the start, MB of 2^20 bytes, threads, open files, ms of delay."""

    seconds: float
    memory: float
    threads: int
    files: int
    delay_ms: float


@contextmanager
def sampled(minutes: float, delay_ms: Callable[[], float] = lambda: 0.0) -> Iterator[list[Sample]]:
    """Sample the process while the block runs: at once, then four times a second, or a thousand times in so many minutes."""
    import psutil

    process = psutil.Process()
    samples: list[Sample] = []
    start = time.monotonic()
    over = threading.Event()

    def sample() -> None:
        while not samples or not over.wait(max(0.25, 60 * minutes / 1000)):
            files = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
            memory, threads = process.memory_info().rss / 2**20, process.num_threads()
            samples.append(Sample(time.monotonic() - start, memory, threads, files, delay_ms()))

    sampler = threading.Thread(target=sample, name="sample")
    sampler.start()
    try:
        yield samples
    finally:
        over.set()
        sampler.join()


def live_sampled(frames: "Sequence[Frame]", minutes: float, engine: "Engine", record: Path | None) -> tuple[list[Sample], int]:
    """Run a live session for so long, recorded to a file if that is named: samples of the process, and the number of frames."""
    from benchmarks.measuring.repeated import live_session
    from realtime.outputs.output import VideoFormat
    from realtime.outputs.recording import Recording

    height, width, _ = frames[0].shape
    outputs = [] if record is None else [Recording(record, VideoFormat(width, height, Fraction(RATE)))]
    with live_session(frames, RATE, round(60 * minutes * RATE), engine, "blur", outputs) as session:
        with sampled(minutes, lambda: session.statistics.delay_ms) as samples:
            session.run()
        for output in outputs:
            output.close()
    return samples, session.statistics.count


def edit_sampled(frames: "Sequence[Frame]", minutes: float, engine: "Engine", folder: Path) -> tuple[list[Sample], int]:
    """Edit a clip of so many minutes, which repeats `frames`, as `shm-video` does: samples, and the number of frames."""
    from realtime import Packet, VideoJob, VideoSettings, VideoSink

    clip, (height, width, _) = folder / "clip.mp4", frames[0].shape
    with VideoSink(clip, width=width, height=height, rate=Fraction(FILE_RATE), preset="ultrafast") as sink:
        for index, frame in enumerate(islice(cycle(frames), round(60 * minutes * FILE_RATE))):
            sink.write(Packet(frame, Fraction(index, FILE_RATE), index, Fraction(1, FILE_RATE), picture=frame))
    with VideoJob(clip, folder / "out.mp4", VideoSettings(bg="blur")) as job, sampled(minutes) as samples:
        return samples, job.run(engine).frames


def halves(samples: Sequence[Sample]) -> dict[str, tuple[float, float]]:
    """Medians of the first and of the second half of the samples, so that a single moment does not matter."""
    import numpy as np

    half = len(samples) // 2
    before, after = (np.nanmedian(np.array(part)[:, 1:], axis=0).tolist() for part in (samples[:half], samples[half:]))
    return dict(zip(SLACK, zip(before, after, strict=True), strict=True))


def grown(medians: dict[str, tuple[float, float]]) -> list[str]:
    """What grew from the first half to the second."""
    return [name for name, (before, after) in medians.items() if after > before + SLACK[name]]


def soak(
    minutes: Annotated[float, typer.Option(min=0.05, help="How long it runs; with --file, how long the clip is.")] = 30,
    size: Annotated[str, typer.Option(metavar="WxH", help="Size of the frames.")] = "800x800",
    record: Annotated[bool, typer.Option("--record/--no-record", help="Record it, too, into a temporary folder.")] = True,
    file: Annotated[bool, typer.Option("--file", help="Edit a clip, as shm-video does, instead of a live session.")] = False,
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = "base",
) -> None:
    """Whether memory, threads, open files or delay grow in a long live session, or memory with the length of a file.

    The exit code is 1 if anything grows. The session's source is faster than the engine. What the session or file takes beyond
    the engine alone is reported, too, and the peak of memory.

    \b
    Examples:
      bench soak --minutes 30
      bench soak --minutes 2 --no-record --precision bf16
      bench soak --file --minutes 10 --size 1280x720
    """
    [width_and_height] = common.sizes_of([size])
    with needs_extra("bench"):
        import psutil  # noqa: F401 - before the work begins

    frames = make_frames(width_and_height, 50, 1)
    monitor = LoadMonitor()
    with (
        TemporaryDirectory() as made,
        load_engine(backend, threads=threads, precision=precision, model=model, at_once=2) as engine,
    ):
        before, folder = engine_alone(engine, frames), Path(made)
        if file:
            what, (samples, count) = "whole file", edit_sampled(frames, minutes, engine, folder)
        else:
            what = "live session"
            samples, count = live_sampled(frames, minutes, engine, folder / "soak.mkv" if record else None)
        alone = mean([before, engine_alone(engine, frames)])
        name = f"{engine.name} {engine.precision}, {engine.device}, {os.cpu_count()} cores"
    medians = halves([each for each in samples if each.seconds >= WARM_UP * samples[-1].seconds])
    if file:
        del medians["delay, ms"]
    each = 1000 * samples[-1].seconds / max(1, count)
    rows = [(held, *(f"{value:.0f}" for value in values)) for held, values in medians.items()]
    table = common.markdown_table(("", "first half", "second half"), rows)
    common.show(f"{name}, {size}, {minutes:g} minutes\n{table}")
    print(f"engine alone: {alone:.1f} ms a frame; {what}: {each:.1f} ms ({100 * (each / alone - 1):+.0f} %)")
    print(f"{count} frames; memory: {samples[0].memory:.0f} MB at first, {max(held.memory for held in samples):.0f} at most")
    if (load := monitor.load()) and load.warning:
        print(load.warning)
    found = grown(medians)
    print(*([f"{held} grew" for held in found] or ["nothing grew"]), sep="\n")
    if found:
        raise typer.Exit(1)
