"""Figures of now beside those of an earlier file, row by row."""

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.options import size_name
from benchmarks.timing import Ratio, Timing, ratio_of_medians

MATTERS = ("processor", "cores", "threads", "openvino", "torch", "weights")  # else the same row is not the same thing


def compared(timings: Sequence[Timing], old: Sequence[Timing]) -> list[tuple[Timing, Timing, Ratio]]:
    """The rows that both have, each with the ratio of its medians, now to then; below 1 is faster now."""
    before = {_key(timing): timing for timing in old}
    pairs = [(timing, before[_key(timing)]) for timing in timings if _key(timing) in before]
    pairs = [(now, then) for now, then in pairs if now.whole in then.stages]
    return [(now, then, ratio_of_medians(now.by_pass(), then.by_pass(now.whole))) for now, then in pairs]


def differences(facts: dict[str, str], old: dict[str, str]) -> str | None:
    """One line of what is not the same about the machine, or None."""
    told = [f"{name} {old[name]} then, {facts[name]} now" for name in MATTERS if name in old and facts.get(name) != old[name]]
    return f"Not the same machine or program: {'; '.join(told)}." if told else None


def comparison_table(rows: Sequence[tuple[Timing, Timing, Ratio]]) -> Table:
    """Old and new medians, and their ratio with its 95 % interval."""
    title = "Compared with the earlier file: median milliseconds, and now over then with its 95 % interval"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("size", "model", "then", "now", "ratio", ""):
        table.add_column(heading, justify="left" if heading in {"size", "model", ""} else "right", no_wrap=True)
    for now, then, ratio in rows:
        word = "" if not ratio.differs else "faster" if ratio.value < 1 else "slower"
        medians = [f"{then.median(now.whole):.1f}", f"{now.median():.1f}"]
        table.add_row(size_name(now.size), f"{now.name} {now.precision}", *medians, str(ratio), word)
    return table


def agreement(rows: Sequence[tuple[Timing, Timing, Ratio]]) -> str:
    """One line: by how much the medians differ at most."""
    most = max(max(ratio.value, 1 / ratio.value) for _, _, ratio in rows) - 1
    return f"The medians differ by {most:.1%} at most."


def as_json(rows: Sequence[tuple[Timing, Timing, Ratio]]) -> list[dict[str, Any]]:
    """The ratios as a file keeps them."""
    return [
        {"name": now.name, "precision": now.precision, "size": now.size, "then_ms": then.median(now.whole)} | vars(ratio)
        for now, then, ratio in rows
    ]


def _key(timing: Timing) -> tuple[str, str, tuple[int, ...]]:
    return timing.name, timing.precision, tuple(timing.size)
