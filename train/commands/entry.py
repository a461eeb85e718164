"""`shm-train` and `shm-eval` as they are installed: the base install lacks what they need, and says so."""

from engines.commands.running import start


def train() -> None:
    """The command `shm-train`."""
    start("train.commands.train", "train")


def evaluate() -> None:
    """The command `shm-eval`."""
    start("train.commands.evaluate", "train")
