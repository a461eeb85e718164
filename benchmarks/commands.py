"""`bench` as it is installed: the base install lacks what it needs, and says so."""

from engines.commands.running import start


def bench() -> None:
    """The command `bench`."""
    start("benchmarks.cli", "bench")
