"""The training data on disk.

    DATA/fine/SET/*.webp|png                 cut-outs: RGBA, straight colours
    DATA/fine/SET/{images,alphas}/STEM.*     photos with an 8-bit alpha matte; clean colours may be in foregrounds/
    DATA/coarse/SET/{images,masks}/STEM.*    photos with a mask: 255 = person; where unknown/STEM.* is 255, MPN learns nothing
    DATA/backgrounds/SET/*                   pictures with nobody in them
    DATA/unlabelled/SET/*                    photos for which `train.data.relabel` draws masks; of no use before

DATA may also be the folder above, if that has the three in `train/`, or a folder of parts 1, 2, ... each of this layout (see
`train.data.pack`). A set is a folder; any number of each kind will do.
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.errors import DataError
from train.data.truths import AS_STORED, grey_truth
from train.recipe import Recipe, is_builtin

LONG_SIDES = (192, 384, 768, 1600)  # pictures are read at the smallest of these that is fine enough
SUFFIXES = {".webp", ".png", ".jpg", ".jpeg"}
FAINTEST = 32  # a mask that is darker everywhere has numbers of labels, such as 1, in place of brightness
SHAPE = 0.03  # by how much the sides' ratio of a mask may differ from its picture's
Picture = NDArray[np.uint8]
Pixels = TypeVar("Pixels", Picture, NDArray[np.float32])


@dataclass(frozen=True)
class Subject:
    """One annotated picture of people. `alpha` is None for a cut-out, which carries its own."""

    image: Path
    alpha: Path | None
    set: str
    fine: bool
    foreground: Path | None = None
    unknown: Path | None = None

    @property
    def cutout(self) -> bool:
        """Whether it has no background of its own."""
        return self.alpha is None


@dataclass(frozen=True)
class Library:
    """The pictures to train on, and those held out for validation, of which a small library may have none."""

    subjects: tuple[Subject, ...]
    validation: tuple[Subject, ...]
    backgrounds: tuple[Path, ...]
    validation_backgrounds: tuple[Path, ...] = ()

    def held_out(self) -> "Library":
        """The pictures for validation, as a library of their own."""
        return Library(self.validation, (), self.validation_backgrounds or self.backgrounds)

    def names(self) -> list[str]:
        """Names of all its pictures, the same on every machine that has the same data."""
        subjects = [f"{s.set}/{s.image.name}" for s in self.subjects + self.validation]
        return subjects + [f"{path.parent.name}/{path.name}" for path in self.backgrounds + self.validation_backgrounds]


def pictures(folder: Path, suffixes: Collection[str] = SUFFIXES) -> list[Path]:
    """The pictures of a folder, in the order of their names, without hidden ones; none if there is no such folder."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(p for p in found if p.suffix.lower() in suffixes and not p.name.startswith(".") and p.is_file())


def _set_subjects(folder: Path, fine: bool) -> list[Subject]:
    truths = folder / ("alphas" if fine else "masks")
    if truths.is_dir():
        by_stem = {p.stem: p for p in pictures(truths)}
        if not (folder / "images").is_dir():
            raise DataError(f"{folder}: has {truths.name}/ but no images/ for them; add the photos")
        pairs = [(p, by_stem.get(p.stem)) for p in pictures(folder / "images")]
        clean = {p.stem: p for p in pictures(folder / "foregrounds")}
        unknown = {p.stem: p for p in pictures(folder / "unknown")}
        return [
            Subject(image, truth, folder.name, fine, clean.get(image.stem), unknown.get(image.stem))
            for image, truth in pairs
            if truth is not None
        ]
    return [Subject(p, None, folder.name, fine) for p in pictures(folder)] if fine else []


def _held_out(set_name: str, stem: str, share: float) -> bool:
    return random.Random(f"1:{set_name}:{stem}").random() < share


def root_of(data: Path) -> Path:
    """The folder that has fine/, coarse/ and backgrounds/, or parts of them: `data`, or `train/` in it."""
    return data / "train" if (data / "train").is_dir() else data


def parts_of(data: Path) -> list[Path]:
    """The folders that have fine/, coarse/ and backgrounds/: the parts 1, 2, ... of a data folder, or else all of it."""
    root = root_of(data)
    return sorted((p for p in root.iterdir() if p.is_dir() and p.name.isdecimal()), key=lambda p: int(p.name)) or [root]


