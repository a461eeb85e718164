"""`bench`: measures the project on this machine. Each part of it is a module that adds a command."""

from benchmarks import figures_command, latency_command, peers_command, refine_command, throughput_command
from benchmarks.app import app
from engines.errors import run

__all__ = ["app", "figures_command", "latency_command", "peers_command", "refine_command", "throughput_command"]


def main() -> None:
    """The command `bench`."""
    run(app)
