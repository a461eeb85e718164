"""`bench`: measures this project on this machine. Each part is a file of its own, with its command in it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from benchmarks.clips import clips
from benchmarks.everything import everything
from benchmarks.figures import figures
from benchmarks.latency import latency
from benchmarks.peers import peers
from benchmarks.picture import picture
from benchmarks.quality import quality
from benchmarks.refine import refine
from benchmarks.scale import scale
from benchmarks.soak import soak
from benchmarks.throughput import throughput
from engines.commands.app import command_app
from engines.commands.running import needs_extra, run

HELP = """Measure this project on this machine.

\b
Examples:
  bench latency
  bench peers --adapters adapters --peer rvm --set eval/composites
  bench all --report report
"""

app = command_app(HELP)
COMMANDS = (latency, throughput, scale, peers, quality, refine, clips, soak, figures, picture)


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """A command that says which extra to install where a package is missing."""

    @wraps(command)
    def call(**options: Any) -> None:
        with needs_extra("train"):
            command(**options)

    return call


for command in COMMANDS:
    app.command()(guarded(command))
app.command(name="all")(guarded(everything))


def main() -> None:
    """The command `bench`."""
    run(app)
