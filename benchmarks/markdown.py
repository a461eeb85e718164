"""The tables of reports, in Markdown, each made of the figures that a command wrote with --json."""

from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.clips import METRICS as CLIP_METRICS
from benchmarks.paper import DIFFERENT_DATA
from benchmarks.paper import METRICS as PAPER_METRICS
from benchmarks.timing import AROUND, COMPOSITE, END_TO_END, NETWORKS, Timing
from engines.geometry import BASE

NAMES = {"mp_selfie": "MediaPipe Selfie", "rvm": "RobustVideoMatting"}
HEADINGS = {"sad": "SAD", "mse": "MSE", "gradient": "gradient", "connectivity": "connectivity", "band": "SAD at edges"}
STAGE_HEADINGS = {
    NETWORKS: "networks",
    "mpn": "MPN",
    "qun": "QUN",
    "mrn": "MRN",
    AROUND: "around",
    COMPOSITE: "composite",
}
Report = dict[str, Any]


def name_of(model: str) -> str:
    """A model's name for readers."""
    return NAMES.get(model, model.removesuffix(", openvino").replace(",", ":"))


def row(*cells: str) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cells)} |\n"


def head(*cells: str) -> str:
    """A table's head, and the line under it."""
    return row(*cells) + "|" + "---|" * len(cells) + "\n"


def thousandths(value: float) -> str:
    """An error x1e-3."""
    return f"{1e3 * value:.2f}"


def quality(report: Report) -> str:
    """Of `bench quality`, and of `shm-eval`: a table a set, errors x1e-3."""
    tables = []
    for test_set in report["sets"]:
        metrics = [m for m in HEADINGS if m in test_set["models"][0]["mean"]]
        table = head(test_set["set"], "IoU", *(HEADINGS[m] for m in metrics))
        for model in test_set["models"]:
            table += quality_row(", ".join([name_of(model["model"]), model["precision"]]), model["mean"], metrics)
        tables.append(table)
    return "\n".join(tables)


def quality_row(name: str, mean: dict[str, float], metrics: list[str]) -> str:
    """A model's IoU, and its errors x1e-3."""
    iou = f"{mean['iou']:.4f}".removeprefix("0")
    return row(name, iou, *(thousandths(mean[metric]) for metric in metrics))


def latency(report: Report) -> str:
    """Of `bench latency`: milliseconds a frame, by size, engine and stage."""
    timings = [Timing(**row) for row in report["timings"]]
    stages = [stage for stage in STAGE_HEADINGS if any(stage in timing.stages for timing in timings)]
    starts = any(timing.start for timing in timings)
    apart = any(timing.by_process() for timing in timings)
    headings = [
        *(["by process"] if apart else []),
        "95 %",
        *(STAGE_HEADINGS[stage] for stage in stages),
        *(["first picture, no cache", "first picture", "peak MB"] if starts else []),
    ]
    table = head("size", "engine", "median", *headings)
    for timing in timings:
        cells = [f"{timing.median():.0f}", *([timing.by_process()] if apart else []), f"{timing.percentile(95):.0f}"]
        cells += [f"{timing.median(stage):.0f}" if stage in timing.stages else "" for stage in stages]
        if starts:
            cells += [f"{median(timing.start[until]):.0f}" for until in ("first frame, empty cache", "first frame")]
            cells += [f"{timing.memory['peak']:.0f}"]
        table += row(
            "x".join(map(str, timing.size)), f"{name_of(timing.name.removeprefix('ours, '))}, {timing.precision}", *cells
        )
    until = "composite" if timings[0].whole == END_TO_END else "alpha and foreground; peers: to alpha"
    told = f"Milliseconds a frame, from uint8 frame to {until}, and the medians of its stages. "
    told += "*By process*: the least and the most of the fresh processes' medians. " if apart else ""
    return f"{table}\n{told}{circumstances(report)} {report['verdict']}\n"


def engine_of(report: Report) -> str:
    """The engine of a report of one; the base model, and that of reports from before there were two, needs no word."""
    model = report.get("model", BASE)
    return " ".join([report["engine"], report["precision"], *([f"({model} model)"] if model != BASE else [])])


