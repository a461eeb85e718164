"""The measures of pictures that placing them in a frame takes: where people are in them, and where a picture cuts them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from train.data.library import LONG_SIDES, Subject, aspect_ratio, read_truth
from train.data.props import Window

BANDS = 8
HEAD = 0.4  # height of a head by the width of what is seen of its person: shoulders are two and a half heads wide


@dataclass(frozen=True)
class Measure:
    """What placing a picture takes: its aspect ratio and, of people, the bounding box and which edges cut them."""

    aspect: float  # width by height
    box: Window = (0.0, 0.0, 1.0, 1.0)  # in unit coordinates
    cut_below: bool = False
    cut_aside: bool = False
    sides: tuple[tuple[float, float], ...] = ((0.0, 1.0),)  # left and right end of BANDS equal parts of the box, from its top


_measures: dict[Subject | Path, Measure] = {}


def measure(source: Subject | Path) -> Measure:
    """The measure of a picture, which is read once, or not at all if it is known."""
    if source not in _measures:
        aspect = aspect_ratio(source, LONG_SIDES[0])
        _measures[source] = _measure_subject(source, aspect) if isinstance(source, Subject) else Measure(aspect)
    return _measures[source]


def know_measures(known: Mapping[Subject | Path, Measure]) -> None:
    """Take measures that another process has made: a worker then reads no picture to place it."""
    _measures.update(known)


def _measure_subject(subject: Subject, aspect: float) -> Measure:
    alpha = read_truth(subject, LONG_SIDES[0]) > 24
    h, w = alpha.shape
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if not len(rows):
        return Measure(aspect)
    # A cut-out's picture ends where its person does, so shoes and elbows touch the edge: only a long line there is a cut.
    below = alpha[-2:].any(axis=0).sum() > (0.45 if subject.cutout else 0.1) * len(columns)
    aside = max(alpha[:, :2].any(axis=1).sum(), alpha[:, -2:].any(axis=1).sum()) > (0.3 if subject.cutout else 0.05) * len(rows)
    box = (float(columns[0] / w), float(rows[0] / h), float((columns[-1] + 1) / w), float((rows[-1] + 1) / h))
    bands = np.array_split(alpha[rows[0] : rows[-1] + 1], BANDS)
    ends = [np.flatnonzero(band.any(axis=0)) for band in bands]
    sides = tuple((float(each[0] / w), float((each[-1] + 1) / w)) if len(each) else (box[0], box[2]) for each in ends)
    return Measure(aspect, box, bool(below), bool(aside), sides)


def head_height(width: float, height: float) -> float:
    """About how high the head of somebody is of whom so much is seen, in the same unit."""
    return min(HEAD * width, height / 1.2)
