"""What `shm-compile` shows: a bar while engines are built, and a table of those in the cache."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from engines.backends.ahead import OnProgress
from engines.store.cache import Cache
from engines.store.entries import Entry
from engines.store.keys import model_of
from engines.weights import NETWORKS

COLUMNS = ("backend", "for", "frames", "precision", "model", "built by", *(f"{name}, MB" for name in NETWORKS), "state")

console = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def progress(label: str) -> Iterator[OnProgress]:
    """A bar on standard error. Yields a function that takes what is being built and the share that is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(label, total=1.0)
        yield lambda name, share: bar.update(task, description=f"{label} {name}", completed=share)


def show_engines() -> None:
    """Print a table of the cached engines."""
    cache = Cache()
    entries = cache.entries()
    if not entries:
        print(f"no engines in {cache.folder}")
        return
    table = Table(title=str(cache.folder), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in COLUMNS:
        table.add_column(heading, justify="right" if heading.endswith("MB") else "left", overflow="fold")
    for entry in entries:
        table.add_row(*_cells(entry))
    Console(width=max(120, Console().width)).print(table)


def _cells(entry: Entry) -> list[str]:
    if entry.key is None:
        return [entry.path.parent.name, entry.path.name, *[""] * (len(COLUMNS) - 3), f"damaged: {entry.damage}"]
    key = entry.key
    sizes = [_megabytes([size for part, size in entry.lengths.items() if part.split("-")[0] == name]) for name in NETWORKS]
    model = None if key.shapes == "timing" else model_of(key)
    state = "" if key.shapes == "timing" else "ready" if model else "stale"
    return [key.backend, key.device, key.shapes, key.precision, model or "", key.compiler, *sizes, state]


def _megabytes(lengths: list[int]) -> str:
    """The size of a network, of which OpenVINO has several parts; empty if none is there."""
    return f"{sum(lengths) / 1e6:.1f}" if lengths else ""


def remove_engines() -> None:
    """Remove every cached engine."""
    cache = Cache()
    removed = cache.clear()
    print(f"removed {len(removed)} files from {cache.folder}" if removed else f"no engines in {cache.folder}")
