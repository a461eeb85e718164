"""Whole clips: frames a second from file to file, where the time goes, what the loop adds; and delay and drops of live ones."""

import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from engines import Engine
from engines.engine import Frame
from realtime.compositing.backgrounds import Background, fitted
from realtime.compositing.composite import composite
from realtime.inputs.live_source import PacedClip
from realtime.inputs.video_file import VideoSource
from realtime.loop.matting import matte_stages
from realtime.loop.pipeline import Pipeline, Stage
from realtime.loop.queue import Policy
from realtime.outputs.video_file import VideoSink
from realtime.packet import Packet

ALONE = 64  # frames at most that the engine is given by itself
Advance = Callable[[], None]


@dataclass
class FileRuns:
    """Milliseconds of a clip's way from file to file, a number a run.

    engine  of a frame: the engine by itself, on frames in memory
    apart   of a frame and stage: one stage after the other, nothing beside it (median of the frames)
    loop    of a frame: from file to file through the loop, whose stages run side by side
    within  of a frame and stage: in that loop, where stages share the processors (median of the frames)
    """

    frames: int = 0
    engine: list[float] = field(default_factory=list)
    apart: dict[str, list[float]] = field(default_factory=dict)
    loop: list[float] = field(default_factory=list)
    within: dict[str, list[float]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """All of it, with frames a second and what the loop takes over the engine alone."""
        return vars(self) | {
            "frames_a_second": 1e3 / median(self.loop),
            "loop_over_engine": median(loop / engine for loop, engine in zip(self.loop, self.engine, strict=True)),
        }


def stages(engine: Engine, background: Background) -> list[Stage]:
    """What shm-video and shm-live do to a packet before it leaves."""

    def compose(packet: Packet) -> None:
        packet.picture = composite(packet, background.frame(packet))

    return [*matte_stages(engine), Stage("composite", compose)]


def measure_file(
    clip: Path, folder: Path, engine: Engine, background: Background, runs: int, advance: Advance = lambda: None
) -> FileRuns:
    """Puts a clip through `runs` times in each of the three ways, in turn; what comes out goes into `folder`.

    `advance` is called after each way. Raises UsageError for what is no video.
    """
    result = FileRuns()
    with VideoSource(clip) as source:
        frames = [packet.frame for packet in itertools.islice(source, ALONE)]
    engine(frames[0])
    for _ in range(runs):
        begin = time.perf_counter()
        for frame in frames:
            engine(frame)
        result.engine.append(1e3 * (time.perf_counter() - begin) / len(frames))
        advance()
        _gather(result.apart, one_after_the_other(clip, folder / "apart.mp4", engine, background))
        advance()
        result.frames, milliseconds, within = through_the_loop(clip, folder / "loop.mp4", engine, background)
        result.loop.append(milliseconds)
        _gather(result.within, within)
        advance()
    return result


def one_after_the_other(clip: Path, target: Path, engine: Engine, background: Background) -> dict[str, float]:
    """Median milliseconds of each stage for a frame, with no other stage at work."""
    times: dict[str, list[float]] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        result = work()
        times.setdefault(name, []).append(1e3 * (time.perf_counter() - begin))
        return result

    with VideoSource(clip) as source, _sink(target, source) as sink:
        packets = iter(source)
        work = [*stages(engine, background), Stage("encode", sink.write)]
        while (packet := timed("decode", lambda: next(packets, None))) is not None:
            for stage in work:
                timed(stage.name, partial(stage.work, packet))
    return {name: median(each) for name, each in times.items()}


def through_the_loop(clip: Path, target: Path, engine: Engine, background: Background) -> tuple[int, float, dict[str, float]]:
    """Frames, milliseconds a frame over all, and the median of each stage, as shm-video has it."""
    begin = time.perf_counter()
    with VideoSource(clip) as source, _sink(target, source) as sink:
        with Pipeline(source, [*stages(engine, background), Stage("encode", sink.write)]) as pipeline:
            frames = sum(1 for _ in pipeline)
        within = {"decode" if name == "source" else name: ms for name, ms in pipeline.median_ms.items()}
    return frames, 1e3 * (time.perf_counter() - begin) / frames, within


@dataclass
class LiveRun:
    """A source of so many frames a second, shown as they come: the seconds since the start and the delay of each, and drops."""

    rate: int
    given: int = 0
    moments: list[float] = field(default_factory=list)
    delays_ms: list[float] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """All of it, with frames a second, the delay in short, and its trend: how much it grows a second."""
        shown = len(self.delays_ms)
        trend = float(np.polyfit(self.moments, self.delays_ms, 1)[0]) if shown > 2 else 0.0
        span = self.moments[-1] - self.moments[0] if shown > 1 else 0.0
        return vars(self) | {
            "shown": shown,
            "frames_a_second": (shown - 1) / span if span else 0.0,
            "delay_ms": {
                "median": median(self.delays_ms),
                "p95": float(np.percentile(self.delays_ms, 95)),
                "worst": max(self.delays_ms),
                "trend_a_second": trend,
            },
        }


def measure_live(clip: Path, rate: int, engine: Engine, background: Background, advance: Advance = lambda: None) -> LiveRun:
    """Plays a clip of `rate` frames a second as a camera would, to its end. `advance` is called for each frame shown."""
    result = LiveRun(rate)
    with PacedClip(clip) as source:
        engine(np.zeros((source.height, source.width, 3), np.uint8))
        loop = Pipeline(source, stages(engine, background), policy=Policy.NEWEST_FRAME, release=source.stop)
        with loop as pipeline:
            begin = time.perf_counter()
            for packet in pipeline:
                result.delays_ms.append(1e3 * source.delay(packet))
                result.moments.append(time.perf_counter() - begin)
                advance()
        result.dropped = pipeline.dropped
        result.given = pipeline.timings["source"].count
    return result


def write_clip(source: Path, target: Path, rate: int | None, count: int | None, size: tuple[int, int] | None) -> Path:
    """A clip's frames, from the start again when they end, as a new file: its rate, number of frames, and size (width, height).

    None leaves each as it is. Raises UsageError for what is no video.
    """
    with VideoSource(source) as film:
        width, height = size or (film.width, film.height)
        pace = Fraction(rate) if rate else film.rate or Fraction(25)
        with VideoSink(target, width=width, height=height, rate=pace, preset="ultrafast") as sink:
            for index, frame in enumerate(itertools.islice(_again_and_again(film), count) if count else _frames(film)):
                picture = fitted(frame, height, width, "cover") if frame.shape[:2] != (height, width) else frame
                sink.write(Packet(picture, index / pace, index, 1 / pace, picture=picture))
    return target


def _frames(film: VideoSource) -> Iterable[Frame]:
    return (packet.frame for packet in film)


def _again_and_again(film: VideoSource) -> Iterable[Frame]:
    while True:
        yield from _frames(film)


def _sink(target: Path, source: VideoSource) -> VideoSink:
    return VideoSink(target, width=source.width, height=source.height, rate=source.rate, overwrite=True)


def _gather(into: dict[str, list[float]], figures: dict[str, float]) -> None:
    for name, figure in figures.items():
        into.setdefault(name, []).append(figure)
