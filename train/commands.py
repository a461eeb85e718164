"""`shm-train` and `shm-eval` as they are installed: the base install lacks what they need, and says so."""

from engines.errors import start


def train() -> None:
    """The command `shm-train`."""
    start("train.cli", "train")


def evaluate() -> None:
    """The command `shm-eval`."""
    start("train.evaluate", "train")
