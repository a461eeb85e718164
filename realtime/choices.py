"""Values that settings take, and their defaults. Imports nothing heavy, so that commands can list them at once."""

from pathlib import Path
from typing import Any, Literal, get_args

PIPE = Path("-")  # in place of a file: standard input, or standard output
STANDARD_INPUT = ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")  # which are no files, and to be written as PIPE
STANDARD_OUTPUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")

Fit = Literal["cover", "contain", "stretch"]  # how a background is brought to the size of a frame
Keep = Literal["all", "largest"]  # which subjects stay in the matte
View = Literal["picture", "alpha", "foreground", "split"]  # what is shown of a packet
OutputKind = Literal["composite", "alpha", "foreground", "cutout"]  # what a video file shows
Hdr = Literal["sdr", "keep"]  # what becomes of high dynamic range
PipeFormat = Literal["y4m", "rgb24"]
Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]

GREEN = "#00b140"  # the green screen, the default background of videos
PRESET: Preset = "veryfast"  # the default
SMOOTH = 0.7  # default strength of the temporal filter: the share kept of the last matte
MAX_SMOOTH = 0.95
MAX_PIXELS = 64_000_000  # of a frame or a picture: more is refused before it is decoded
LONGEST_SIDE = 65_536  # pixels: no encoder takes more
HOLD = 5.0  # s that the last picture of a live source stays while it delivers none


def check_choice(name: str, value: object, choices: Any) -> None:
    """Raise ValueError unless a value is one of the choices, a Literal: types alone hold nobody back."""
    if not isinstance(value, str) or value not in get_args(choices):
        raise ValueError(f"unknown {name} {value!r}; there are {', '.join(get_args(choices))}")