def unlabelled(data: Path) -> list[Path]:
    """The photos in unlabelled/ of a data folder and of its parts, each in the folder of its set."""
    places = dict.fromkeys([root_of(data), *parts_of(data)])
    return [p for place in places for folder in sorted(place.glob("unlabelled/*/")) for p in pictures(folder)]


def open_library(data: Path, validation: float = 0.0, validation_backgrounds: float = 0.0) -> Library:
    """List the pictures of a data folder. The share `validation` of each set of people is held out, and that of backgrounds.

    It is the same pictures in every recipe, as a run may start from the weights of another. Raises DataError if there are no
    subjects or no backgrounds.
    """
    parts = parts_of(data)
    subjects: list[Subject] = []
    for kind in ("fine", "coarse"):
        for folder in sorted(folder for part in parts for folder in part.glob(f"{kind}/*/")):
            subjects += _set_subjects(folder, fine=kind == "fine")
    backgrounds = [p for part in parts for folder in sorted(part.glob("backgrounds/*/")) for p in pictures(folder)]
    if not subjects or not backgrounds:
        missing = "people in fine/ or coarse/" if not subjects else "pictures in backgrounds/"
        raise DataError(f"{data}: found no {missing}; docs/training.md describes the layout")
    held_out = {s for s in subjects if _held_out(s.set, s.image.stem, validation)}
    empty = {p for p in backgrounds if _held_out(p.parent.name, p.stem, validation_backgrounds)}
    return Library(
        tuple(s for s in subjects if s not in held_out),
        tuple(s for s in subjects if s in held_out),
        tuple(p for p in backgrounds if p not in empty) or tuple(backgrounds),
        tuple(p for p in backgrounds if p in empty),
    )


def check_sets(recipe: Recipe, name: str, library: Library, to_come: Collection[str] = ()) -> list[str]:
    """The sets that a recipe names and the data lacks. Raises DataError for any, unless the recipe is built in.

    A misspelt name would otherwise pass, and its set would have the default weight. Built-in recipes may be used on any data.
    `to_come`: sets whose masks have still to be drawn.
    """
    subjects = library.subjects + library.validation
    every, fine = {s.set for s in subjects} | {*to_come}, {s.set for s in subjects if s.fine}
    lacking: dict[str, None] = {}
    for table, known in (("sets", every), ("composed", every), ("fine_sets", fine)):
        for given in getattr(recipe, table).keys() - known:
            where = f"{name}, [{table}]"
            if given in every:
                raise DataError(f"{where}: '{given}' has masks only; sets of fine/ are {', '.join(sorted(fine))}")
            if not is_builtin(name):
                raise DataError(f"{where}: the data has no set '{given}'; it has {', '.join(sorted(known))}")
            lacking[given] = None
    return sorted(lacking)


def by_set(subjects: Sequence[Subject]) -> dict[str, list[Subject]]:
    """The subjects of each set."""
    groups: dict[str, list[Subject]] = {}
    for subject in subjects:
        groups.setdefault(subject.set, []).append(subject)
    return groups


def choose(groups: dict[str, list[Subject]], weights: dict[str, float], rng: random.Random) -> Subject:
    """Draw a set by its weight (1 by default), then a subject of it."""
    names = list(groups)
    name = rng.choices(names, [weights.get(n, 1.0) for n in names])[0]
    return rng.choice(groups[name])


