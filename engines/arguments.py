"""Checks of arguments that programs pass. Imports nothing heavy."""

from numbers import Integral


def check_whole(name: str, number: object, most: int, *, least: int = 1) -> None:
    """Raise ValueError unless a number is whole, and from `least` to `most`."""
    if not (isinstance(number, Integral) and least <= int(number) <= most):
        raise ValueError(f"{name} {number!r}: must be a whole number from {least} to {most}")
