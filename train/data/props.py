"""Props: furniture in front of people and behind them, which is not person, and things that they hold or wear, which are.

Their shapes are simple, their texture is a piece of a background or one colour. Furniture teaches the network that a frame's
bottom, an even surface beside a shoulder or an outline beside a head is not evidence of a person. What is held is in front of
someone and smaller: it begins and ends on or near the person, where a desk goes on to the sides of the frame.
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
STICKS, LOADS = 0.2, 0.25  # of the things held


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


def log_uniform(low: float, high: float, rng: random.Random) -> float:
    """A random number whose logarithm is uniform."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def surface(backgrounds: Sequence[Path], rng: random.Random) -> Piece | Colour:
    """A texture: a piece of a background, or one colour."""
    if rng.random() < 0.25:
        return (rng.randrange(256), rng.randrange(256), rng.randrange(256))
    side = log_uniform(0.08, 0.8, rng)
    x, y = rng.uniform(0, 1 - side), rng.uniform(0, 1 - side)
    return Piece(rng.choice(backgrounds), (x, y, x + side, y + side))


def desk(backgrounds: Sequence[Path], rng: random.Random) -> Prop:
    """A desk or table in front of people: everything below a line in the lower part of the frame.

    The edge of a desk is straight. Without one, where people end as they were cut out, hands and sleeves make it uneven.
    """
    left = rng.uniform(0.72, 0.99)
    right = left + rng.gauss(0, 0.02)
    texture = None if rng.random() < 0.4 else surface(backgrounds, rng)
    uneven = rng.uniform(0, 0.03) if texture is None and rng.random() < 0.5 else 0.0
    steps = rng.randint(4, 16) if uneven else 1
    along = [step / steps for step in range(steps + 1)]
    edge = [(1.2 * part - 0.1, left + (right - left) * part + rng.gauss(0, uneven)) for part in along]
    return Prop((*edge, (1.1, 1.1), (-0.1, 1.1)), texture)


def superellipse(
    centre: tuple[float, float], across: float, down: float, power: float, turn: float
) -> tuple[tuple[float, float], ...]:
    """An outline with half axes `across` and `down`: an ellipse (power 2) or, with higher powers, a box with round corners."""
    (cx, cy), outline = centre, []
    for step in range(32):
        angle = 2 * math.pi * step / 32
        c, s = math.cos(angle), math.sin(angle)
        x, y = across * math.copysign(abs(c) ** (2 / power), c), down * math.copysign(abs(s) ** (2 / power), s)
        outline.append((cx + x * math.cos(turn) - y * math.sin(turn), cy + x * math.sin(turn) + y * math.cos(turn)))
    return tuple(outline)


def furniture(backgrounds: Sequence[Path], rng: random.Random) -> Prop:
    """A chair's back, a lamp or the like behind people."""
    centre = (min(1.0, max(0.0, rng.gauss(0.5, 0.25))), rng.uniform(0.2, 1.0))
    across, down = rng.uniform(0.04, 0.3), rng.uniform(0.08, 0.45)
    outline = superellipse(centre, across, down, rng.choice((2.0, 3.0, 6.0)), rng.gauss(0, 0.15))
    return Prop(outline, surface(backgrounds, rng))


def thing(backgrounds: Sequence[Path], hand: tuple[float, float], width: float, aspect: float, rng: random.Random) -> Prop:
    """A box, a bag, a book, a phone, a stick, or a load as wide as its bearer, held where `hand` is by someone `width` wide.

    `aspect`: width by height of the frame.
    """
    kind = rng.random()
    if kind < STICKS:
        return _stick(backgrounds, hand, width, aspect, rng)
    if kind < STICKS + LOADS:  # below the face, and not as wide as a desk
        across = min(width * rng.uniform(0.4, 0.8), 0.42)
        down = across * aspect * log_uniform(0.4, 1.2, rng)
        x, y = hand[0] + rng.uniform(-0.2, 0.2) * across, hand[1] + rng.uniform(0.0, 0.9) * down
    else:
        across = width * log_uniform(0.06, 0.45, rng)
        down = across * aspect * log_uniform(0.4, 2.0, rng)
        x, y = hand[0] + rng.uniform(-0.6, 0.6) * across, hand[1] + rng.uniform(-0.6, 0.6) * down
    outline = superellipse((x, y), across, down, rng.choice((2.0, 4.0, 20.0, 20.0)), rng.gauss(0, 0.15))
    return Prop(outline, surface(backgrounds, rng))


