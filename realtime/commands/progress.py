"""Progress bars on standard error. Imports rich, so commands import this when they start to work."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from engines.commands.running import UsageError
from engines.errors import MattingError
from realtime.commands.checks import in_options, notify

console = Console(stderr=True, highlight=False, soft_wrap=True)


class Speed(ProgressColumn):
    """Frames per second of the last half minute."""

    def render(self, task: Task) -> Text:
        """Render the column's text."""
        return Text("" if task.speed is None else f"{task.speed:.1f} frames/s")


@contextmanager
def frames_progress(name: str, frames: int | None) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal, and yield a function that takes the number of frames done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Speed(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=frames)
        yield lambda done: progress.update(task, completed=done)


def for_each_photo(jobs: Sequence[tuple[Path, Path]], work: Callable[[Path, Path], object], description: str) -> int:
    """Call `work(photo, target)` for each job, with a bar. Report those that fail, go on, and return how many failed."""
    failed = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        for photo, target in progress.track(jobs, description=description):
            try:
                work(photo, target)
            except MattingError as error:
                failed += 1
                console.print(f"error: {in_options(error)}", markup=False)
    return failed


def report_photos(kind: str, tried: int, failed: int, notes: Mapping[str, int], left_out: str = "", runner: str = "") -> None:
    """Say how many pictures of a `kind` were written, and why not the others. Raises UsageError if some failed."""
    counts = "".join(f", {count} {note}" for note, count in notes.items() if count)
    if left_out:
        notify(left_out)
    notify(" ".join(f"{tried - failed} {kind} written{counts} {runner}".split()))
    if failed:
        raise UsageError(f"{failed} of {tried} photos failed; see the lines above")
