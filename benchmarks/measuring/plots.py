"""The plot of latencies. Needs Matplotlib."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.common import size_name
from benchmarks.measuring.timing import Timing
from engines.atomic import replacing

STYLE: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.3}


def draw_latency(path: Path, timings: Sequence[Timing], marked: dict[tuple[int, int], float]) -> None:
    """Write a PNG: a box of the runs of each engine at each size, and a dashed line at the milliseconds in `marked`."""
    sizes = list(dict.fromkeys((timing.size[0], timing.size[1]) for timing in timings))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8, len(sizes) + 0.42 * len(timings)), layout="constrained")
        panels = list(figure.subplots(len(sizes), 1, squeeze=False).flat)
        for panel, size in zip(panels, sizes, strict=True):
            rows = sorted((timing for timing in timings if tuple(timing.size) == size), key=Timing.median, reverse=True)
            labels = [f"{timing.name.removeprefix('ours, ')} {timing.precision}" for timing in rows]
            runs = [timing.stages[timing.whole] for timing in rows]
            panel.boxplot(runs, orientation="horizontal", widths=0.6, whis=(5, 95), tick_labels=labels)
            if size in marked:
                panel.axvline(marked[size], color="#e45756", linestyle="--", linewidth=1.2, label="the paper")
                panel.legend(loc="upper right", fontsize=7)
            panel.set_xlim(left=0)
            panel.set_ylabel(size_name(size), fontweight="bold")
        panels[0].set_title("milliseconds a frame: median, quartiles, 5th and 95th percentiles")
        with replacing(path) as beside:
            figure.savefig(beside, format="png", dpi=110)
