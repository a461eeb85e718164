"""Checks of arguments that programs pass. Imports nothing heavy."""

from math import isfinite
from numbers import Integral, Real


def check_whole(name: str, number: object, most: int, *, least: int = 1) -> None:
    """Raise ValueError unless a number is whole, and from `least` to `most`."""
    if not (isinstance(number, Integral) and least <= int(number) <= most):
        raise ValueError(f"{name} {number!r}: must be a whole number from {least} to {most}")


def check_above_zero(name: str, number: object, such_as: str) -> None:
    """Raise ValueError unless a number is finite and above 0. `such_as`: an example of one."""
    if not (isinstance(number, Real) and isfinite(number) and float(number) > 0):
        raise ValueError(f"{name} {number!r}: must be a number above 0, such as {such_as}")
