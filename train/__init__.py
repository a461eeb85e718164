"""Data, losses, the three training tasks, metrics and evaluation."""
