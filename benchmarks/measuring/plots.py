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
from benchmarks.measuring.timing import Timing
from engines.atomic import replacing
from engines.errors import MediaError

COLOURS = mpl.color_sequences["tab10"]
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


def draw_latency(path: Path, timings: Sequence[Timing], marked: dict[tuple[int, int], float]) -> None:
    """For each size all runs of each engine as points, the median and the 95th percentile; a line at a size if `marked`."""
    sizes = list(dict.fromkeys((timing.size[0], timing.size[1]) for timing in timings))
    names = list(dict.fromkeys(f"{timing.name.removeprefix('ours, ')} {timing.precision}" for timing in timings))
    with figure_file(path, len(sizes), 1, (8, len(sizes) * (1.0 + 0.42 * len(names)))) as axes:
        for each, size in zip(axes, sizes, strict=True):
            rows = sorted((timing for timing in timings if tuple(timing.size) == size), key=Timing.median)
            labels = [f"{timing.name.removeprefix('ours, ')} {timing.precision}" for timing in rows]
            for place, (label, timing) in enumerate(zip(labels, rows, strict=True)):
                runs, colour = timing.stages[timing.whole], COLOURS[names.index(label) % len(COLOURS)]
                heights = [place + 0.24 * ((7 * k % 11) / 5 - 1) for k in range(len(runs))]  # spread, the same each time
                each.plot(runs, heights, ".", color=colour, alpha=0.45, markersize=4)
                for value, long in ((timing.median(), 0.38), (timing.percentile(95), 0.22)):
                    each.plot([value, value], [place - long, place + long], color=colour, linewidth=2)
            if size in marked:
                each.axvline(marked[size], color="#e45756", linestyle="--", linewidth=1.2, label="the paper")
                each.legend(loc="upper right", fontsize=7)
            each.set_yticks(range(len(rows)), labels)
            each.set_ylim(len(rows) - 0.5, -0.5)
            each.set_xlim(left=0)
            each.grid(visible=False, axis="y")
            each.set_ylabel(size_name(size), fontweight="bold")
        axes[0].set_title("milliseconds a frame: each run; bars: median, 95th percentile")


Point = tuple[str, float, dict[str, float | None]]  # of a model: name, milliseconds, mean errors


def draw_error_against_speed(path: Path, models: Sequence[Point], test_set: str, size: str) -> None:
    """A panel for each error: a point for each model at (milliseconds, error); to the left and below is better."""
    metrics = [metric for metric in ERRORS if all(mean.get(metric) is not None for _, _, mean in models)]
    with figure_file(path, 1, max(1, len(metrics)), (3.3 * len(metrics) + 2, 3.4)) as axes:
        for each, metric in zip(axes, metrics, strict=False):
            errors = [1e3 * (mean[metric] or 0.0) for _, _, mean in models]
            for place, ((name, milliseconds, _), error) in enumerate(zip(models, errors, strict=True)):
                mark, colour = "*" if name.startswith("ours") else "o", COLOURS[place % len(COLOURS)]
                each.plot(milliseconds, error, mark, color=colour, markersize=9, label=name)
            each.set(title=ERRORS[metric], xlabel=f"milliseconds a frame, {size}", xscale="log", ylim=(0, 1.15 * max(errors)))
            each.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
            each.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            each.xaxis.set_minor_formatter(NullFormatter())
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
            if rows == "threads":
                each.set_xticks(xs)
            each.set(title=title, xlabel=x, ylabel="peak MB" if y == "peak_mb" else "milliseconds a frame")
        if "pixels_fit" in report:
            axes[0].text(0.05, 0.9, f"time ~ pixels^{report['pixels_fit']['power']:.2f}", transform=axes[0].transAxes)
