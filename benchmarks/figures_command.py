"""`bench figures`."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.app import app
from benchmarks.figures import PAGES, RESULTS, refreshed
from engines.commands.running import UsageError
from realtime.inputs.photos import write_beside


@app.command()
def figures(
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the JSON files.", show_default=False)] = RESULTS,
) -> None:
    """Puts the figures of benchmarks/results/*.json into the README and the model card. For a checkout of the source.

    [bold]Examples[/bold]

      bench all --report benchmarks/results

      bench figures
    """
    for page in PAGES:
        try:
            old = page.read_text(encoding="utf-8")
            new = refreshed(old, results)
            if new != old:
                write_beside(page, new.encode())
        except OSError as error:
            raise UsageError(f"{page}: cannot be read or written ({error.strerror}); run this in a checkout") from error
        print(f"{page}: {'as it was' if new == old else 'refreshed'}")
