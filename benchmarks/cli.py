"""`bench`: measures this project on this machine. Each part is a file of its own, with its command in it."""

from benchmarks.clips import clips
from benchmarks.everything import everything
from benchmarks.figures import figures
from benchmarks.latency import latency
from benchmarks.peers import peers
from benchmarks.picture import picture
from benchmarks.quality import quality
from benchmarks.refine import refine
from benchmarks.scale import scale
from benchmarks.serve import serve
from benchmarks.soak import soak
from benchmarks.table2 import table2
from benchmarks.throughput import throughput
from engines.commands.app import command_app
from engines.commands.running import needs_extra, run

HELP = """Measure this project on this machine.

\b
Examples:
  bench latency
  bench peers --adapters adapters --peer rvm
  bench all --report report
"""

app = command_app(HELP)
COMMANDS = (latency, throughput, scale, peers, quality, table2, refine, clips, serve, soak, figures, picture)


for command in COMMANDS:
    app.command()(command)
app.command(name="all")(everything)


@needs_extra("train")
def bench() -> object:
    """Parse the command line and run a command, whose missing packages are a UsageError."""
    return app(standalone_mode=False)


def main() -> None:
    """The command `bench`."""
    run(bench)
