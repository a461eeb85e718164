"""The tables of the README and the model card, made of the committed figures, so that no number is copied by hand.

A table stands between `<!-- figures:NAME -->` and `<!-- /figures -->`; what is between is replaced.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.timing import AROUND, COMPOSITE, END_TO_END, NETWORKS, Timing
from engines import InputError

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = (ROOT / "README.md", ROOT / "engines" / "released" / "MODEL_CARD.md")
BLOCK = re.compile(r"(<!-- figures:(\w+) -->\n).*?(<!-- /figures -->)", re.DOTALL)
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
    """Of `bench latency`: milliseconds a frame, by size, engine and stage."""
    timings = [Timing(**row) for row in report["timings"]]
    stages = [stage for stage in STAGE_HEADINGS if any(stage in timing.stages for timing in timings)]
    starts = any(timing.start for timing in timings)
    headings = ["95 %", *(STAGE_HEADINGS[stage] for stage in stages), *(["first picture", "peak MB"] if starts else [])]
    table = head("size", "engine", "median", *headings)
    for timing in timings:
        cells = [f"{timing.median():.0f}", f"{timing.percentile(95):.0f}"]
        cells += [f"{timing.median(stage):.0f}" if stage in timing.stages else "" for stage in stages]
        if starts:
            cells += [f"{median(timing.start['first frame']):.0f}", f"{timing.memory['peak']:.0f}"]
        table += row(
            "x".join(map(str, timing.size)), f"{name_of(timing.name.removeprefix('ours, '))}, {timing.precision}", *cells
        )
    until = "composite" if timings[0].whole == END_TO_END else "alpha and foreground; peers: to alpha"
    told = f"Milliseconds a frame, from uint8 frame to {until}, and the medians of its stages. "
    return f"{table}\n{told}{circumstances(report)} {report['verdict']}\n"


def circumstances(report: Report) -> str:
    """The machine in a sentence or two, and the warning where it was busy."""
    facts = report["machine"]
    told = f"{facts['cores']} cores of {facts['processor']} ({facts['vector units']}), {facts['threads']} threads"
    told += f", OpenVINO {facts['openvino']}"
    told += f", weights {facts['weights']}" if "weights" in facts else ""
    told += f", {report['runs']} runs in turn" if "runs" in report else ""
    return f"{told}. {report['warning']}" if report.get("warning") else f"{told}."


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
