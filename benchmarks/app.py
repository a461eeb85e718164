"""The command `bench`, which the modules of its parts add themselves to, and what they all tell at the end."""

from collections.abc import Sequence
from typing import Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks import machine

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
console = Console(highlight=False)


@app.callback()
def bench() -> None:
    """Measures the project on this machine.

    [bold]Examples[/bold]

      bench latency

      bench peers --adapters adapters --peer rvm --set eval/composites

      bench all --report report
    """


def circumstances(watch: machine.Watch, threads: int | None) -> dict[str, Any]:
    """The start of every report: the machine, and what else it did. It is told to the user as well."""
    load = watch.load()
    facts = machine.describe() | {"threads": str(threads or "all")}
    console.print(", ".join(f"{name} {value}" for name, value in facts.items()), style="dim")
    if load.warning:
        console.print(f"Warning: {load.warning}", style="yellow")
    return {"machine": facts, "load": vars(load), "warning": load.warning}


def figures_table(title: str, words: Sequence[str], numbers: Sequence[str]) -> Table:
    """An empty table: columns of words to the left, of numbers to the right."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in words:
        table.add_column(heading, no_wrap=True)
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
