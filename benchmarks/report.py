"""The report of `bench all`: one page of Markdown with the tables and plots of what a folder of figures has."""

from pathlib import Path

from benchmarks.figures import table
from benchmarks.markdown import FILES
from benchmarks.results_file import read_report
from realtime.inputs.photos import write_beside

HEADINGS = {
    "latency": "Latency",
    "latency_bf16": "Latency with bfloat16, of earlier weights",
    "peers": "Beside other models",
    "throughput": "Whole clips, and live",
    "scale": "Scale",
    "quality": "Quality",
    "table_2": "The paper's Table 2",
    "refinement": "Refining masks",
    "clips": "Flicker",
}


def write_page(folder: Path) -> Path:
    """Writes FOLDER/report.md from the JSON files in it, with the plots that lie beside them. Raises UsageError."""
    page = folder / "report.md"
    write_beside(page, render(folder).encode())
    return page


def render(folder: Path) -> str:
    """The page."""
    parts = ["# What was measured\n", "Written by `bench all`. Each table is made of the JSON file of its name beside it.\n"]
    told = ""
    for name, heading in HEADINGS.items():
        path = folder / f"{FILES.get(name, name)}.json"
        if not path.exists():
            continue
        report = read_report("--report", path)
        facts = "".join(f"- {fact}: {value}\n" for fact, value in report.get("machine", {}).items())
        if facts and facts != told:
            parts.append(("" if not told else "From here on:\n\n") + facts)
            told = facts
        parts.append(f"## {heading}\n")
        if report.get("warning"):
            parts.append(f"**{report['warning']}**\n")
        parts.append(table(name, folder))
        if (folder / f"{name}.png").exists():
            parts.append(f"![{heading}]({name}.png)\n")
    return "\n".join(parts)
