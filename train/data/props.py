"""Things that are no person, before and behind people: desks, screens, chairs, and whatever else a frame may hold.

Their shapes are plain, their pictures are pieces of backgrounds, or one colour. What counts is that a frame's bottom, an even
surface beside a shoulder or an outline beside a head do not say by themselves where a person is.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from train.data.library import Picture, read_background

Floats = NDArray[np.float32]
Window = tuple[float, float, float, float]  # x0, y0, x1, y1 in unit coordinates
SIDE = 384  # pixels, of the backgrounds that give props their pictures


class Piece(NamedTuple):
    """A part of a background, in its unit coordinates."""

    path: Path
    window: Window


Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Prop:
    """A polygon (n, 2) in unit coordinates of the frame, and what is seen in it.

    `surface` None: what is behind the people, so that a prop before them cuts them off as a picture's edge would.
    """

    outline: tuple[tuple[float, float], ...]
    surface: Piece | Colour | None


def _surface(backgrounds: Sequence[Path], dice: random.Random) -> Piece | Colour:
    if dice.random() < 0.25:
        return (dice.randrange(256), dice.randrange(256), dice.randrange(256))
    side = math.exp(dice.uniform(math.log(0.08), math.log(0.8)))
    x, y = dice.uniform(0, 1 - side), dice.uniform(0, 1 - side)
    return Piece(dice.choice(backgrounds), (x, y, x + side, y + side))


def desk(backgrounds: Sequence[Path], dice: random.Random) -> Prop:
    """What people sit behind: all below a line in the lower part of the frame.

    The edge of a thing is straight. Where there is none, and people end as they were cut out, hands and sleeves make it uneven.
    """
    left = dice.uniform(0.72, 0.99)
    right = left + dice.gauss(0, 0.02)
    surface = None if dice.random() < 0.4 else _surface(backgrounds, dice)
    uneven = dice.uniform(0, 0.03) if surface is None and dice.random() < 0.5 else 0.0
    steps = dice.randint(4, 16) if uneven else 1
    along = [step / steps for step in range(steps + 1)]
    edge = [(1.2 * part - 0.1, left + (right - left) * part + dice.gauss(0, uneven)) for part in along]
    return Prop((*edge, (1.1, 1.1), (-0.1, 1.1)), surface)


def screen(backgrounds: Sequence[Path], dice: random.Random) -> Prop:
    """A box that stands at the bottom before people: a laptop's lid, a book, a cup."""
    width, height = dice.uniform(0.08, 0.5), dice.uniform(0.08, 0.35)
    x, y = dice.uniform(0, 1 - width), 1.02 - height + dice.uniform(-0.12, 0.12)
    lean = dice.gauss(0, 0.03)
    corners = ((x + lean, y), (x + width + lean, y + lean), (x + width, y + height), (x, y + height))
    return Prop(corners, _surface(backgrounds, dice))


def furniture(backgrounds: Sequence[Path], dice: random.Random) -> Prop:
    """Something behind people, as wide as a chair's back or as narrow as a lamp, rounded or not."""
    cx, cy = min(1.0, max(0.0, dice.gauss(0.5, 0.25))), dice.uniform(0.2, 1.0)
    across, down = dice.uniform(0.04, 0.3), dice.uniform(0.08, 0.45)
    power, turn = dice.choice((2.0, 3.0, 6.0)), dice.gauss(0, 0.15)
    outline = []
    for step in range(32):
        angle = 2 * math.pi * step / 32
        c, s = math.cos(angle), math.sin(angle)
        x, y = across * math.copysign(abs(c) ** (2 / power), c), down * math.copysign(abs(s) ** (2 / power), s)
        outline.append((cx + x * math.cos(turn) - y * math.sin(turn), cy + x * math.sin(turn) + y * math.cos(turn)))
    return Prop(tuple(outline), _surface(backgrounds, dice))


def draw_props(backgrounds: Sequence[Path], share: float, dice: random.Random) -> tuple[tuple[Prop, ...], tuple[Prop, ...]]:
    """Props behind people and before them, each kind in that share of frames."""
    behind = tuple(furniture(backgrounds, dice) for _ in range(dice.choice((1, 2, 3)))) if dice.random() < share else ()
    before = [make(backgrounds, dice) for make in (desk, screen) if dice.random() < share]
    return behind, tuple(before)


def put(prop: Prop, picture: Picture, behind: Picture, window: Window) -> tuple[Picture, Floats]:
    """What a window of a frame shows with a prop in it, and where the prop is, (h, w, 1) in [0, 1].

    `picture` RGB uint8 (h, w, 3); `behind`: the same window without people.
    """
    h, w = picture.shape[:2]
    x0, y0, x1, y1 = window
    points = np.array([((x - x0) / (x1 - x0) * w, (y - y0) / (y1 - y0) * h) for x, y in prop.outline])
    shape = np.zeros((h, w), np.uint8)
    fixed = 4  # binary digits behind the point, in which OpenCV takes corners
    corners = np.round((points - 0.5) * 2**fixed).astype(np.int32)
    cv2.fillPoly(shape, [corners], 255, cv2.LINE_AA, fixed)
    there: Floats = np.divide(shape[..., None], 255, dtype=np.float32)
    if prop.surface is None:
        seen = behind
    elif isinstance(prop.surface, Piece):
        seen = _fitted(prop.surface, points, (h, w))
    else:
        seen = np.full_like(picture, prop.surface)
    return np.asarray(there * seen + (1 - there) * picture + 0.5, np.uint8), there


def _fitted(piece: Piece, points: NDArray[np.float64], size: tuple[int, int]) -> Picture:
    """A picture of `size` in which the piece fills the box around the points."""
    source = read_background(piece.path, SIDE)
    high, wide = source.shape[:2]
    x0, y0, x1, y1 = piece.window
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    across, down = (right - left) / ((x1 - x0) * wide), (bottom - top) / ((y1 - y0) * high)
    # Pixel centres lie at halves.
    matrix = np.array(
        [[across, 0, left - x0 * wide * across + across / 2 - 0.5], [0, down, top - y0 * high * down + down / 2 - 0.5]]
    )
    return np.asarray(cv2.warpAffine(source, matrix, size[::-1], borderMode=cv2.BORDER_REFLECT_101), np.uint8)
