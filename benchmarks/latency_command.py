"""`bench latency`."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.table import Table

from benchmarks import machine
from benchmarks.app import app, circumstances, console, figures_table
from benchmarks.comparison import agreement, as_json, compared, comparison_table, differences
from benchmarks.latency import Plan, choices, time_sizes, verdict
from benchmarks.options import Models, PlotFile, Runs, Seconds, Sizes, parse_size, size_name
from benchmarks.plots import draw_latency
from benchmarks.results_file import check_output, read_report, write_report
from benchmarks.timing import Timing
from engines.commands.options import Threads
from engines.geometry import BASE
from train.commands.evaluate import progress_bar
from train.commands.options import JsonFile
from train.evaluation.scores import own_name

SIZES = ("800x800", "1280x720", "1920x1080", "3840x2160")


@app.command()
def latency(
    size: Sizes = None,
    runs: Runs = Plan.runs,
    warm_up: Annotated[int, typer.Option(min=0, help="Frames of each process before them that do not.")] = Plan.warm_up,
    seconds: Seconds = Plan.seconds,
    starts: Annotated[
        int, typer.Option(min=1, help="Fresh processes that share these frames, after one with an empty cache.")
    ] = Plan.starts,
    backend: Annotated[str, typer.Option(help="Engine: all that run here, auto, openvino, torch, ...")] = "all",
    precision: Annotated[str, typer.Option(help="all that run well here, auto, fp32, bf16 or fp16.")] = "all",
    model: Models = None,
    threads: Threads = None,
    json_file: JsonFile = None,
    plot: PlotFile = None,
    compare: Annotated[Path | None, typer.Option(metavar="JSON", help="An earlier --json to compare each row with.")] = None,
) -> None:
    """Time of one frame, from uint8 frame to uint8 composite and by stage, against the paper's 0.08 s at 800x800.

    Sizes are 800x800, 1280x720, 1920x1080 and 3840x2160 unless told. Each engine runs in a process of its own; those of a size
    take turns. All sizes are gone through --starts times with fresh processes, so that a slow minute slows all rows alike. The
    first picture is timed from a process's start, with an empty cache and with a full one.

    [bold]Examples[/bold]

      bench latency

      bench latency --size 800x800 --runs 100 --json latency.json --plot latency.png

      bench latency --model base --model large

      bench latency --backend openvino --precision bf16 --compare latency.json
    """
    sizes = [parse_size(text) for text in dict.fromkeys(size or SIZES)]
    chosen = choices(backend, precision, list(dict.fromkeys(model or [BASE])))
    check_output("--json", json_file)
    check_output("--plot", plot, ".png")
    old = read_report("--compare", compare, "machine", "timings")
    watch = machine.Watch()
    plan = Plan(runs, warm_up, starts, seconds, threads)
    with progress_bar("latency", plan.steps(len(chosen) * len(sizes), len(sizes))) as advance:
        timings, left_out = time_sizes(chosen, sizes, plan, advance)
    for width_height in sizes:
        if here := [timing for timing in timings if timing.size == width_height]:
            console.print(latency_table(here))
    for each in left_out:
        name = f"{own_name(each.backend, each.model)} {each.precision}, {size_name(each.size)}"
        console.print(f"left out: {name}: {each.why}", style="dim")
    report = circumstances(watch, threads) | {"runs": runs, "warm_up": warm_up, "starts": starts}
    report |= {"timings": [vars(timing) for timing in timings]}
    report |= {"left_out": [vars(each) for each in left_out], "verdict": verdict(timings)}
    console.print(report["verdict"], style="bold")
    if old:
        rows = compared(timings, [Timing(**row) for row in old["timings"]])
        console.print(comparison_table(rows) if rows else f"{compare}: has no row of the same engine and size")
        if rows:
            console.print(agreement(rows), style="bold")
        if other := differences(report["machine"], old["machine"]):
            console.print(other, style="yellow")
        report["compared"] = as_json(rows)
    write_report(json_file, report)
    if plot is not None:
        draw_latency(timings, plot)


def latency_table(timings: Sequence[Timing]) -> Table:
    """One size's timings: a row an engine with its start and memory, one of its processes' medians, and one a stage."""
    count = len(next(iter(timings[0].stages.values())))
    title = f"{size_name(timings[0].size)}: milliseconds, {count} runs; end to end is from uint8 frame to uint8 composite"
    numbers = ("median", "95 %", "99 %", "worst", "1st,\nno cache", "1st\nframe", "MB")
    table = figures_table(title, ("engine",), numbers)
    for timing in timings:
        for stage in timing.stages:
            whole = stage == timing.whole
            name = f"{timing.name.removeprefix('ours, ')} {timing.precision}" if whole else f"  {stage}"
            tails = [timing.median(stage), timing.percentile(95, stage), timing.percentile(99, stage), timing.worst(stage)]
            cells = [f"{figure:.{1 if figure < 1000 else 0}f}" for figure in tails]
            table.add_row(name, *cells, *(start_cells(timing) if whole else ()), style=None if whole else "dim")
            if whole and (spread := timing.by_process()):
                table.add_row("  by process", spread, style="dim")
    return table


def start_cells(timing: Timing) -> list[str]:
    """Median milliseconds until the first picture, with an empty cache of engines and with a full one; peak MB."""
    cells = [
        f"{median(timing.start[until]):.0f}" if until in timing.start else ""
        for until in ("first frame, empty cache", "first frame")
    ]
    return [*cells, f"{timing.memory['peak']:.0f}" if "peak" in timing.memory else ""]
