"""`bench figures`."""

from benchmarks.app import app
from benchmarks.figures import PAGES, refreshed
from engines import InputError
from realtime.photos import write_beside


@app.command()
def figures() -> None:
    """Puts the figures of benchmarks/results/*.json into the README and the model card. For a checkout of the source.

    [bold]Examples[/bold]

      bench latency --json benchmarks/results/latency.json

      bench figures
    """
    for page in PAGES:
        try:
            old = page.read_text(encoding="utf-8")
            new = refreshed(old)
            if new != old:
                write_beside(page, new.encode())
        except OSError as error:
            raise InputError(f"{page}: cannot be read or written ({error.strerror}); run this in a checkout") from error
        print(f"{page}: {'as it was' if new == old else 'refreshed'}")