def _stick(backgrounds: Sequence[Path], hand: tuple[float, float], width: float, aspect: float, rng: random.Random) -> Prop:
    """A broom, an umbrella, a bat, a racket: long, thin, at any angle, often with a wide end."""
    long, thin = width * rng.uniform(0.3, 1.8), width * log_uniform(0.015, 0.08, rng)
    begin = -long * rng.random()  # the hand is anywhere along it
    neck, end = begin + long * rng.uniform(0.6, 1.0), begin + long
    wide = max(thin, width * rng.uniform(0.05, 0.45)) if rng.random() < 0.6 else thin
    shape = ((begin, thin), (neck, thin), (neck, wide), (end, wide), (end, -wide), (neck, -wide), (neck, -thin), (begin, -thin))
    angle = rng.uniform(0, 2 * math.pi)
    c, s = math.cos(angle), math.sin(angle)
    outline = tuple((hand[0] + a * c - b / 2 * s, hand[1] + (a * s + b / 2 * c) * aspect) for a, b in shape)
    return Prop(outline, surface(backgrounds, rng))


def clothes(head: float, rng: random.Random) -> tuple[tuple[float, float], ...]:
    """The outline of what somebody wears, from its neckline to the feet, in unit coordinates of the box around that person.

    `head`: the height of the head in these. Off the shoulder or up to the chin, straight, round or pointed.
    """
    top, dip, narrow = head * rng.uniform(0.9, 2.2), head * rng.uniform(-0.1, 0.6), rng.uniform(0.05, 0.4)
    tilt, power = rng.gauss(0, 0.1) * head, rng.choice((1.0, 2.0))
    along = [step / 16 for step in range(17)]
    edge = [(x, top + tilt * (x - 0.5) + dip * math.exp(-((abs(x - 0.5) / narrow) ** power))) for x in along]
    return (*edge, (1.1, 1.1), (-0.1, 1.1))


def loose(backgrounds: Sequence[Path], aspect: float, rng: random.Random) -> tuple[Prop, ...]:
    """Things such as people hold, where nobody is: so that a box by itself is not evidence of someone who holds it."""
    return tuple(
        thing(backgrounds, (rng.random(), rng.random()), rng.uniform(0.2, 0.9), aspect, rng) for _ in range(rng.randint(1, 3))
    )


def draw_props(backgrounds: Sequence[Path], share: float, rng: random.Random) -> tuple[tuple[Prop, ...], tuple[Prop, ...]]:
    """Furniture behind people and in front of them, either in that share of frames."""
    behind = tuple(furniture(backgrounds, rng) for _ in range(rng.choice((1, 2, 3)))) if rng.random() < share else ()
    return behind, (desk(backgrounds, rng),) if rng.random() < share else ()


def blend(front: Picture, back: Picture, coverage: Floats) -> Picture:
    """`front` over `back`, uint8 (h, w, 3), by a coverage (h, w) in [0, 1], rounded to a level."""
    return np.asarray(cv2.blendLinear(front, back, coverage, 1 - coverage), np.uint8)


def prop_layer(prop: Prop, behind: Picture, window: Window) -> tuple[Picture, Floats]:
    """A prop in a window of a frame: its colours RGB uint8 (h, w, 3), and its coverage (h, w) in [0, 1].

    `behind`: the same window without people; its colours are also where the prop is not.
    """
    h, w = behind.shape[:2]
    x0, y0, x1, y1 = window
    points = np.array([((x - x0) / (x1 - x0) * w, (y - y0) / (y1 - y0) * h) for x, y in prop.outline])
    shape = np.zeros((h, w), np.uint8)
    fixed = 4  # fractional bits of OpenCV's fixed-point corners
    corners = np.round((points - 0.5) * 2**fixed).astype(np.int32)
    cv2.fillPoly(shape, [corners], 255, cv2.LINE_AA, fixed)
    coverage: Floats = np.multiply(shape, np.float32(1 / 255))
    left, top, wide, high = cv2.boundingRect(shape)
    if not wide or prop.surface is None:
        return behind, coverage
    colours = behind.copy()
    box = (slice(top, top + high), slice(left, left + wide))
    if isinstance(prop.surface, Piece):
        colours[box] = _fitted(prop.surface, points, (left, top), (high, wide))
    else:
        colours[box] = prop.surface
    return colours, coverage


def put(prop: Prop, picture: Picture, behind: Picture, window: Window) -> tuple[Picture, Floats]:
    """A window of a frame, RGB uint8 (h, w, 3), with a prop drawn into it, and the prop's coverage; see `prop_layer`."""
    colours, coverage = prop_layer(prop, behind, window)
    return blend(colours, picture, coverage), coverage


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