def reduced_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Width and height of a picture reduced to that long side; a smaller one keeps its size."""
    scale = min(1.0, long_side / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def shrink(picture: Pixels, long_side: int) -> Pixels:
    """A picture (H, W) or (H, W, c) reduced to that long side by area averaging; a smaller one is returned as it is."""
    if long_side >= max(picture.shape[:2]):
        return picture
    size = reduced_size(picture.shape[0], picture.shape[1], long_side)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), picture.dtype)


@lru_cache(maxsize=160)  # a picture's size is needed some samples before its pixels
def _read(path: Path, flags: int) -> Picture:
    picture = cv2.imread(str(path), flags)
    if picture is None:
        raise DataError(f"{path}: cannot be read as a picture; remove it or replace it")
    if picture.dtype == np.uint16:
        picture = cv2.convertScaleAbs(picture, alpha=1 / 257)
    return np.asarray(picture, np.uint8)


def _shrink_cutout(rgba: Picture, long_side: int) -> Picture:
    """A reduced cut-out whose colours extend to where alpha is near 0, so that resampling its edges mixes in no black."""
    alpha = cv2.extractChannel(rgba, 3)
    weights = cv2.merge([alpha, alpha, alpha, np.full_like(alpha, 255)])
    premultiplied = cv2.multiply(rgba, weights, dtype=cv2.CV_16U)  # 16 bits hold the products exactly
    size = reduced_size(alpha.shape[0], alpha.shape[1], long_side)
    small = cv2.resize(premultiplied, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    w, h = size
    colours = np.zeros((h, w, 3), np.uint8)
    empty = np.full((h, w), 255, np.uint8)
    for block in (1, 8, 32):
        blocks = (max(1, w // block), max(1, h // block))
        spread = small if block == 1 else cv2.resize(cv2.resize(small, blocks, interpolation=cv2.INTER_AREA), size)
        *planes, weight = cv2.split(spread)
        near = np.where(weight > 0.01 * 255**2, empty, np.uint8(0))
        scale = 255 / np.maximum(weight, 1)
        straight = cv2.convertScaleAbs(cv2.merge([plane * scale for plane in planes]))
        cv2.copyTo(straight, near, colours)
        empty &= ~near
        if not empty.any():
            break
    reduced = cv2.convertScaleAbs(cv2.extractChannel(small, 3), alpha=1 / 255)
    return np.asarray(cv2.merge([*cv2.split(colours), reduced]), np.uint8)


def _truth(subject: Subject) -> Picture:
    """The alpha or mask of a subject, of its picture's size."""
    if subject.alpha is None:
        bgra = _read(subject.image, cv2.IMREAD_UNCHANGED)
        if bgra.ndim != 3 or bgra.shape[2] != 4:
            raise DataError(
                f"{subject.image}: a cut-out needs an alpha channel; a photo and its matte go into images/ and alphas/"
            )
        return np.asarray(cv2.extractChannel(bgra, 3), np.uint8)
    height, width = read_rgb(subject.image).shape[:2]
    truth = np.asarray(grey_truth(subject.alpha, _read(subject.alpha, AS_STORED)), np.uint8)
    if 0 < (brightest := truth.max()) < FAINTEST:
        raise DataError(f"{subject.alpha}: its brightest pixel is {brightest}, and a person's is 255; scale it, or take it out")
    own_height, own_width = truth.shape
    if abs(own_height * width - height * own_width) > SHAPE * own_height * width:
        sizes = f"{own_width}x{own_height}, its picture {width}x{height}"
        raise DataError(f"{subject.alpha}: is {sizes}: of another shape; turn or crop it alike, or take both out")
    if truth.shape != (height, width):
        truth = np.asarray(cv2.resize(truth, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    return truth


def read_truth(subject: Subject, long_side: int) -> Picture:
    """Only the alpha or mask of a subject, uint8 (h, w), no longer than `long_side`."""
    return shrink(_truth(subject), long_side)


@lru_cache(maxsize=4096)
def read_unknown(path: Path, long_side: int) -> Picture:
    """Where a photo's mask says nothing, 255, uint8 (h, w), no longer than `long_side`."""
    return shrink(_read(path, cv2.IMREAD_GRAYSCALE), long_side)


@lru_cache(maxsize=12000)  # a few GB at the long sides used; decoding anew would cost more than the training
def read_subject(subject: Subject, long_side: int) -> Picture:
    """RGB and alpha, straight, uint8 (h, w, 4), no longer than `long_side`."""
    truth = _truth(subject)
    if subject.alpha is None:
        bgra = _read(subject.image, cv2.IMREAD_UNCHANGED)
        return _shrink_cutout(np.asarray(cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGBA), np.uint8), long_side)
    rgba = cv2.cvtColor(shrink(read_rgb(subject.image), long_side), cv2.COLOR_RGB2RGBA)
    return np.asarray(cv2.insertChannel(shrink(truth, long_side), rgba, 3), np.uint8)


def read_rgb(path: Path) -> Picture:
    """RGB (h, w, 3) uint8 of a picture in full size."""
    return _read(path, cv2.IMREAD_COLOR_RGB)


@lru_cache(maxsize=2048)
def read_background(path: Path, long_side: int) -> Picture:
    """RGB (h, w, 3) uint8, no longer than `long_side`."""
    return shrink(read_rgb(path), long_side)


@cache
def aspect_ratio(source: Subject | Path, long_side: int) -> float:
    """Width by height of a subject's picture or a background, as it is when reduced to that long side."""
    if isinstance(source, Subject):
        height, width = _truth(source).shape
    else:
        height, width = read_rgb(source).shape[:2]
    width, height = reduced_size(height, width, long_side)
    return width / height
