"""`bench scale`: how time and memory grow with the pixels of a frame, and what more threads gain."""

import os
from collections.abc import Sequence
from math import log, prod
from statistics import linear_regression, median
from typing import Annotated

import typer

from benchmarks import common
from benchmarks.common import Report, Runs, Sizes, size_name
from benchmarks.measuring.engine_process import Choice, EngineProcess
from benchmarks.measuring.timing import END_TO_END
from benchmarks.measuring.turns import take_turns
from engines.commands.options import Backend, Model, Overwrite, Precision, load_engine
from engines.geometry import BASE
from train.commands.options import JsonFile
from train.commands.reports import progress_bar

SIZES = ("426x240", "640x360", "854x480", "1280x720", "1920x1080", "2560x1440", "3840x2160")
SECONDS = 20.0  # for the runs of one row


def growth(xs: Sequence[float], ys: Sequence[float]) -> dict[str, float]:
    """The least-squares line y = start + slope x, and the power of y ~ x^power: 1 where y doubles with x.

    Through two points or more, all above 0; the power is fitted to the logarithms.
    """
    slope, start = linear_regression(xs, ys)
    power, _ = linear_regression(*([log(each) for each in values] for values in (xs, ys)))
    return {"start": start, "slope": slope, "power": power}


def powers_of_two(most: int) -> list[int]:
    """1, 2, 4, ... and the most itself."""
    return sorted({2**power for power in range(most.bit_length())} | {most})


def cost(choice: Choice, threads: int | None, size: tuple[int, int], runs: int) -> Report:
    """Median milliseconds end to end, and peak MB if known, of frames of a size (width, height), in a fresh process."""
    with EngineProcess(choice, size, threads) as engine:
        [stages] = take_turns([engine.time], runs, 1, SECONDS)
        return {"milliseconds": median(stages[END_TO_END]), "peak_mb": engine.memory.get("peak")}


def table(report: Report) -> str:
    """Pixels with the line that fits, and threads, in Markdown."""
    rows: list[tuple[str, ...]] = []
    for each in report["pixels"]:
        peak = "" if each["peak_mb"] is None else f"{each['peak_mb']:.0f}"
        rows.append((size_name(each["size"]), f"{each['megapixels']:.2f}", f"{each['milliseconds']:.1f}", peak))
    text = common.markdown_table(("size", "megapixels", "ms a frame", "peak MB"), rows)
    if "pixels_fit" in report:
        fit, memory = report["pixels_fit"], report.get("pixels_memory_fit")
        text += f"\nThe line that fits: {fit['start']:.1f} ms + {fit['slope']:.1f} ms a megapixel, exponent {fit['power']:.2f}"
        text += f"; {memory['start']:.0f} MB + {memory['slope']:.0f} MB a megapixel.\n" if memory else ".\n"
    times = [(str(each["threads"]), each["milliseconds"]) for each in report["threads"]]
    rows = [(threads, f"{time:.1f}", f"{times[0][1] / time:.2f}") for threads, time in times]
    text += "\n" + common.markdown_table((f"threads, {size_name(report['at'])}", "ms a frame", "times faster"), rows)
    return f"{text}\n{common.engine_of(report)}, {common.machine_of(report)}\n"


def scale(
    size: Sizes = None,
    at: Annotated[str, typer.Option(metavar="WxH", help="Size at which threads are varied.")] = "800x800",
    threads: Annotated[list[int] | None, typer.Option(min=1, help="Threads to try; by default 1, 2, 4 and so on.")] = None,
    runs: Runs = 15,
    backend: Backend = "auto",
    precision: Precision = "auto",
    model: Model = BASE,
    json_file: JsonFile = None,
    overwrite: Overwrite = False,
) -> None:
    """How time and memory grow with the pixels of a frame, from 240p to 4K, and what more threads gain.

    It reports the line that fits best, and the exponent of time ~ pixels^power: 1 where twice the pixels take twice the time.

    \b
    Examples:
      bench scale
      bench scale --size 640x360 --size 1280x720 --threads 1 --threads 2 --json scale.json
    """
    sizes = common.sizes_of(size or SIZES)
    [place] = common.sizes_of([at], "--at")
    counts = threads or powers_of_two(os.cpu_count() or 1)
    pixels: list[Report] = []
    by_threads: list[Report] = []
    with common.reported(table, json_file, overwrite, None) as report:
        with load_engine(backend, precision=precision, model=model) as engine:
            choice = Choice(engine.name, engine.precision, model)
        with progress_bar("scale", len(sizes) + len(counts)) as advance:
            for each in sizes:
                pixels.append({"size": each, "megapixels": prod(each) / 1e6} | cost(choice, None, each, runs))
                advance()
            for count in counts:
                by_threads.append({"threads": count} | cost(choice, count, place, runs))
                advance()
        report |= {"engine": choice.backend, "precision": choice.precision, "model": model}
        report |= {"at": place, "pixels": pixels, "threads": by_threads}
        if len(sizes) > 1:
            for fit, what in (("pixels_fit", "milliseconds"), ("pixels_memory_fit", "peak_mb")):
                if all(each[what] for each in pixels):
                    report[fit] = growth([each["megapixels"] for each in pixels], [each[what] for each in pixels])
