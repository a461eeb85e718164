"""Which frame sizes an engine takes: one, or a range with the size that it is tuned for."""

import re
from dataclasses import dataclass

from engines.errors import EngineError
from engines.geometry import BASE, SMALLEST, input_shapes, low_resolution

Size = tuple[int, int]  # height, width in pixels


@dataclass(frozen=True)
class Profile:
    """The smallest, the usual and the largest frame, each (height, width); all the same where the engine takes one size."""

    least: Size
    usual: Size
    most: Size
    model: str = BASE

    @classmethod
    def of(cls, height: int, width: int, model: str = BASE) -> "Profile":
        """For one size."""
        return cls((height, width), (height, width), (height, width), model)

    @property
    def low_resolution(self) -> Size:
        """Height and width of the coarse mask."""
        return low_resolution(*self.usual, self.model)

    @property
    def fixed(self) -> bool:
        """Whether it is for one size."""
        return self.least == self.usual == self.most

    def covers(self, height: int, width: int) -> bool:
        """Whether a frame of this size can be taken: it is within the range, and lies or stands as the range does."""
        inside = all(low <= side <= high for low, side, high in zip(self.least, (height, width), self.most, strict=True))
        return inside and low_resolution(height, width, self.model) == self.low_resolution

    def shapes(self, network: str) -> dict[str, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]:
        """The smallest, the usual and the largest shape of each input of a graph: "mpn", "qun" or "mrn"."""
        least, usual, most = (input_shapes(*size, self.model)[network] for size in (self.least, self.usual, self.most))
        return {name: (least[name], usual[name], most[name]) for name in usual}

    def __str__(self) -> str:
        sizes = [f"{width}x{height}" for height, width in (self.least, self.usual, self.most)]
        return sizes[0] if self.fixed else ":".join(sizes)


def parse_size(text: str, option: str = "--size") -> Size:
    """Height and width of "1280x720" (width x height). Raises EngineError for anything else, and for sides below 32."""
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.lower())
    if match is None or min(int(side) for side in match.groups()) < SMALLEST:
        raise EngineError(f"{option} {text}: give WIDTHxHEIGHT, each side at least {SMALLEST}, such as 1280x720")
    return int(match[2]), int(match[1])


def parse_range(text: str, model: str = BASE) -> Profile:
    """The profile of "640x480:1280x720:1920x1080". Raises EngineError for anything else, or where frames would lie and stand."""
    option, parts = f"--dynamic {text}", text.split(":")
    if len(parts) != 3:
        raise EngineError(f"{option}: give MIN:OPT:MAX, such as 640x480:1280x720:1920x1080")
    least, usual, most = (parse_size(part, "--dynamic") for part in parts)
    if not all(low <= middle <= high for low, middle, high in zip(least, usual, most, strict=True)):
        raise EngineError(f"{option}: each side must not shrink from MIN to OPT to MAX")
    profile = Profile(least, usual, most, model)
    # The three sizes being alike is not enough: of 100x50:100x60:200x190, 100x190 is taller than wide.
    if len({low_resolution(*size) for size in (least, usual, most)}) != 1:
        raise EngineError(f"{option}: mixes wide frames with tall ones; build one range for each")
    return profile
