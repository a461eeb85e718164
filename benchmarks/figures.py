"""`bench figures`: puts the measured figures into the pages, so that no number is copied by hand; and the page of `bench all`.

A table is between `<!-- figures:NAME -->` and `<!-- /figures -->`; what is between is replaced.
"""

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import clips, common, latency, peers, quality, refine, scale, serve, table2, throughput
from engines.atomic import write_text
from engines.commands.running import UsageError

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
BLOCK = re.compile(r"(<!-- figures:(\w+) -->\n).*?(<!-- /figures -->)", re.DOTALL)
NOT_MEASURED = "Not measured yet: `bench all --report benchmarks/results` does it.\n"
TABLES = {  # by name: the JSON file, the heading on the page of `bench all` ("" leaves it out), and what makes the table
    "latency": ("latency", "Latency", latency.table),
    "peers": ("peers", "Beside other models", peers.table),
    "speed": ("peers", "", peers.speed_table),
    "throughput": ("throughput", "Whole clips, and live", throughput.table),
    "scale": ("scale", "Scale", scale.table),
    "quality": ("quality", "Quality", quality.table),
    "people": ("people", "Quality on people unlike the training data", quality.whole_table),
    "close_ups": ("close_ups", "Close-ups", quality.whole_table),
    "scenes": ("scenes", "Real scenes", quality.whole_table),
    "ablation": ("table2", "", quality.table),
    "table_2": ("table2", "The paper's Table 2", table2.paper_table),
    "refinement": ("refinement", "Refining masks", refine.table),
    "clips": ("clips", "Flicker", clips.table),
    "clips_far": ("clips_far", "Flicker of people far away", clips.table),
    "serve": ("serve", "", serve.table),
}


def pages() -> list[Path]:
    """The pages that may hold figures: the README, docs/ and the model card."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "engines" / "released" / "MODEL_CARD.md"]


def refreshed(page: str, results: Path = RESULTS) -> str:
    """A page with its tables made anew of the JSON files in `results`; a missing one is said to be not measured yet.

    Raises UsageError where one cannot be read, or a block has an unknown name.
    """
    return BLOCK.sub(lambda block: block[1] + table(block[2], results) + block[3], page)


def table(name: str, results: Path) -> str:
    """A table by its name, of the figures in a folder, as in `refreshed`."""
    if name not in TABLES:
        raise UsageError(f"figures:{name}: unknown; known are {', '.join(TABLES)}")
    file, _, make = TABLES[name]
    path = results / f"{file}.json"
    if not path.exists():
        return NOT_MEASURED
    report = read_report(path)
    try:
        return make(report)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: was written by another command or version; measure it again, with --json") from error


def read_report(path: Path) -> common.Report:
    """Figures that were written before. Raises UsageError where a file cannot be read."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: cannot be read as JSON ({error}); measure again, with --json") from error


def write_page(folder: Path) -> Path:
    """Write FOLDER/report.md from the JSON files and plots in it. Raises UsageError where a file cannot be read."""
    page = folder / "report.md"
    write_text(page, render(folder))
    return page


def render(folder: Path) -> str:
    """The page of `bench all`."""
    parts = ["# What was measured\n", "Written by `bench all`. Each table is made of the JSON file of its name beside it.\n"]
    last = ""
    for name, (file, heading, _) in TABLES.items():
        path = folder / f"{file}.json"
        if not heading or not path.exists():
            continue
        report, text = read_report(path), table(name, folder)
        facts = "".join(f"- {fact}: {value}\n" for fact, value in report.get("machine", {}).items())
        if facts and facts != last:
            parts.append(("From here on:\n\n" if last else "") + facts)
            last = facts
        parts.append(f"## {heading}\n")
        if report.get("warning"):
            parts.append(f"**{report['warning']}**\n")
        parts.append(text)
        if (folder / f"{name}.png").exists():
            parts.append(f"![{heading}]({name}.png)\n")
    return "\n".join(parts)


def figures(
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the JSON files.", show_default=False)] = RESULTS,
) -> None:
    """Put the figures of benchmarks/results/*.json into README.md, docs/ and the model card, in a checkout of the source.

    \b
    Examples:
      bench all --report benchmarks/results
      bench figures
    """
    for page in pages():
        try:
            old = page.read_text(encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{page}: cannot be read ({error.strerror}); run this in a checkout of the source") from error
        new = refreshed(old, results)
        if new != old:
            write_text(page, new)
            print(f"{page}: refreshed")