def circumstances(report: Report) -> str:
    """The machine in a sentence or two, and the warning where it was busy."""
    facts = report["machine"]
    told = f"{facts['cores']} cores of {facts['processor']} ({facts['vector units']}), {facts['threads']} threads"
    told += f", OpenVINO {facts['openvino']}"
    told += f", weights {facts['weights']}" if "weights" in facts else ""
    if "timings" in report:
        counts = sorted({len(runs) for timing in report["timings"] for runs in timing["stages"].values()})
        told += f", {' to '.join(map(str, counts[:1] + counts[1:][-1:]))} runs in turn"
        processes = max(len(timing.get("passes", [])) for timing in report["timings"])
        told += f", of {processes} processes" if processes > 1 else ""
    return f"{told}. {report['warning']}" if report.get("warning") else f"{told}."


def peers(report: Report) -> str:
    """Of `bench peers`: milliseconds a frame and the ratio to ours, and quality where it was measured."""
    table = head("size", "model", "median", "95 %", "ratio to ours (95 % interval)")
    first = report["timings"][0]
    for timed in report["timings"]:
        timing = Timing(**{name: value for name, value in timed.items() if name != "ratio"})
        figures = (f"{timing.median():.1f}", f"{timing.percentile(95):.1f}")
        ratio = timed["ratio"]
        ours = (timed["name"], timed["precision"]) == (first["name"], first["precision"])
        told = "1" if ours else f"{ratio['value']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"
        table += row("x".join(map(str, timing.size)), f"{name_of(timing.name)}, {timing.precision}", *figures, told)
    table += f"\nMilliseconds a frame, from uint8 frame to alpha (ours: and foreground). {circumstances(report)}\n"
    if "quality" not in report:
        return table
    models = report["quality"]["models"]
    metrics = [metric for metric in HEADINGS if metric in models[0]["mean"]]
    table += "\n" + head(report["quality"]["set"], "IoU", *(HEADINGS[metric] for metric in metrics))
    for model in models:
        table += quality_row(f"{name_of(model['name'])}, {model['precision']}", model["mean"], metrics)
    return f"{table}\nErrors x1e-3 on {report['quality']['pictures']} pictures, in the same run.\n"


def throughput(report: Report) -> str:
    """Of `bench throughput`: a clip's stages, and live sources."""
    run = report["file"]
    table = head("milliseconds a frame", "one by one", "in the loop")
    for stage, apart in run["apart"].items():
        table += row(stage, f"{median(apart):.1f}", f"{median(run['within'][stage]):.1f}")
    total = sum(median(apart) for apart in run["apart"].values())
    table += row("from file to file", f"{total:.1f}", f"{median(run['loop']):.1f}")
    size = "x".join(map(str, report["size"]))
    table += f"\n{report['clip']}, {size}, {run['frames']} frames, {engine_of(report)}: "
    table += f"{run['frames_a_second']:.1f} frames/s. The engine alone takes {median(run['engine']):.1f} ms a frame; the loop "
    table += f"takes {100 * (run['loop_over_engine'] - 1):+.0f} % over that. {circumstances(report)}\n\n"
    table += head("live source", "shown", "dropped", "frames/s", "delay, ms", "95 %", "worst", "more each second, ms")
    for live in report["live"]:
        delay = live["delay_ms"]
        figures = [f"{live['frames_a_second']:.1f}", *(f"{delay[each]:.0f}" for each in ("median", "p95", "worst"))]
        dropped = f"{sum(live['dropped'].values())}"
        table += row(f"{live['rate']} frames/s", f"{live['shown']}", dropped, *figures, f"{delay['trend_a_second']:+.1f}")
    return table


