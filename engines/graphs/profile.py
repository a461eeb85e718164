"""The frame sizes that an engine takes: one, or a range with the size that it is tuned for."""

from dataclasses import dataclass

from engines.geometry import BASE, Size, input_shapes, low_resolution, mpn_size, parse_size


@dataclass(frozen=True)
class Profile:
    """The smallest, the usual and the largest frame, each (height, width); all the same where the engine takes one size."""

    least: Size
    usual: Size
    most: Size
    model: str = BASE

    @classmethod
    def of(cls, height: int, width: int, model: str = BASE) -> "Profile":
        """The profile of one size."""
        size = Size(height, width)
        return cls(size, size, size, model)

    @property
    def low_resolution(self) -> Size:
        """Size of the coarse mask."""
        return low_resolution(*self.usual, self.model)

    @property
    def mpn_size(self) -> Size:
        """Size of the frame as MPN sees it."""
        return mpn_size(*self.usual, self.model)

    @property
    def fixed(self) -> bool:
        """Whether it takes one size only."""
        return self.least == self.usual == self.most

    def covers(self, height: int, width: int) -> bool:
        """Whether it takes frames of a size: within the range, and wide or tall as the range is."""
        inside = all(low <= side <= high for low, side, high in zip(self.least, (height, width), self.most, strict=True))
        return inside and low_resolution(height, width, self.model) == self.low_resolution

    def shapes(self, network: str) -> dict[str, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]:
        """The smallest, the usual and the largest shape of each input of a graph: "mpn", "qun" or "mrn"."""
        least, usual, most = (input_shapes(*size, self.model)[network] for size in (self.least, self.usual, self.most))
        return {name: (least[name], usual[name], most[name]) for name in usual}

    def __str__(self) -> str:
        return str(self.usual) if self.fixed else f"{self.least}:{self.usual}:{self.most}"


def parse_range(text: str, model: str = BASE) -> Profile:
    """The profile of "640x480:1280x720:1920x1080". Raises ValueError for anything else, and where wide and tall frames mix."""
    parts = text.split(":")
    if len(parts) != 3:
        raise ValueError(f"{text}: give MIN:OPT:MAX, such as 640x480:1280x720:1920x1080")
    least, usual, most = (parse_size(part) for part in parts)
    if not all(low <= middle <= high for low, middle, high in zip(least, usual, most, strict=True)):
        raise ValueError(f"{text}: each side must not shrink from MIN to OPT to MAX")
    profile = Profile(least, usual, most, model)
    # The three sizes being alike is not enough: of 100x50:100x60:200x190, 100x190 is taller than wide.
    if len({low_resolution(*size) for size in (least, usual, most)}) != 1:
        raise ValueError(f"{text}: mixes wide frames with tall ones; build one range for each")
    return profile
