"""Props: things that are not people, in front of them and behind: desks, screens, chairs and the like.

Their shapes are simple, their texture is a piece of a background or one colour. They teach the network that a frame's bottom,
an even surface beside a shoulder or an outline beside a head is not evidence of a person.
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
    """A polygon (n, 2) in unit coordinates of the frame, and its texture.

    `surface` None: the background, so that a prop in front of people cuts them off as a picture's edge would.
    """

    outline: tuple[tuple[float, float], ...]
    surface: Piece | Colour | None


def _surface(backgrounds: Sequence[Path], rng: random.Random) -> Piece | Colour:
    if rng.random() < 0.25:
        return (rng.randrange(256), rng.randrange(256), rng.randrange(256))
    side = math.exp(rng.uniform(math.log(0.08), math.log(0.8)))
    x, y = rng.uniform(0, 1 - side), rng.uniform(0, 1 - side)
    return Piece(rng.choice(backgrounds), (x, y, x + side, y + side))


def desk(backgrounds: Sequence[Path], rng: random.Random) -> Prop:
    """A desk or table in front of people: everything below a line in the lower part of the frame.

    The edge of a desk is straight. Without one, where people end as they were cut out, hands and sleeves make it uneven.
    """
    left = rng.uniform(0.72, 0.99)
    right = left + rng.gauss(0, 0.02)
    surface = None if rng.random() < 0.4 else _surface(backgrounds, rng)
    uneven = rng.uniform(0, 0.03) if surface is None and rng.random() < 0.5 else 0.0
    steps = rng.randint(4, 16) if uneven else 1
    along = [step / steps for step in range(steps + 1)]
    edge = [(1.2 * part - 0.1, left + (right - left) * part + rng.gauss(0, uneven)) for part in along]
    return Prop((*edge, (1.1, 1.1), (-0.1, 1.1)), surface)


def screen(backgrounds: Sequence[Path], rng: random.Random) -> Prop:
    """A box at the bottom in front of people: a laptop's lid, a book, a cup."""
    width, height = rng.uniform(0.08, 0.5), rng.uniform(0.08, 0.35)
    x, y = rng.uniform(0, 1 - width), 1.02 - height + rng.uniform(-0.12, 0.12)
    lean = rng.gauss(0, 0.03)
    corners = ((x + lean, y), (x + width + lean, y + lean), (x + width, y + height), (x, y + height))
    return Prop(corners, _surface(backgrounds, rng))


def furniture(backgrounds: Sequence[Path], rng: random.Random) -> Prop:
    """A chair's back, a lamp or the like behind people: a superellipse."""
    cx, cy = min(1.0, max(0.0, rng.gauss(0.5, 0.25))), rng.uniform(0.2, 1.0)
    across, down = rng.uniform(0.04, 0.3), rng.uniform(0.08, 0.45)
    power, turn = rng.choice((2.0, 3.0, 6.0)), rng.gauss(0, 0.15)
    outline = []
    for step in range(32):
        angle = 2 * math.pi * step / 32
        c, s = math.cos(angle), math.sin(angle)
        x, y = across * math.copysign(abs(c) ** (2 / power), c), down * math.copysign(abs(s) ** (2 / power), s)
        outline.append((cx + x * math.cos(turn) - y * math.sin(turn), cy + x * math.sin(turn) + y * math.cos(turn)))
    return Prop(tuple(outline), _surface(backgrounds, rng))


def draw_props(backgrounds: Sequence[Path], share: float, rng: random.Random) -> tuple[tuple[Prop, ...], tuple[Prop, ...]]:
    """Props behind people and in front of them, each kind in that share of frames."""
    behind = tuple(furniture(backgrounds, rng) for _ in range(rng.choice((1, 2, 3)))) if rng.random() < share else ()
    before = [make(backgrounds, rng) for make in (desk, screen) if rng.random() < share]
    return behind, tuple(before)


def blend(front: Picture, back: Picture, coverage: Floats) -> Picture:
    """`front` over `back`, uint8 (h, w, 3), by a coverage (h, w) in [0, 1], rounded to a level."""
    return np.asarray(cv2.blendLinear(front, back, coverage, 1 - coverage), np.uint8)


def put(prop: Prop, picture: Picture, behind: Picture, window: Window) -> tuple[Picture, Floats]:
    """A window of a frame with a prop drawn into it, and the prop's coverage (h, w) in [0, 1].

    `picture` RGB uint8 (h, w, 3); `behind`: the same window without people.
    """
    h, w = picture.shape[:2]
    x0, y0, x1, y1 = window
    points = np.array([((x - x0) / (x1 - x0) * w, (y - y0) / (y1 - y0) * h) for x, y in prop.outline])
    shape = np.zeros((h, w), np.uint8)
    fixed = 4  # fractional bits of OpenCV's fixed-point corners
    corners = np.round((points - 0.5) * 2**fixed).astype(np.int32)
    cv2.fillPoly(shape, [corners], 255, cv2.LINE_AA, fixed)
    coverage: Floats = np.multiply(shape, np.float32(1 / 255))
    left, top, wide, high = cv2.boundingRect(shape)
    if not wide:
        return picture, coverage
    box = (slice(top, top + high), slice(left, left + wide))
    if prop.surface is None:
        seen = behind[box]
    elif isinstance(prop.surface, Piece):
        seen = _fitted(prop.surface, points, (left, top), (high, wide))
    else:
        seen = np.full((high, wide, 3), prop.surface, np.uint8)
    result = picture.copy()
    result[box] = blend(seen, picture[box], coverage[box])
    return result, coverage


def _fitted(piece: Piece, points: NDArray[np.float64], corner: tuple[int, int], size: tuple[int, int]) -> Picture:
    """A part of a frame, at `corner` (x, y) and of `size` (height, width), with the piece in the points' bounding box."""
    source = read_background(piece.path, SIDE)
    high, wide = source.shape[:2]
    x0, y0, x1, y1 = piece.window
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    across, down = (right - left) / ((x1 - x0) * wide), (bottom - top) / ((y1 - y0) * high)
    # Pixel centres lie at halves.
    x = left - x0 * wide * across + across / 2 - 0.5 - corner[0]
    y = top - y0 * high * down + down / 2 - 0.5 - corner[1]
    matrix = np.array([[across, 0, x], [0, down, y]])
    return np.asarray(cv2.warpAffine(source, matrix, size[::-1], borderMode=cv2.BORDER_REFLECT_101), np.uint8)
