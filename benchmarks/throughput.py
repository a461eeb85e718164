"""`bench throughput`: frames a second of a clip from file to file, by stage; delay and drops of live sources."""

import time
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

import realtime
from benchmarks import common
from benchmarks.common import Advance, Report, size_name
from benchmarks.measuring.frames import SAMPLE, SAMPLES
from benchmarks.measuring.timing import engine_alone, spread
from engines.commands.options import Backend, Model, Overwrite, Precision, Threads, load_engine
from engines.geometry import BASE
from train.commands.options import JsonFile
from train.commands.reports import progress_bar

if TYPE_CHECKING:
    from engines import Engine, Frame

IN_MEMORY = 64  # frames at most for the engine alone, and for a live source to repeat


def measure_file(
    clip: Path, frames: "Sequence[Frame]", target: Path, engine: "Engine", bg: str, runs: int, advance: Advance
) -> Report:
    """Milliseconds a frame of the engine alone, on frames in memory, and of a clip from file to file as `shm-video` edits it.

    The engine alone gets as many frames at once as it takes. Both in turn, one number a run; of the loop each stage, too
    (median of the frames). `advance` is called after each.
    """
    alone, loop = [], []
    within: dict[str, list[float]] = {}
    for _ in range(runs):
        alone.append(engine_alone(engine, frames, len(frames)))
        advance()
        begin = time.perf_counter()
        with realtime.VideoJob(clip, target, realtime.VideoSettings(bg=bg), overwrite=True) as job:
            edited = job.run(engine)
        loop.append(1e3 * (time.perf_counter() - begin) / edited.frames)
        for name, milliseconds in edited.stage_ms.items():
            within.setdefault("decode" if name == "source" else name, []).append(milliseconds)
        advance()
    over = median(whole / engine_ms for whole, engine_ms in zip(loop, alone, strict=True))
    figures = {"frames_a_second": 1e3 / median(loop), "loop_over_engine": over}
    return {"frames": edited.frames, "engine": alone, "loop": loop, "within": within} | figures


def measure_live(
    frames: "Sequence[Frame]", rate: int, count: int, engine: "Engine", bg: str, advance: Advance = lambda: None
) -> Report:
    """Show `count` frames of a camera of `rate` frames a second as shm-live does. `advance` is called for each frame shown.

    `engine`: as `load_for_pace` gives it.
    """
    from benchmarks.measuring.repeated import live_session
    from realtime.loop.statistics import LiveStatistics

    delays: list[float] = []

    class AllDelays(LiveStatistics):
        def add(self, delay: float) -> None:
            super().add(delay)
            delays.append(1e3 * delay)
            advance()

    engine(frames[0])
    with live_session(frames, rate, count, engine, bg, notify=lambda line: None) as session:
        session.statistics = AllDelays()
        begin = time.perf_counter()
        session.run()
        seconds = time.perf_counter() - begin
    delay = spread(delays) | {"worst": max(delays)}
    counts = {"given": count, "shown": len(delays), "dropped": count - len(delays), "at_once": engine.at_once}
    return {"rate": rate, **counts, "frames_a_second": len(delays) / seconds, "delay_ms": delay}


def table(report: Report) -> str:
    """A clip's stages, and live sources, in Markdown."""
    run = report["file"]
    stages = run["within"] | {"from file to file": run["loop"]}
    rows = [(stage, f"{median(figures):.1f}") for stage, figures in stages.items()]
    file_table = common.markdown_table(("stage, in the loop", "milliseconds a frame"), rows)
    live_rows = []
    for live in report["live"]:
        counts = (f"{live[each]}" for each in ("at_once", "shown", "dropped"))
        delays = (f"{live['delay_ms'][each]:.0f}" for each in ("median", "p95", "worst"))
        live_rows.append([f"{live['rate']} frames/s", *counts, f"{live['frames_a_second']:.1f}", *delays])
    headings = ("live source", "at once", "shown", "dropped", "frames/s", "delay, ms", "95 %", "worst")
    return (
        f"{file_table}\n{report['clip']}, {size_name(report['size'])}, {run['frames']} frames, {common.engine_of(report)}: "
        f"{run['frames_a_second']:.1f} frames/s, {report['at_once']} at once. "
        f"The engine alone takes {median(run['engine']):.1f} ms a frame; the loop takes "
        f"{100 * (run['loop_over_engine'] - 1):+.0f} % over that. {common.machine_of(report)}\n\n"
        f"{common.markdown_table(headings, live_rows)}"
    )


def throughput(
    clip: Annotated[Path, typer.Argument(metavar="[CLIP]", help="Video; by default the sample.", show_default=False)] = SAMPLE,
    runs: Annotated[int, typer.Option(min=1, help="How many times it is edited, from file to file.")] = 3,
    rate: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Frames a second of a live source, by default 30 and 60; may be given again."),
    ] = None,
    live_seconds: Annotated[float, typer.Option(min=1, help="How long each live source plays.")] = 10,
    bg: Annotated[str, typer.Option(help="The new background, as for shm-video.")] = str(SAMPLES / "background.jpg"),
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = BASE,
    json_file: JsonFile = None,
    overwrite: Overwrite = False,
) -> None:
    """Frames a second of a whole clip, from file to file and by stage; delay and drops of live sources.

    The clip goes through the engine alone and through the loop of shm-video, in turn. Live sources repeat its first frames.

    \b
    Examples:
      bench throughput
      bench throughput talk.mp4 --rate 30 --json throughput.json
    """
    with common.reported(table, json_file, overwrite, threads) as report, TemporaryDirectory(prefix="bench-") as folder:
        from realtime.commands.checks import blaming
        from realtime.loop.pace import load_for_pace

        with blaming("--bg", bg):
            realtime.VideoSettings(bg=bg).open_background().close()
        with realtime.VideoSource(clip) as source:
            frames = [packet.frame for packet in islice(source, IN_MEMORY)]
            size = (source.width, source.height)
        load = partial(load_engine, backend, threads=threads, precision=precision, model=model)
        with load(at_once=2) as engine, progress_bar(f"{clip.name}, {size_name(size)}", 2 * runs) as advance:
            measured = measure_file(clip, frames, Path(folder) / "out.mp4", engine, bg, runs, advance)
        live = []
        for each in rate or [30, 60]:
            count = max(2, round(each * live_seconds))
            with (
                load_for_pace(load, width=size[0], height=size[1], rate=each) as for_live,
                progress_bar(f"live, {each} frames/s", count) as advance,
            ):
                live.append(measure_live(frames, each, count, for_live, bg, advance))
        report |= {"engine": engine.name, "precision": engine.precision, "at_once": engine.at_once, "model": model}
        report |= {"clip": clip.name, "size": size, "file": measured, "live": live}
