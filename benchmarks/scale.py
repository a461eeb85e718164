"""How cost grows: with pixels, threads, streams that share an engine, and the length of a clip."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.frames import make_frames
from benchmarks.latency import Choice, take_turns
from benchmarks.machine import peak_memory
from benchmarks.processes import EngineProcess, child_environment
from benchmarks.throughput import write_clip
from engines import Engine
from engines.commands.running import UsageError

Advance = Callable[[], None]


@dataclass(frozen=True)
class Growth:
    """A straight line by least squares, y = start + slope x, how much of y it explains (1 is all), and the power of x.

    The power is that of y ~ x^power, fitted to the logarithms: 1 where y doubles with x.
    """

    start: float
    slope: float
    explained: float
    power: float


def growth(xs: Sequence[float], ys: Sequence[float]) -> Growth:
    """The line and the power through two points or more, all above 0."""
    slope, start = np.polyfit(xs, ys, 1)
    left = float(np.square(np.asarray(ys) - (start + slope * np.asarray(xs))).sum())
    spread = float(np.square(np.asarray(ys) - np.mean(ys)).sum())
    power = np.polyfit(np.log(xs), np.log(ys), 1)[0]
    return Growth(float(start), float(slope), 1 - left / spread if spread else 1.0, float(power))


@dataclass(frozen=True)
class SizeCost:
    """Median milliseconds end to end, and peak MB, at a size (width, height)."""

    size: tuple[int, int]
    milliseconds: float
    peak_mb: float

    @property
    def megapixels(self) -> float:
        """10^6 pixels of a frame."""
        return self.size[0] * self.size[1] / 1e6


def cost_of_size(
    choice: Choice, threads: int | None, size: tuple[int, int], runs: int, seconds: float, advance: Advance
) -> SizeCost:
    """What a frame of a size costs, in a fresh process. `advance` is called after each of the runs and of one warm-up."""
    with EngineProcess(choice.backend, choice.precision, threads, size, model=choice.model) as engine:
        [timing] = take_turns([engine], size, runs, 1, seconds, advance)
        return SizeCost(size, timing.median(), engine.memory()["peak"])


@dataclass(frozen=True)
class StreamCost:
    """So many streams of one engine: frames a second of all together, and the milliseconds that a stream waits for a frame."""

    streams: int
    frames_a_second: float
    milliseconds: float  # median
    p95: float


def cost_of_streams(engine: Engine, size: tuple[int, int], streams: int, frames: int) -> StreamCost:
    """Threads that each give the same engine `frames` frames of a size (width, height), one after the other."""
    pictures = make_frames(size)
    engine(pictures[0])
    times: list[float] = []
    errors: list[Exception] = []
    gate = threading.Barrier(streams + 1)

    def stream() -> None:
        gate.wait()
        try:
            for index in range(frames):
                begin = time.perf_counter()
                engine(pictures[index % len(pictures)])
                times.append(1e3 * (time.perf_counter() - begin))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=stream, daemon=True) for _ in range(streams)]
    for thread in threads:
        thread.start()
    gate.wait()
    begin = time.perf_counter()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    seconds = time.perf_counter() - begin
    return StreamCost(streams, streams * frames / seconds, median(times), float(np.percentile(times, 95)))


@dataclass(frozen=True)
class LengthCost:
    """A clip of so many frames, from file to file in a fresh process: its seconds, and that process's peak memory in MB."""

    frames: int
    seconds: float
    peak_mb: float


def cost_of_length(clip: Path, folder: Path, frames: int, size: tuple[int, int], choice: Choice) -> LengthCost:
    """Repeats a clip to so many frames of a size (width, height) and puts it through the loop of shm-video.

    Raises UsageError where that fails.
    """
    film = write_clip(clip, folder / f"{frames}.mp4", None, frames, size)
    settings = {"clip": str(film), "target": str(folder / f"{frames}-out.mp4")}
    settings |= {"backend": choice.backend, "precision": choice.precision, "model": choice.model}
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.length_worker", json.dumps(settings)],
        env=child_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise UsageError(f"{clip}: matting {frames} frames of it failed")
            return LengthCost(frames, json.loads(line)["seconds"], peak_memory(process.pid))
        finally:
            process.kill()
