"""What a video of high dynamic range states of itself as a whole, as encoders take it: SMPTE ST 2086 and CTA-861.3."""

from collections.abc import Mapping
from typing import NamedTuple

from realtime.outputs.formats import Codec
from realtime.pixels.high_range import XY, HighRange, Mastering


class Syntax(NamedTuple):
    """How an encoder is told: the option of FFmpeg, two names in it, and how a chromaticity and a luminance are written."""

    option: str
    display: str
    light: str
    chromaticity: float  # units in 1
    luminance: float  # units in 1 cd/m2
    form: str


SYNTAX: Mapping[str | None, Syntax] = {
    "libx265": Syntax("x265-params", "master-display", "max-cll", 50_000, 10_000, ".0f"),
    "libsvtav1": Syntax("svtav1-params", "mastering-display", "content-light", 1, 1, ".5f"),
}


def with_static_metadata(options: Mapping[str, str], codec: Codec, high_range: HighRange) -> dict[str, str]:
    """The options of an encoder, and those that make it write the metadata, where it can."""
    syntax = SYNTAX.get(codec.encoder)
    if syntax is None:
        return dict(options)
    stated = [] if high_range.mastering is None else [f"{syntax.display}={_display(high_range.mastering, syntax)}"]
    if high_range.light is not None:
        stated.append(f"{syntax.light}={high_range.light[0]},{high_range.light[1]}")
    before = [options[syntax.option]] if syntax.option in options else []
    return {**options, syntax.option: ":".join([*before, *stated])} if stated else dict(options)


def lost_metadata(codec: Codec, high_range: HighRange) -> list[str]:
    """What of it the files of a codec do not get, in words."""
    static = (high_range.mastering, "mastering display metadata"), (high_range.light, "content light levels")
    return [*high_range.dynamic, *(words for each, words in static if each is not None and codec.encoder not in SYNTAX)]


def _display(mastering: Mastering, syntax: Syntax) -> str:
    def point(name: str, place: XY) -> str:
        return f"{name}({','.join(format(float(each * syntax.chromaticity), syntax.form) for each in place)})"

    luminances = (format(float(each * syntax.luminance), syntax.form) for each in (mastering.brightest, mastering.darkest))
    places = {"G": mastering.green, "B": mastering.blue, "R": mastering.red, "WP": mastering.white}
    return f"{''.join(point(name, place) for name, place in places.items())}L({','.join(luminances)})"
