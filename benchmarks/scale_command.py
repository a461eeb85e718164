"""`bench scale`."""

import os
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

import engines
from benchmarks import machine
from benchmarks.app import app, circumstances, console, figures_table
from benchmarks.latency import Choice
from benchmarks.options import PlotFile, Runs, Sizes, parse_size, size_name
from benchmarks.plots import draw_lines
from benchmarks.results_file import check_output, write_report
from benchmarks.scale import cost_of_length, cost_of_size, cost_of_streams, growth
from benchmarks.throughput_command import SAMPLES
from engines.commands.options import Backend, Model, Precision
from engines.geometry import BASE
from train.commands.evaluate import progress_bar
from train.commands.options import JsonFile

SIZES = ("426x240", "640x360", "854x480", "1280x720", "1920x1080", "2560x1440", "3840x2160")
AT = "800x800"  # where threads and streams are varied
LENGTH_AT = (426, 240)  # where lengths are: memory is to be flat at any size, and small frames are quick
LENGTHS = (480, 960, 1920, 3840)  # from where memory that is allocated bit by bit at first is there
SECONDS = 20.0  # for the runs of one row

Counts = list[int] | None


@app.command()
def scale(
    size: Sizes = None,
    at: Annotated[str, typer.Option(metavar="WxH", help="Size at which threads and streams are varied.")] = AT,
    threads: Annotated[Counts, typer.Option(min=1, help="Threads to try; 1, 2, 4, ... up to all cores unless told.")] = None,
    streams: Annotated[Counts, typer.Option(min=1, help="Streams that share an engine; 1, 2 and 4 unless told.")] = None,
    length: Annotated[Counts, typer.Option(min=2, help="Frames of a clip; 480, 960, 1920 and 3840 unless told.")] = None,
    runs: Runs = 15,
    backend: Backend = "auto",
    precision: Precision = "auto",
    model: Model = BASE,
    json_file: JsonFile = None,
    plot: PlotFile = None,
) -> None:
    """How cost grows: with pixels (240p to 4K), threads, streams that share an engine, and a clip's length (time and memory).

    For pixels and lengths it tells the line that fits best: what each further one costs, and the power (1: twice is twice).

    [bold]Examples[/bold]

      bench scale

      bench scale --size 640x360 --size 1280x720 --threads 1 --threads 2 --json scale.json --plot scale.png
    """
    sizes = [parse_size(text) for text in size or SIZES]
    place = parse_size(at)
    check_output("--json", json_file)
    check_output("--plot", plot, ".png")
    with closing(engines.load(backend, precision=precision, model=model)) as engine:
        choice = Choice(engine.name, engine.precision, named=True, model=model)
    watch = machine.Watch()
    report: dict[str, Any] = {"engine": choice.backend, "precision": choice.precision, "model": model}
    report |= {"at": place, "length_at": LENGTH_AT}
    report |= scale_pixels(choice, sizes, runs)
    report |= scale_threads(choice, place, threads or powers_of_two(os.cpu_count() or 1), runs)
    report |= scale_streams(choice, place, streams or [1, 2, 4], runs)
    report |= scale_lengths(choice, sorted(set(length or LENGTHS)))
    write_report(json_file, circumstances(watch, None) | report)
    if plot is not None:
        draw_lines(plot, panels(report))


def scale_pixels(choice: Choice, sizes: list[tuple[int, int]], runs: int) -> dict[str, Any]:
    """Time and memory by size."""
    costs = []
    with progress_bar("pixels", len(sizes) * (runs + 1)) as advance:
        for each in sizes:
            costs.append(cost_of_size(choice, None, each, runs, SECONDS, advance))
    table = figures_table(
        f"Pixels ({choice.backend} {choice.precision})", ("size",), ("megapixels", "ms", "ms a megapixel", "peak MB")
    )
    for cost in costs:
        figures = (cost.megapixels, cost.milliseconds, cost.milliseconds / cost.megapixels, cost.peak_mb)
        cells = [f"{figure:.{places}f}" for figure, places in zip(figures, (2, 1, 1, 0), strict=True)]
        table.add_row(size_name(cost.size), *cells)
    console.print(table)
    result: dict[str, Any] = {"pixels": [vars(cost) | {"megapixels": cost.megapixels} for cost in costs]}
    if len({cost.megapixels for cost in costs}) > 1:
        line = growth([cost.megapixels for cost in costs], [cost.milliseconds for cost in costs])
        memory = growth([cost.megapixels for cost in costs], [cost.peak_mb for cost in costs])
        told = f"{line.start:.1f} ms + {line.slope:.1f} ms a megapixel (explains {line.explained:.1%}), power {line.power:.2f}"
        console.print(f"{told}; {memory.start:.0f} MB + {memory.slope:.0f} MB a megapixel", style="bold")
        result |= {"pixels_fit": vars(line), "pixels_memory_fit": vars(memory)}
    return result


