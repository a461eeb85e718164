"""`bench throughput`."""

import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.table import Table

import engines
import realtime
from benchmarks import machine
from benchmarks.app import app, circumstances, console, figures_table
from benchmarks.options import PlotFile, parse_size, size_name
from benchmarks.plots import draw_throughput
from benchmarks.results_file import check_output, write_report
from benchmarks.throughput import measure_file, measure_live, write_clip
from engines.commands.options import Backend, Model, Precision, Threads
from engines.geometry import BASE
from realtime.compositing.backgrounds import open_background
from realtime.inputs.video_file import VideoSource
from train.commands.evaluate import progress_bar
from train.commands.options import JsonFile

SAMPLES = Path(realtime.__file__).parent / "samples"


@app.command()
def throughput(
    clip: Annotated[Path, typer.Argument(metavar="[CLIP]", help="A video; else the sample.", show_default=False)] = SAMPLES
    / "sample.mp4",
    size: Annotated[str | None, typer.Option(metavar="WxH", help="Bring its frames to this size first.")] = None,
    frames: Annotated[int | None, typer.Option(min=2, help="Take so many frames of it; all unless told.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Times that it goes from file to file.")] = 3,
    rate: Annotated[list[int] | None, typer.Option(min=1, help="Frames a second of a live source; again for more.")] = None,
    live_seconds: Annotated[float, typer.Option(min=1, help="How long each live source plays.")] = 10,
    bg: Annotated[str, typer.Option(help="What is put behind, as for shm-video.")] = str(SAMPLES / "background.jpg"),
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = BASE,
    json_file: JsonFile = None,
    plot: PlotFile = None,
) -> None:
    """Frames a second of a whole clip, from file to file and by stage; delay and drops with live sources of 30 and 60.

    The clip goes through the engine alone, through one stage after the other, and through the loop of shm-video, in turn.

    [bold]Examples[/bold]

      bench throughput

      bench throughput talk.mp4 --size 800x800 --rate 30 --json throughput.json --plot throughput.png
    """
    check_output("--json", json_file)
    check_output("--plot", plot, ".png")
    asked = None if size is None else parse_size(size)
    rates = rate or [30, 60]
    with VideoSource(clip) as source:
        whole = asked or (source.width, source.height)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        background = stack.enter_context(open_background(bg))
        engine = stack.enter_context(closing(engines.load(backend, threads=threads, precision=precision, model=model)))
        film = write_clip(clip, folder / "clip.mp4", None, frames, asked) if asked or frames else clip
        watch = machine.Watch()
        with progress_bar(f"{clip.name}, {size_name(whole)}", 3 * runs) as advance:
            measured = measure_file(film, folder, engine, background, runs, advance).as_json()
        console.print(file_table(f"{clip.name}, {size_name(whole)}, {measured['frames']} frames", measured))
        live = []
        for each in rates:
            count = max(2, round(each * live_seconds))
            paced = write_clip(clip, folder / f"live-{each}.mp4", each, count, asked)
            with progress_bar(f"live, {each} frames/s", count) as advance:
                live.append(measure_live(paced, each, engine, background, advance).as_json())
        console.print(live_table(live))
        report = circumstances(watch, threads) | {"engine": engine.name, "precision": engine.precision, "model": model}
    report["clip"] = clip.name
    report |= {"size": whole, "file": measured, "live": live}
    write_report(json_file, report)
    if plot is not None:
        draw_throughput(plot, report)


def file_table(title: str, measured: dict[str, Any]) -> Table:
    """Milliseconds a frame of each stage, apart and within the loop; and of the whole."""
    over = measured["loop_over_engine"] - 1
    told = f"{measured['frames_a_second']:.1f} frames/s; the loop takes {over:+.0%} over the engine alone"
    table = figures_table(f"{title}: {told}", ("milliseconds a frame",), ("one by one", "in the loop"))
    for stage, apart in measured["apart"].items():
        table.add_row(stage, f"{median(apart):.1f}", f"{median(measured['within'][stage]):.1f}")
    total = sum(median(apart) for apart in measured["apart"].values())
    table.add_row("from file to file", f"{total:.1f}", f"{median(measured['loop']):.1f}", style="bold")
    table.add_row("engine alone", f"{median(measured['engine']):.1f}", "", style="dim")
    return table


def live_table(live: list[dict[str, Any]]) -> Table:
    """A row a live source."""
    numbers = ("given", "shown", "dropped", "frames/s", "delay, ms", "95 %", "worst", "ms more\na second")
    table = figures_table("Live: from a frame's coming to its picture", ("source",), numbers)
    for run in live:
        delay = run["delay_ms"]
        cells = [str(run["given"]), str(run["shown"]), str(sum(run["dropped"].values())), f"{run['frames_a_second']:.1f}"]
        cells += [f"{delay[name]:.0f}" for name in ("median", "p95", "worst")] + [f"{delay['trend_a_second']:+.1f}"]
        table.add_row(f"{run['rate']} frames/s", *cells)
    return table
