"""`bench latency`: how long one frame takes, end to end and by stage, with every engine of this machine in turn."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from benchmarks import common
from benchmarks.common import Models, Report, Runs, Seconds, Sizes, size_name
from benchmarks.measuring import card
from benchmarks.measuring.timing import AROUND, COMPOSITE, NETWORKS, Timing
from benchmarks.measuring.turns import choices, time_sizes
from engines.atomic import replacing
from engines.backends import BACKEND_NAMES, BACKENDS, PRECISIONS
from engines.commands.options import Overwrite, Threads, check_precision
from engines.commands.running import UsageError
from train.commands.options import JsonFile
from train.commands.reports import check_report, progress_bar

if TYPE_CHECKING:
    AllBackends = str
    AllPrecisions = str
else:
    AllBackends, AllPrecisions = Literal["all", *BACKEND_NAMES], Literal["all", *PRECISIONS]

PAPER_MS = 80.0  # "0.08 seconds" (section 3.4) on the paper's GPU
PAPER_SIZE = (800, 800)
FULL_HD = (1920, 1080)
SIZES = ("800x800", "1280x720", "1920x1080", "3840x2160")
STAGES = {NETWORKS: "networks", "mpn": "MPN", "qun": "QUN", "mrn": "MRN", AROUND: "around", COMPOSITE: "composite"}
STARTS = {"first frame, empty cache": "first picture, no cache", "first frame": "first picture"}
FAST = 20.0  # ms, under which hundredths are shown
MEMORY = {"peak": "peak MB", "peak on GPU": "peak MB on GPU"}


def verdict(timings: Sequence[Timing]) -> str:
    """One line: the fastest of each precision at 800x800, and at 1920x1080, against the paper's 0.08 s for 800x800."""
    fastest = _fastest(timings, PAPER_SIZE)
    if not fastest:
        return "The paper's claim is for 800x800, which was not measured: add --size 800x800."
    met = "met" if fastest[0].median() <= PAPER_MS else "not met"
    ratios = [_against(timing) for timing in fastest]
    ratios += [f"1920x1080 {_against(timing)}" for timing in _fastest(timings, FULL_HD)[:1]]
    return f"The paper's claim, {PAPER_MS:.0f} ms for 800x800 on a GPU, is {met}, end to end: {'; '.join(ratios)}."


def _fastest(timings: Sequence[Timing], size: tuple[int, int]) -> list[Timing]:
    """The fastest of each precision at a size, fastest first."""
    slowest_first = sorted((timing for timing in timings if timing.size == size), key=Timing.median, reverse=True)
    return sorted({timing.precision: timing for timing in slowest_first}.values(), key=Timing.median)


def _against(timing: Timing) -> str:
    took = timing.median()
    ratio = f"{PAPER_MS / took:.2f} times faster" if took <= PAPER_MS else f"{took / PAPER_MS:.2f} times slower"
    return f"{took:.1f} ms in {timing.precision} ({timing.name.removeprefix('ours, ')}), {ratio}"


def table(report: Report) -> str:
    """Milliseconds a frame, by size, engine and stage, in Markdown."""
    timings = [Timing(**each) for each in report["timings"]]
    rows = []
    for timing in timings:
        digits = 2 if timing.median() < FAST else 0
        ends = (f"{timing.median():.{digits}f}", timing.by_process(digits), f"{timing.percentile(95):.{digits}f}")
        stages = (f"{timing.median(stage):.{digits}f}" if stage in timing.stages else "" for stage in STAGES)
        starts = (f"{median(timing.start[until]):.0f}" for until in STARTS)
        memory = (f"{timing.memory[kind]:.0f}" if kind in timing.memory else "" for kind in MEMORY)
        engine = common.label(timing.name.removeprefix("ours, "), timing.precision)
        rows.append([size_name(timing.size), engine, *ends, *stages, *starts, *memory])
    headings = ["size", "engine", "median", "by process", "95 %", *STAGES.values(), *STARTS.values(), *MEMORY.values()]
    note = "Milliseconds a frame, from uint8 frame to composite, and the medians of its stages. "
    if any(timing.by_process() for timing in timings):
        note += "*By process*: the least and the most of the fresh processes' medians. "
    return f"{common.markdown_table(headings, rows)}\n{note}{common.machine_of(report)} {report['verdict']}\n"