def scale_threads(choice: Choice, size: tuple[int, int], counts: list[int], runs: int) -> dict[str, Any]:
    """Time by threads."""
    rows = []
    with progress_bar("threads", len(counts) * (runs + 1)) as advance:
        for count in counts:
            cost = cost_of_size(choice, count, size, runs, SECONDS, advance)
            rows.append({"threads": count, "milliseconds": cost.milliseconds})
    table = figures_table(f"Threads, at {size_name(size)}", ("threads",), ("ms", "times faster", "of the ideal"))
    for row in rows:
        faster = rows[0]["milliseconds"] / row["milliseconds"]
        ideal = faster * rows[0]["threads"] / row["threads"]
        table.add_row(f"{row['threads']}", f"{row['milliseconds']:.1f}", f"{faster:.2f}", f"{ideal:.0%}")
    console.print(table)
    return {"threads": rows}


def scale_streams(choice: Choice, size: tuple[int, int], counts: list[int], runs: int) -> dict[str, Any]:
    """Frames a second by streams."""
    costs = []
    loaded = closing(engines.load(choice.backend, precision=choice.precision, model=choice.model))
    with loaded as engine, progress_bar("streams", len(counts)) as advance:
        for count in counts:
            costs.append(cost_of_streams(engine, size, count, runs))
            advance()
    table = figures_table(
        f"Streams of one engine, at {size_name(size)}", ("streams",), ("frames/s in all", "ms a frame", "95 %")
    )
    for cost in costs:
        table.add_row(f"{cost.streams}", f"{cost.frames_a_second:.1f}", f"{cost.milliseconds:.1f}", f"{cost.p95:.1f}")
    console.print(table)
    return {"streams": [vars(cost) for cost in costs]}


def scale_lengths(choice: Choice, lengths: list[int]) -> dict[str, Any]:
    """Time and memory by the length of a clip, from file to file."""
    costs = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, progress_bar("lengths", len(lengths)) as advance:
        for frames in lengths:
            costs.append(cost_of_length(SAMPLES / "sample.mp4", Path(folder), frames, LENGTH_AT, choice))
            advance()
    table = figures_table(f"Clips from file to file, at {size_name(LENGTH_AT)}", ("frames",), ("s", "ms a frame", "peak MB"))
    for cost in costs:
        each = 1e3 * cost.seconds / cost.frames
        table.add_row(f"{cost.frames}", f"{cost.seconds:.1f}", f"{each:.1f}", f"{cost.peak_mb:.0f}")
    console.print(table)
    result: dict[str, Any] = {"lengths": [vars(cost) for cost in costs]}
    if len(costs) > 1:
        line = growth([cost.frames for cost in costs], [cost.seconds for cost in costs])
        memory = growth([cost.frames for cost in costs], [cost.peak_mb for cost in costs])
        told = f"{line.start:.2f} s + {1e3 * line.slope:.1f} ms a frame, power {line.power:.2f}"
        console.print(f"{told}; memory {1e3 * memory.slope:+.1f} MB a thousand frames", style="bold")
        result |= {"lengths_fit": vars(line), "lengths_memory_fit": vars(memory)}
    return result


def panels(report: dict[str, Any]) -> list[dict[str, Any]]:
    """What is drawn."""

    def points(rows: str, x: str, y: str) -> tuple[list[float], list[float]]:
        return [row[x] for row in report[rows]], [row[y] for row in report[rows]]

    at, length_at, milliseconds = size_name(report["at"]), size_name(report["length_at"]), "milliseconds a frame"
    told = [
        ("pixels", "megapixels", "milliseconds", "time", milliseconds),
        ("pixels", "megapixels", "peak_mb", "memory", "peak MB"),
        ("threads", "threads", "milliseconds", f"threads, {at}", milliseconds),
        ("streams", "streams", "frames_a_second", f"streams of one engine, {at}", "frames a second of all"),
        ("lengths", "frames", "seconds", f"a clip, {length_at}", "seconds"),
        ("lengths", "frames", "peak_mb", f"memory of it, {length_at}", "peak MB"),
    ]
    return [
        {"title": title, "x": x, "y": label, "points": {report["precision"]: points(rows, x, y)}}
        for rows, x, y, title, label in told
    ]


def powers_of_two(most: int) -> list[int]:
    """1, 2, 4, ... and the most itself."""
    return sorted({2**power for power in range(most.bit_length())} | {most})
