"""The figures as pictures. Needs Matplotlib."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from benchmarks.common import size_name
from benchmarks.latency import PAPER_MS, PAPER_SIZE
from benchmarks.measuring.timing import AROUND, COMPOSITE, END_TO_END, NETWORKS, WHOLE, Timing
from engines.atomic import replacing
from engines.errors import MediaError

COLOURS = mpl.color_sequences["tab10"]
STAGE_COLOURS = {"mpn": "#4c78a8", "qun": "#72b7b2", "mrn": "#f58518", AROUND: "#bab0ac", COMPOSITE: "#54a24b"}
ERRORS = {"mse": "MSE", "sad": "SAD", "band": "SAD at edges"}
STYLE: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.3}
DOTS = 110  # an inch


@contextmanager
def figure_file(path: Path, rows: int, columns: int, size: tuple[float, float]) -> Iterator[list[Axes]]:
    """Axes to draw on, row by row; the picture is written whole when the block ends without an error. `size`: inches."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        yield list(figure.subplots(rows, columns, squeeze=False).flat)
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=DOTS)
    try:
        with replacing(path) as beside:
            beside.write_bytes(picture.getvalue())
    except OSError as error:
        raise MediaError(f"{path}: cannot be written ({error.strerror}); choose another place") from error


def draw_latency(timings: Sequence[Timing], path: Path) -> None:
    """For each size: all runs of each engine as points with the median and the 95th percentile, and medians by stage."""
    sizes = list(dict.fromkeys((timing.size[0], timing.size[1]) for timing in timings))
    colours = {label: COLOURS[place % len(COLOURS)] for place, label in enumerate(dict.fromkeys(map(_label, timings)))}
    height = sum(0.7 + 0.42 * sum(tuple(t.size) == size for t in timings) for size in sizes)
    with figure_file(path, len(sizes), 2, (10, max(2.6, height + 0.8))) as axes:
        for row, size in enumerate(sizes):
            those = sorted((timing for timing in timings if tuple(timing.size) == size), key=Timing.median)
            _distribution(axes[2 * row], those, size_name(size), colours)
            _stages(axes[2 * row + 1], those)
            if size == PAPER_SIZE:
                label = f"the paper: {PAPER_MS:.0f} ms"
                for each in axes[2 * row : 2 * row + 2]:
                    each.axvline(PAPER_MS, color="#e45756", linestyle="--", linewidth=1.2, label=label)
                    each.set_xlim(right=max(each.get_xlim()[1], 1.05 * PAPER_MS))
                axes[2 * row].legend(loc="upper right", fontsize=7)
        stages = axes[1].get_legend_handles_labels()
        whole = axes[0].get_figure(root=True)
        assert whole is not None
        whole.legend(*stages, loc="outside lower right", fontsize=7, ncols=len(stages[1]), frameon=False)
        axes[0].set_title("milliseconds a frame: each run; bar: median, 95th percentile")
        axes[1].set_title("median by stage")


def _label(timing: Timing) -> str:
    return f"{timing.name.removeprefix('ours, ')} {timing.precision}"


def _distribution(axes: Axes, timings: Sequence[Timing], title: str, colours: dict[str, Any]) -> None:
    for place, timing in enumerate(timings):
        runs = timing.stages[timing.whole]
        colour = colours[_label(timing)]
        heights = [place + 0.24 * ((7 * k % 11) / 5 - 1) for k in range(len(runs))]  # spread, the same each time
        axes.plot(runs, heights, ".", color=colour, alpha=0.45, markersize=4)
        for value, long in ((timing.median(), 0.38), (timing.percentile(95), 0.22)):
            axes.plot([value, value], [place - long, place + long], color=colour, linewidth=2)
    _rows(axes, timings, title)


def _stages(axes: Axes, timings: Sequence[Timing]) -> None:
    seen: set[str] = set()
    for place, timing in enumerate(timings):
        left = 0.0
        for stage in timing.stages:
            if stage in {END_TO_END, WHOLE, NETWORKS}:
                continue
            took = timing.median(stage)
            label = None if stage in seen else stage
            seen.add(stage)
            axes.barh(place, took, 0.6, left, color=STAGE_COLOURS.get(stage, "#9d755d"), label=label)
            left += took
    _rows(axes, timings, "")
    axes.set_yticklabels([])


def _rows(axes: Axes, timings: Sequence[Timing], title: str) -> None:
    axes.set_yticks(range(len(timings)), [_label(timing) for timing in timings])
    axes.set_ylim(len(timings) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="y")
    if title:
        axes.set_ylabel(title, fontweight="bold")


Point = tuple[str, float, dict[str, float | None]]  # of a model: name, milliseconds, mean errors


def draw_error_against_speed(path: Path, models: Sequence[Point], test_set: str, size: str) -> None:
    """A panel for each error: a point for each model at (milliseconds, error); to the left and below is better."""
    panels = {
        heading: {name: (milliseconds, 1e3 * (mean[metric] or 0.0)) for name, milliseconds, mean in models}
        for metric, heading in ERRORS.items()
        if all(mean.get(metric) is not None for _, _, mean in models)
    }
    with figure_file(path, 1, len(panels), (3.3 * len(panels) + 2, 3.4)) as axes:
        for each, (error, points) in zip(axes, panels.items(), strict=True):
            for place, (name, (milliseconds, value)) in enumerate(points.items()):
                mark = "*" if name.startswith("ours") else "o"
                each.plot(milliseconds, value, mark, color=COLOURS[place % len(COLOURS)], markersize=9, label=name)
            each.set(title=error, xlabel=f"milliseconds a frame, {size}", xscale="log")
            each.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
            each.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            each.xaxis.set_minor_formatter(NullFormatter())
            each.set_ylim(0, 1.15 * max(value for _, value in points.values()))
            each.margins(x=0.15)
        axes[0].set_ylabel(f"{test_set}: error x1e-3")
        axes[-1].legend(loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=8)


def draw_scale(path: Path, report: dict[str, Any]) -> None:
    """Time and memory against pixels, and time against threads, a panel each."""
    panels = [
        ("pixels", "megapixels", "milliseconds", "time"),
        ("pixels", "megapixels", "peak_mb", "memory"),
        ("threads", "threads", "milliseconds", f"threads, {size_name(report['at'])}"),
    ]
    with figure_file(path, 1, len(panels), (12, 3.4)) as axes:
        for each, (rows, x, y, title) in zip(axes, panels, strict=True):
            xs, ys = [row[x] for row in report[rows]], [row[y] or 0.0 for row in report[rows]]
            each.plot(xs, ys, "o-", color=COLOURS[0], markersize=5)
            each.set_ylim(0, 1.15 * max(*ys, 1e-9))
            each.set(title=title, xlabel=x, ylabel="peak MB" if y == "peak_mb" else "milliseconds a frame")
        if "pixels_fit" in report:
            axes[0].text(0.05, 0.9, f"time ~ pixels^{report['pixels_fit']['power']:.2f}", transform=axes[0].transAxes)
