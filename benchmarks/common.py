"""What the parts of `bench` share: options, figures as JSON, and their tables in Markdown."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import groupby, zip_longest
from pathlib import Path
from textwrap import wrap
from typing import Annotated, Any

import typer

from benchmarks.measuring import machine
from engines.commands.options import size_option
from engines.geometry import BASE, MODELS
from train.commands.reports import check_report, write_report

ModelName = StrEnum("ModelName", list(MODELS))  # type: ignore[misc]  # typer takes no lists of literals
Report = dict[str, Any]
Advance = Callable[[], None]

Sizes = Annotated[list[str] | None, typer.Option("--size", metavar="WxH", help="Frame size; may be given again.")]
Models = Annotated[list[ModelName] | None, typer.Option("--model", help="By default base; may be given again.")]
Runs = Annotated[int, typer.Option(min=1, help="Frames timed of each engine or model at each size.")]
Seconds = Annotated[float, typer.Option(min=0, help="Seconds at most for each size, once five runs are done.")]

NAMES = {"mp_selfie": "MediaPipe Selfie", "rvm": "RobustVideoMatting"}
HEADINGS = {"sad": "SAD", "mse": "MSE", "gradient": "gradient", "connectivity": "connectivity", "band": "SAD at edges"}


def sizes_of(texts: Sequence[str], option: str = "--size") -> list[tuple[int, int]]:
    """(width, height) of each --size, each once."""
    sizes = (size_option(text, option) for text in texts)
    return list(dict.fromkeys((size.width, size.height) for size in sizes))


def models_of(names: Sequence[str] | None) -> list[str]:
    """Each --model once; the base model by default."""
    return list(dict.fromkeys(map(str, names or [BASE])))


def size_name(size: Sequence[int]) -> str:
    """ "1280x720" of (1280, 720)."""
    return "x".join(map(str, size))


@contextmanager
def reported(page: Callable[[Report], str], json_file: Path | None, overwrite: bool, threads: int | None) -> Iterator[Report]:
    """Measure in this block, and put the figures into what it yields.

    At its end a page is made of them and shown, and they are written as JSON, milliseconds to the microsecond: behind the
    machine, and its load from other programs meanwhile. Raises UsageError at the start if the file cannot be written.
    """
    check_report(json_file, overwrite=overwrite)
    monitor = machine.LoadMonitor()
    figures: Report = {}
    yield figures
    load = monitor.load()
    facts = machine.describe() | {"threads": str(threads or "all")}
    report = {"machine": facts, "load": vars(load) if load else None, "warning": load.warning if load else None} | figures
    show(page(report))
    if json_file is not None:
        rounded = json.loads(json.dumps(report), parse_float=lambda text: float(f"{float(text):.7g}"))
        write_report(json_file, rounded)


def name_of(model: str) -> str:
    """What tables call a model."""
    return NAMES.get(model, model.removesuffix(", openvino").replace(",", ":"))


def label(model: str, precision: str) -> str:
    """What tables call a model in a precision."""
    return f"{name_of(model)}, {precision}"


def markdown_table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown, without the columns that are empty in all of its rows."""
    columns = [(heading, *cells) for heading, *cells in zip(headings, *rows, strict=True) if any(cells) or not cells]
    head, *body = (f"| {' | '.join(cells)} |\n" for cells in zip(*columns, strict=True))
    return "".join([head, "|", "---|" * len(columns), "\n", *body])


def thousandths(value: float | None) -> str:
    """An error x1e-3; "-" where it is not defined."""
    return "-" if value is None else f"{1e3 * value:.2f}"


def engine_of(report: Report) -> str:
    """The engine of a report of one; the base model, and that of reports from before there were two, needs no word."""
    model = report.get("model", BASE)
    return " ".join([report["engine"], report["precision"], *([f"({model} model)"] if model != BASE else [])])


def machine_of(report: Report) -> str:
    """The machine in a sentence or two, and the warning where it was busy."""
    facts = report["machine"]
    text = f"{facts['cores']} cores of {facts['processor']} ({facts['vector units']}), {facts['threads']} threads"
    named = {"GPU": "GPU", "openvino": "OpenVINO", "weights": "weights"}
    text += "".join(f", {name} {facts[key]}" for key, name in named.items() if key in facts)
    if timings := report.get("timings"):
        counts = [len(runs) for timing in timings for runs in timing["stages"].values()]
        text += f", {' to '.join(map(str, sorted({min(counts), max(counts)})))} runs in turn"
        processes = max(len(timing.get("passes", [])) for timing in timings)
        text += f", of {processes} processes" if processes > 1 else ""
    if "load" in report and report["load"] is None:
        text += "; not checked for other work on the machine, as psutil is not installed"
    return f"{text}. {report['warning']}" if report.get("warning") else f"{text}."


def show(page: str) -> None:
    """Print Markdown on the terminal, its tables in aligned columns."""
    for is_table, lines in groupby(page.replace("**", "").splitlines(), lambda line: line.startswith("|")):
        if not is_table:
            print(*lines, sep="\n")
            continue
        heads, _, *body = [[cell.strip() for cell in line[1:-1].split(" | ")] for line in lines]
        rows = [*zip_longest(*(wrap(heading, 13) for heading in heads), fillvalue=""), *body]
        layout: list[str] = []  # of each column: figures to the right, unless it is the first
        for column in zip(*rows, strict=True):
            figures = layout and any(cell.startswith(tuple("0123456789.+-")) for cell in column[-len(body) :])
            layout.append(f"{'>' if figures else '<'}{max(map(len, column))}")
        for cells in rows:
            print("  ".join(f"{cell:{each}}" for cell, each in zip(cells, layout, strict=True)).rstrip())