def page(report: Report) -> str:
    """The table, what the card can do at most if it was measured, and what was left out."""
    from train.evaluation.scores import own_name

    lines = [table(report)]
    if "card" in report:
        found = report["card"]
        lines.append(f"the card was not measured: {found}" if isinstance(found, str) else card.sentence(found))
    for each in report["left_out"]:
        name = f"{own_name(each['backend'], each['model'])} {each['precision']}, {size_name(each['size'])}"
        lines.append(f"left out: {name}: {each['why']}")
    return "\n".join(lines)


def draw(path: Path, timings: Sequence[Timing]) -> None:
    """Write a PNG: a box of the runs of each engine at each size, and a dashed line at the paper's milliseconds."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    sizes = list(dict.fromkeys(timing.size for timing in timings))
    style: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.3}
    with mpl.rc_context(style), replacing(path) as beside:
        figure = Figure(figsize=(8, len(sizes) + 0.42 * len(timings)), layout="constrained")
        panels = list(figure.subplots(len(sizes), 1, squeeze=False).flat)
        for panel, size in zip(panels, sizes, strict=True):
            rows = sorted((timing for timing in timings if timing.size == size), key=Timing.median, reverse=True)
            labels = [f"{timing.name.removeprefix('ours, ')} {timing.precision}" for timing in rows]
            runs = [timing.stages[timing.whole] for timing in rows]
            panel.boxplot(runs, orientation="horizontal", widths=0.6, whis=(5, 95), tick_labels=labels)
            if size == PAPER_SIZE:
                panel.axvline(PAPER_MS, color="#e45756", linestyle="--", linewidth=1.2, label="the paper")
                panel.legend(loc="upper right", fontsize=7)
            panel.set_xlim(left=0)
            panel.set_ylabel(size_name(size), fontweight="bold")
        panels[0].set_title("milliseconds a frame: median, quartiles, 5th and 95th percentiles")
        figure.savefig(beside, format="png", dpi=110)


def latency(
    size: Sizes = None,
    runs: Runs = 60,
    seconds: Seconds = 45,
    starts: Annotated[
        int, typer.Option(min=1, help="Fresh processes that share these frames among them, after one with an empty cache.")
    ] = 6,
    backend: Annotated[AllBackends, typer.Option(help="Engine; all: every engine of this machine.")] = "all",
    precision: Annotated[AllPrecisions, typer.Option(help="Number format; all: every native one of this machine.")] = "all",
    model: Models = None,
    threads: Threads = None,
    json_file: JsonFile = None,
    plot: Annotated[Path | None, typer.Option(metavar="PNG", help="Draw the figures into this picture.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Time of one frame, from uint8 frame to uint8 composite and by stage, against the paper's 0.08 s at 800x800.

    Sizes are 800x800, 1280x720, 1920x1080 and 3840x2160 by default. Each engine runs in a process of its own, and those of a
    size take turns. All sizes are measured --starts times over, in fresh processes, so that a slow minute slows all rows alike.
    The first picture is timed from the start of a process, with an empty cache of engines and with a full one.

    \b
    Examples:
      bench latency
      bench latency --size 800x800 --runs 100 --json latency.json --plot latency.png
      bench latency --model base --model large
      bench latency --backend openvino --precision bf16
    """
    sizes, models = common.sizes_of(size or SIZES), common.models_of(model)
    if backend in BACKENDS and precision != "all":
        check_precision(backend, precision)
    chosen = choices(backend, precision, models)
    check_report(plot, overwrite=overwrite, option="--plot", suffix=".png")
    if plot is not None and find_spec("matplotlib") is None:
        raise UsageError("--plot needs Matplotlib, which is not installed; type: pip install matplotlib")
    starts = min(starts, runs)
    with common.reported(page, json_file, overwrite, threads) as report:
        with progress_bar("latency", len(sizes) * (starts + 1)) as advance:
            timings, left_out = time_sizes(
                chosen, sizes, runs=runs, starts=starts, seconds=seconds, threads=threads, advance=advance
            )
        if not timings:
            raise UsageError(f"--backend {backend}: {'; '.join(dict.fromkeys(each['why'] for each in left_out))}")
        report |= {"runs": runs, "starts": starts, "timings": [vars(timing) for timing in timings], "left_out": left_out}
        report["verdict"] = verdict(timings)
        if any("peak on GPU" in timing.memory for timing in timings):
            report["card"] = card.measure_with_frames(sizes, models)
    if plot is not None:
        draw(plot, timings)
