"""`bench peers`."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

import engines
from benchmarks import machine
from benchmarks.app import app, circumstances, console, figures_table
from benchmarks.options import Models, PlotFile, Runs, Seconds, Sizes, parse_size, size_name
from benchmarks.peers import Field, race, ratios, sample_pictures, score
from benchmarks.plots import draw_error_against_speed
from benchmarks.results_file import check_output, write_report
from benchmarks.timing import Ratio, Timing
from engines.commands.options import Backend, Threads
from engines.commands.running import UsageError
from engines.geometry import BASE
from train.commands.evaluate import progress_bar
from train.commands.options import Adapters, ComparedPrecision, JsonFile, PeerPython, Peers
from train.evaluation.scores import Score, TestSet, open_set

SIZES = ("800x800", "1280x720", "1920x1080")
ERRORS = {"mse": "MSE", "sad": "SAD", "band": "SAD at edges"}


@app.command()
def peers(
    size: Sizes = None,
    runs: Runs = 50,
    warm_up: Annotated[int, typer.Option(min=0, help="Frames before them that do not.")] = 3,
    seconds: Seconds = 45,
    backend: Backend = "auto",
    threads: Threads = None,
    precision: ComparedPrecision = "auto",
    model: Models = None,
    adapters: Adapters = None,
    peer: Peers = None,
    peer_python: PeerPython = None,
    onnx: Annotated[
        list[Path] | None,
        typer.Option(metavar="TOML", help="An ONNX model of yours, told by a TOML file; may be given again."),
    ] = None,
    test_set: Annotated[
        Path | None, typer.Option("--set", help="Folder with images/ and alphas/ or masks/: its pictures, and quality.")
    ] = None,
    json_file: JsonFile = None,
    plot: PlotFile = None,
) -> None:
    """Ours beside other models: the same frames in turn, in processes alike; the ratio of times with its 95 % interval.

    All run in fp32, and in bf16 too where that is what ours takes here: it makes some faster, and some worse.

    With --model base --model large both of ours do. Times are from the uint8 frame to alpha (ours: and foreground). With --set
    the frames are its pictures, in each size, and every model is scored on the whole set. An ONNX model needs a TOML file
    beside it that says how it is fed:

      model = "modnet.onnx"      mean = [0.5, 0.5, 0.5]     input = "input"       activation = "sigmoid" (or softmax, range)

      size = [512, 512]          std = [0.5, 0.5, 0.5]      output = "output"     layout = "nhwc" (else nchw), colours = "bgr"

    Without size it takes the frame's own, rounded up to a multiple = 32. [[constants]] NAME = { shape = [[1]], value = 0.25 }
    feeds other inputs.

    [bold]Examples[/bold]

      bench peers --adapters adapters --peer rvm --peer mp_selfie --set eval/composites

      bench peers --onnx modnet.toml --size 800x800 --json peers.json --plot peers.png
    """
    sizes = [parse_size(text) for text in size or SIZES]
    check_output("--json", json_file)
    check_output("--plot", plot, ".png")
    if plot is not None and test_set is None:
        raise UsageError("--plot needs --set: the pictures on which errors are measured")
    scored = None if test_set is None else open_set(test_set)
    own = tuple(dict.fromkeys(model or [BASE]))
    Field(adapters=adapters, names=tuple(peer or ()), onnx=tuple(onnx or ()), models=own).check()
    with closing(engines.load(backend, threads=threads, precision=precision)) as engine:
        backend, precision = engine.name, engine.precision
    field = Field(backend, precision, threads, adapters, tuple(peer or ()), peer_python, tuple(onnx or ()), own)
    watch = machine.Watch()
    timings: list[Timing] = []
    rows: list[dict[str, Any]] = []
    with field.opened() as opened:
        pictures = [] if scored is None else sample_pictures(scored)
        for place, width_height in enumerate(sizes, 1):
            with progress_bar(f"{size_name(width_height)} ({place} of {len(sizes)})", warm_up + runs) as advance:
                measured = race(opened, width_height, pictures, runs=runs, warm_up=warm_up, seconds=seconds, advance=advance)
            compared = ratios(measured)
            console.print(race_table(measured, compared))
            timings += measured
            rows += [vars(timing) | {"ratio": vars(ratio)} for timing, ratio in zip(measured, compared, strict=True)]
        scores: list[Score] = []
        if scored is not None:
            with progress_bar(scored.name, len(scored.items) * len(opened)) as advance:
                scores = score(opened, scored, advance)
            console.print(score_table(scored, [f"{each.name} {each.precision}" for each in opened], scores))
    report = circumstances(watch, threads) | {"backend": backend, "runs": runs, "timings": rows}
    if scored is not None:
        models = zip(timings, scores, strict=False)  # timings go on with further sizes
        means = [{"name": each.name, "precision": each.precision, "mean": result.means()} for each, result in models]
        report["quality"] = {"set": scored.name, "pictures": len(scored.items), "models": means}
    write_report(json_file, report)
    if plot is not None and scored is not None:
        draw_error_against_speed(plot, error_against_speed(report), f"{scored.name}: error x1e-3", size_name(sizes[0]))


def race_table(timings: Sequence[Timing], compared: Sequence[Ratio]) -> Table:
    """One size's timings, a row a model."""
    title = (
        f"{size_name(timings[0].size)}: milliseconds, {len(timings[0].stages['whole'])} rounds; ratio to ours, 95 % interval"
    )
    table = figures_table(title, ("model",), ("median", "95 %", "99 %", "worst", "ratio to ours"))
    for timing, ratio in zip(timings, compared, strict=True):
        tails = (timing.median(), timing.percentile(95), timing.percentile(99), timing.worst())
        told = "" if timing is timings[0] else str(ratio)
        table.add_row(f"{timing.name} {timing.precision}", *(f"{figure:.1f}" for figure in tails), told)
    return table


def score_table(test_set: TestSet, names: Sequence[str], scores: Sequence[Score]) -> Table:
    """Errors x1e-3 and IoU of each model on a set."""
    metrics = [metric for metric in ("sad", "mse", "gradient", "connectivity", "band") if metric in test_set.metrics]
    title = f"{test_set.name}: {len(test_set.items)} pictures, errors x1e-3"
    table = figures_table(title, ("model",), (*metrics, "IoU"))
    for name, result in zip(names, scores, strict=True):
        table.add_row(name, *(f"{1e3 * result.mean(metric):.2f}" for metric in metrics), f"{result.mean('iou'):.4f}")
    return table


def error_against_speed(report: dict[str, Any]) -> dict[str, dict[str, tuple[float, float]]]:
    """For each error that was measured: of each model, median milliseconds at the first size, and the error x1e-3."""
    models = report["quality"]["models"]
    first = report["timings"][0]["size"]
    metrics = [metric for metric in ERRORS if all(each["mean"].get(metric) is not None for each in models)]
    rows = [_timing(row) for row in report["timings"] if tuple(row["size"]) == tuple(first)]
    return {
        ERRORS[metric]: {
            f"{each['name']} {each['precision']}": (timing.median(), 1e3 * each["mean"][metric])
            for timing, each in zip(rows, models, strict=True)
        }
        for metric in metrics
    }


def _timing(row: dict[str, Any]) -> Timing:
    return Timing(**{name: value for name, value in row.items() if name != "ratio"})
