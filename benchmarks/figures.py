"""The tables of the README and the model card, made of the committed figures, so that no number is copied by hand.

A table stands between `<!-- figures:NAME -->` and `<!-- /figures -->`; what is between is replaced.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.latency import WHOLE
from engines import InputError

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = (ROOT / "README.md", ROOT / "engines" / "released" / "MODEL_CARD.md")
BLOCK = re.compile(r"(<!-- figures:(\w+) -->\n).*?(<!-- /figures -->)", re.DOTALL)
NAMES = {"mp_selfie": "MediaPipe Selfie", "rvm": "RobustVideoMatting"}
HEADINGS = {"sad": "SAD", "mse": "MSE", "gradient": "gradient", "connectivity": "connectivity", "band": "SAD at edges"}
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
    """Of `shm-eval`: a table a set, errors x1e-3."""
    tables = []
    for test_set in report["sets"]:
        metrics = [m for m in HEADINGS if m in test_set["models"][0]["mean"]]
        table = head(test_set["set"], "IoU", *(HEADINGS[m] for m in metrics))
        for model in test_set["models"]:
            mean = model["mean"]
            iou = f"{mean['iou']:.4f}".removeprefix("0")
            table += row(name_of(model["model"]), iou, *(thousandths(mean[m]) for m in metrics))
        tables.append(table)
    return "\n".join(tables)


def latency(report: Report) -> str:
    """Of `bench latency`: milliseconds a frame, median and 95th percentile, ours with the median of each network."""
    by_size: dict[tuple[int, int], list[Report]] = {}
    for timing in report["timings"]:
        by_size.setdefault((timing["size"][0], timing["size"][1]), []).append(timing)
    models = [timing["name"] for timing in next(iter(by_size.values()))]
    networks = [stage for stage in report["timings"][0]["stages"] if stage in {"mpn", "qun", "mrn"}]
    first, *peers = models
    table = head("size", name_of(first), *(n.upper() for n in networks), *map(name_of, peers))
    for (width, height), timings in by_size.items():
        cells = [f"{median(t['stages'][WHOLE]):.0f} ({np.percentile(t['stages'][WHOLE], 95):.0f})" for t in timings]
        cells[1:1] = [f"{median(timings[0]['stages'][network]):.0f}" for network in networks]
        table += row(f"{width}x{height}", *cells)
    facts = report["machine"]
    machine = f"{facts['cores']} cores of {facts['processor']} ({facts['vector units']}), {facts['threads']} threads"
    how = f"{report['timings'][0]['precision']}, OpenVINO {facts['openvino']}, {report['runs']} runs in turn"
    return f"{table}\nMedian (95th percentile): {machine}, {how}. {report['verdict']}\n"


def refinement(report: Report) -> str:
    """Of `bench refine`: errors x1e-3 before and after, by kind of mask."""
    table = head("masks", "SAD", "MSE", "SAD at edges")
    for kind, figures in report["masks"].items():
        pairs = [(figures["before"][metric], figures["after"][metric]) for metric in ("sad", "mse", "band")]
        table += row(name_of(kind), *(f"{thousandths(before)} to {thousandths(after)}" for before, after in pairs))
    return table


TABLES: dict[str, Callable[[Report], str]] = {"quality": quality, "latency": latency, "refinement": refinement}


def refreshed(page: str, results: Path = RESULTS) -> str:
    """A page with its tables made anew of `results`/NAME.json. Raises InputError where one is missing or unknown."""

    def table(block: re.Match[str]) -> str:
        name = block[2]
        if name not in TABLES:
            raise InputError(f"figures:{name}: unknown; known are {', '.join(TABLES)}")
        path = results / f"{name}.json"
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read; measure it first, with --json") from error
        return block[1] + TABLES[name](report) + block[3]

    return BLOCK.sub(table, page)
