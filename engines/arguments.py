"""Checks of arguments that programs pass. Imports nothing heavy."""

from fractions import Fraction
from math import isfinite
from numbers import Integral, Rational, Real


def check_whole(name: str, number: object, most: int, *, least: int = 1) -> None:
    """Raise ValueError unless a number is whole, and from `least` to `most`."""
    if isinstance(number, bool) or not (isinstance(number, Integral) and least <= int(number) <= most):
        raise ValueError(f"{name} {number!r}: must be a whole number from {least} to {most}")


def check_above_zero(name: str, number: object, such_as: str) -> None:
    """Raise ValueError unless a number is finite and above 0. `such_as`: an example of one."""
    if isinstance(number, bool) or not (isinstance(number, Real) and isfinite(number) and float(number) > 0):
        raise ValueError(f"{name} {number!r}: must be a number above 0, such as {such_as}")


def check_max_pixels(number: object) -> None:
    """Raise ValueError unless a number is a limit of pixels of a frame or picture."""
    check_above_zero("max_pixels", number, "64_000_000")


def is_number(thing: object) -> bool:
    """Whether a thing is a real number, also one of NumPy's."""
    return isinstance(thing, Real)


def check_fraction(name: str, number: object, such_as: str) -> None:
    """Raise ValueError unless a number is whole or a fraction, and above 0. `such_as`: an example of one."""
    if isinstance(number, bool) or not (isinstance(number, Rational) and Fraction(number) > 0):
        raise ValueError(f"{name} {number!r}: must be a fraction above 0, such as {such_as}")


def check_kind(name: str, thing: object, kind: type) -> None:
    """Raise ValueError unless a thing is an instance of a class of ours."""
    if not isinstance(thing, kind):
        raise ValueError(f"{name} {thing!r}: must be of {kind.__module__.partition('.')[0]}.{kind.__name__}")
