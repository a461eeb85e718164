"""Data, losses, the three training stages, metrics and evaluation."""
