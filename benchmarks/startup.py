"""`python -m benchmarks.startup`: how long from the start of a process to its first matte, and how much memory that takes."""

import json
import os
import subprocess
import sys
import tempfile
from statistics import median
from time import time
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import machine
from engines.errors import InputError, run
from engines.options import Backend, Precision
from engines.profile import parse_size

# The clock starts in the parent, so that the interpreter counts too.
PROGRAM = """
import json, resource, sys, time
import engines, numpy as np
height, width, backend, precision = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
engine = engines.load(backend, precision=precision)
frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
engine(frame)
now = time.time()
used = resource.getrusage(resource.RUSAGE_SELF)
facts = {"name": engine.name, "precision": engine.precision, "device": engine.device}
facts |= {"at": now, "peak_mb": used.ru_maxrss / 1024, "cpu_s": used.ru_utime + used.ru_stime}
print(json.dumps(facts))
"""

app = typer.Typer(add_completion=False, rich_markup_mode="rich")


@app.command()
def startup(
    size: Annotated[list[str] | None, typer.Option(metavar="WxH", help="Frame size, may be given again.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Starts that count, of each kind.")] = 5,
    backend: Backend = "auto",
    precision: Precision = "auto",
) -> None:
    """Measure first starts, with an empty cache of engines, and later ones, each in a process of its own. For Linux.

    [bold]Examples[/bold]

      python -m benchmarks.startup --size 800x800 --size 1920x1080
    """
    others = machine.OtherWork()
    console = Console(highlight=False, soft_wrap=True)
    for text in size or ["800x800", "1920x1080"]:
        height, width = parse_size(text)
        words = [str(height), str(width), backend, precision]
        first = []
        for _ in range(runs):
            with tempfile.TemporaryDirectory() as cache:
                first.append(start(words, cache))
        with tempfile.TemporaryDirectory() as cache:
            start(words, cache)
            later = [start(words, cache) for _ in range(runs)]
        for label, starts in (("first start", first), ("later starts", later)):
            seconds, busy, peak = (median(each[key] for each in starts) for key in ("seconds", "cpu_s", "peak_mb"))
            console.print(f"{text} {label}: {seconds:.2f} s to the first matte ({busy:.2f} s of CPU), peak {peak:.0f} MB")
    facts = {name: first[0][name] for name in ("name", "precision", "device")} | machine.describe()
    facts |= {"runs": str(runs), "taken by other programs": f"{others.share():.0%}"}
    console.print(", ".join(f"{name} {value}" for name, value in facts.items()), style="dim")


def start(words: list[str], cache: str) -> dict[str, float]:
    """What one process says, and the `seconds` from its start. Raises InputError with its own words where it fails."""
    began = time()
    environment = {**os.environ, "SHM_CACHE": cache}
    done = subprocess.run([sys.executable, "-c", PROGRAM, *words], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(done.stderr.strip().splitlines()[-1])
    facts: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {**facts, "seconds": facts["at"] - began}


def main() -> None:
    """The command."""
    run(app)


if __name__ == "__main__":
    main()
