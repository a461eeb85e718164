"""`bench`: measures the project on this machine. Each part of it is a module that adds a command to the app."""

import importlib

from benchmarks.app import app
from benchmarks.clips import clips
from engines.commands.running import run

PARTS = ("latency", "peers", "throughput", "scale", "quality", "refine", "all", "figures")
for part in PARTS:
    importlib.import_module(f"benchmarks.{part}_command")
app.command()(clips)


def main() -> None:
    """The command `bench`."""
    run(app)