def scale(report: Report) -> str:
    """Of `bench scale`: pixels, threads, streams and lengths, with the lines that fit."""
    table = head("size", "megapixels", "ms a frame", "peak MB")
    for each in report["pixels"]:
        cells = (f"{each['megapixels']:.2f}", f"{each['milliseconds']:.1f}", f"{each['peak_mb']:.0f}")
        table += row("x".join(map(str, each["size"])), *cells)
    if "pixels_fit" in report:
        time, memory = report["pixels_fit"], report["pixels_memory_fit"]
        told = f"{time['start']:.1f} ms + {time['slope']:.1f} ms a megapixel, power {time['power']:.2f}"
        table += f"\nThe line that fits: {told}; {memory['start']:.0f} MB + {memory['slope']:.0f} MB a megapixel.\n"
    at = "x".join(map(str, report["at"]))
    table += "\n" + head(f"threads, {at}", "ms a frame", "times faster")
    for each in report["threads"]:
        faster = report["threads"][0]["milliseconds"] / each["milliseconds"]
        table += row(f"{each['threads']}", f"{each['milliseconds']:.1f}", f"{faster:.2f}")
    table += "\n" + head(f"streams of one engine, {at}", "frames/s in all", "ms a frame", "95 %")
    for each in report["streams"]:
        figures = (each["frames_a_second"], each["milliseconds"], each["p95"])
        table += row(f"{each['streams']}", *(f"{figure:.1f}" for figure in figures))
    table += "\n" + head(f"frames of a clip, {'x'.join(map(str, report['length_at']))}", "seconds", "peak MB")
    for each in report["lengths"]:
        table += row(f"{each['frames']}", f"{each['seconds']:.1f}", f"{each['peak_mb']:.0f}")
    if "lengths_fit" in report:
        time, memory = report["lengths_fit"], report["lengths_memory_fit"]
        table += f"\nThe line that fits: {1e3 * time['slope']:.1f} ms a frame, power {time['power']:.2f}; "
        table += f"{1e3 * memory['slope']:+.1f} MB for a thousand frames more.\n"
    return f"{table}\n{engine_of(report)}, {circumstances(report)}\n"


def table_2(report: Report) -> str:
    """Of `bench quality`: the paper's Table 2 beside the same measured here, a table a set."""
    tables = []
    for name, rows in report.get("table_2", {}).items():
        columns = [f"{HEADINGS[metric]}, {where}" for metric in PAPER_METRICS for where in ("paper", name)]
        table = head("method", *columns)
        for each in rows:
            pairs = zip(each["paper"], each["here"] or [None] * 4, strict=True)
            cells = ["" if error is None else f"{1e3 * error:.1f}" for pair in pairs for error in pair]
            table += row(each["method"], *cells)
        tables.append(table)
    return "\n".join([*tables, f"Errors x1e-3. {DIFFERENT_DATA}\n"])


def refinement(report: Report) -> str:
    """Of `bench refine`: errors x1e-3 before and after, by kind of mask."""
    table = head("masks", "SAD", "MSE", "SAD at edges")
    for kind, figures in report["masks"].items():
        pairs = [(figures["before"][metric], figures["after"][metric]) for metric in ("sad", "mse", "band")]
        table += row(name_of(kind), *(f"{thousandths(before)} to {thousandths(after)}" for before, after in pairs))
    return table


def clips(report: Report) -> str:
    """Of `bench clips`: flicker and errors, means over the clips, and over those of each kind."""
    headings = [f"{heading} x{1 / unit:.0e}".replace("e-0", "e-") for heading, unit in CLIP_METRICS.values()]
    table = head("clips", "model", *headings)
    for kind, models in report["means"].items():
        for name, means in models.items():
            figures = (f"{unit * means[metric]:.2f}" for metric, (_, unit) in CLIP_METRICS.items())
            table += row(kind, name_of(name), *figures)
    return table


TABLES: dict[str, Callable[[Report], str]] = {
    "latency": latency,
    "latency_bf16": latency,
    "peers": peers,
    "throughput": throughput,
    "scale": scale,
    "quality": quality,
    "table_2": table_2,
    "refinement": refinement,
    "clips": clips,
}
FILES = {"latency_bf16": "latency-bf16", "table_2": "quality"}  # of tables that are not of the file of their own name
