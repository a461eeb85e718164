"""Sizes on which all backends agree."""

import re
from typing import NamedTuple

# The low resolution of a model, of the masks and of the frame beside them: (height, width) for a frame that is not wider than
# high, the transpose for one that is. The paper uses 192x160.
MODELS = {"base": (320, 256), "large": (512, 384)}
# How finely MPN sees a frame. It needs more pixels to tell a person from the rest than its mask needs for QUN and MRN.
MPN_SIZES = {"base": (416, 320), "large": (704, 512)}
BASE = "base"
LOW_RESOLUTION = MODELS[BASE]
# A frame is resized bilinearly to half its size, then to OVERSAMPLING times the low resolution, as MRN sees it whole, then to
# the low resolution, and to MPN's size. The first step, and that to the low resolution, average 2x2 pixels: cheap at any size,
# and hardly any aliasing at 4K. The first step never goes below the second, so that small frames lose no detail.
OVERSAMPLING = 2
SMALLEST = 32  # pixels, height and width


class Size(NamedTuple):
    """Height and width in pixels, in the order of an array's shape; as text "WIDTHxHEIGHT"."""

    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def parse_size(text: str) -> Size:
    """Parse "1280x720", width x height. Raises ValueError for anything else, and for sides below SMALLEST."""
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.lower())
    if match is None or min(int(side) for side in match.groups()) < SMALLEST:
        raise ValueError(f"{text}: give WIDTHxHEIGHT, each side at least {SMALLEST}, such as 1280x720")
    return Size(height=int(match[2]), width=int(match[1]))


def model_of_size(low: tuple[int, int]) -> str:
    """The model whose networks see frames of a low resolution (height, width); BASE if there is none."""
    return next((model for model, size in MODELS.items() if size == low), BASE)


def _turned(size: tuple[int, int], height: int, width: int) -> Size:
    h, w = size
    return Size(w, h) if width > height else Size(h, w)


def low_resolution(height: int, width: int, model: str = BASE) -> Size:
    """Size of the coarse mask of a frame."""
    return _turned(MODELS[model], height, width)


def mpn_size(height: int, width: int, model: str = BASE) -> Size:
    """Size of a frame as MPN sees it."""
    return _turned(MPN_SIZES[model], height, width)


def input_shapes(height: int, width: int, model: str = BASE) -> dict[str, dict[str, tuple[int, ...]]]:
    """Shape of each input of the three graphs, for frames of one size."""
    h, w = low_resolution(height, width, model)
    frame, image, doubled, mask = (height, width, 3), (1, 3, h, w), (1, 3, OVERSAMPLING * h, OVERSAMPLING * w), (h, w)
    return {
        "mpn": {"frame": frame},
        "qun": {"image": image, "coarse": mask},
        "mrn": {"frame": frame, "doubled": doubled, "unified": mask},
    }
