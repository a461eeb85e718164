"""Test sets, candidates to evaluate on them, and their scores."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, median
from typing import Any, Literal, Protocol

import cv2
import numpy as np

from engines import Engine, Frame, Mask
from engines.atomic import filling
from engines.engine import fit_mask
from engines.errors import DataError
from engines.geometry import BASE, SMALLEST
from engines.photos import finest_matte
from train.data.library import pictures
from train.data.truths import AS_STORED, grey_truth
from train.evaluation.metrics import MASK_METRICS, MATTE_METRICS, Metric
from train.evaluation.peers import Peer

SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class Item:
    """A picture of a test set and its truth."""

    stem: str
    image: Path
    truth: Path


@dataclass(frozen=True)
class TestSet:
    """Pictures with their true alphas (all metrics) or true masks (IoU, MSE, SAD)."""

    __test__ = False  # for pytest, which collects classes of this name

    name: str
    truths: str  # "alphas" or "masks"
    items: tuple[Item, ...]

    @property
    def metrics(self) -> dict[str, Metric]:
        """The metrics that its truths allow, by name."""
        return MATTE_METRICS if self.truths == "alphas" else MASK_METRICS

    def errors(self, alpha: Mask, truth: Mask) -> dict[str, float]:
        """Each of these metrics of one alpha."""
        return {name: metric(alpha, truth) for name, metric in self.metrics.items()}


def open_set(folder: Path) -> TestSet:
    """List the pictures of a set: FOLDER/images/STEM.* with FOLDER/alphas/STEM.* or FOLDER/masks/STEM.*.

    Raises DataError for another layout and for a picture without a truth of its own.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; a set is a folder with images/ and alphas/ or masks/")
    truths = next((kind for kind in ("alphas", "masks") if (folder / kind).is_dir()), None)
    if truths is None or not (folder / "images").is_dir():
        raise DataError(f"{folder}: a set is a folder with images/ and alphas/ or masks/")
    by_stem = {path.stem: path for path in pictures(folder / truths, SUFFIXES)}
    items: dict[str, Item] = {}
    for image in pictures(folder / "images", SUFFIXES):
        if image.stem in items:
            raise DataError(f"{image}: has the stem of {items[image.stem].image.name}, and so its truth; take one of them out")
        if image.stem not in by_stem:
            raise DataError(f"{image}: has no truth {image.stem}.* in {folder / truths}; add it, or take the picture out")
        items[image.stem] = Item(image.stem, image, by_stem[image.stem])
    if not items:
        raise DataError(f"{folder / 'images'}: holds no pictures; put those of the set there")
    return TestSet(folder.resolve().name, truths, tuple(items.values()))


@contextmanager
def new_set(folder: Path, truths: str = "alphas") -> Iterator[Path]:
    """A folder with images/, and alphas/ or masks/, to fill, which becomes the set `folder` at the end of the block.

    Raises DataError if it exists or cannot be written.
    """
    if folder.exists():
        raise DataError(f"{folder}: exists; name another folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with filling(folder / "images") as part:
            for name in ("images", truths):
                (part / name).mkdir()
            yield part
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror}") from error


def read_item(item: Item) -> tuple[Frame, Mask]:
    """Read a frame and its truth, float32 (H, W) in [0, 1] from 8 or 16 bits.

    Raises DataError if they cannot be read or differ in size, the frame is too small, or the truth is no grey picture.
    """
    frame = read_frame(item.image)
    if min(frame.shape[:2]) < SMALLEST:
        size = f"{frame.shape[1]}x{frame.shape[0]}"
        raise DataError(f"{item.image}: {size} is too small; each side needs at least {SMALLEST} pixels")
    truth = grey_truth(item.truth, _read(item.truth, AS_STORED))
    if frame.shape[:2] != truth.shape:
        sizes = [f"{shape[1]}x{shape[0]}" for shape in (truth.shape, frame.shape)]
        raise DataError(f"{item.truth}: is {sizes[0]}, its picture {sizes[1]}; they must be of one size")
    return frame, np.divide(truth, np.iinfo(truth.dtype).max, dtype=np.float32)


def read_frame(path: Path) -> Frame:
    """Read a picture as a frame. Raises DataError if it cannot be read."""
    return _read(path, cv2.IMREAD_COLOR_RGB)


@dataclass(frozen=True)
class Prediction:
    """A model's output for one frame; a peer has only an alpha."""

    alpha: Mask
    milliseconds: float  # from the uint8 frame to all outputs
    coarse: Mask | None = None
    unified: Mask | None = None
    foreground: Frame | None = None


class Candidate(Protocol):
    """A model to evaluate: frame in, prediction out."""

    name: str
    precision: str

    def __call__(self, frame: Frame) -> Prediction:
        """The prediction for a frame, uint8 RGB (H, W, 3)."""


def own_name(backend: str | None, model: str) -> str:
    """The name of one of our engines in a table. The base model is not named, nor a `backend` of None."""
    return ", ".join(["ours", *([backend] if backend else []), *([model] if model != BASE else [])])


class OwnCandidate:
    """One of our engines; `photo`: as shm-image uses it, not as one frame of a video."""

    def __init__(self, engine: Engine, *, photo: bool = False) -> None:
        self.name = own_name(engine.name, engine.model) + (", photo" if photo else "")
        self._photo = photo
        self.precision = engine.precision
        self._engine = engine

    def __call__(self, frame: Frame) -> Prediction:
        begin = time.perf_counter()
        matte = finest_matte(frame, self._engine) if self._photo else self._engine(frame)
        milliseconds = 1e3 * (time.perf_counter() - begin)
        return Prediction(matte.alpha, milliseconds, matte.coarse, matte.unified, matte.foreground)


class MaskCandidate:
    """The mask of MPN ("coarse") or QUN ("unified") alone, enlarged bilinearly."""

    def __init__(self, engine: Engine, mask: Literal["coarse", "unified"]) -> None:
        self.name = f"ours, {'MPN' if mask == 'coarse' else 'QUN'} alone"
        self.precision = engine.precision
        self._whole = OwnCandidate(engine)
        self._mask = mask

    def __call__(self, frame: Frame) -> Prediction:
        """The prediction for a frame; its time is that of the whole engine."""
        whole = self._whole(frame)
        mask = whole.coarse if self._mask == "coarse" else whole.unified
        assert mask is not None
        return replace(whole, alpha=fit_mask(mask, whole.alpha.shape))


class PeerCandidate:
    """A peer, timed in its own process, without the transfer of the frame."""

    def __init__(self, peer: Peer) -> None:
        self.name = peer.name
        self.precision = peer.precision
        self._peer = peer

    def __call__(self, frame: Frame) -> Prediction:
        return Prediction(self._peer(frame), self._peer.last_ms)


@dataclass
class Score:
    """The metrics of a model on each picture of a set, and its times."""

    model: str = ""
    precision: str = ""
    pictures: dict[str, dict[str, float]] = field(default_factory=dict)
    milliseconds: list[float] = field(default_factory=list)
    first_milliseconds: list[float] = field(default_factory=list)  # of the first frame of each size, with set-up

    def mean(self, metric: str) -> float:
        """Mean of a metric over the pictures for which it is defined; NaN if there are none."""
        values = [figures[metric] for figures in self.pictures.values() if not math.isnan(figures[metric])]
        return fmean(values) if values else math.nan

    def means(self) -> dict[str, float | None]:
        """The mean of each metric; None if it is defined for no picture, as JSON has no NaN."""
        return {metric: no_nan(self.mean(metric)) for metric in next(iter(self.pictures.values()), {})}

    def median_milliseconds(self) -> float:
        """Median time of a frame, without the first frame of each size if there are others."""
        return median(self.milliseconds or self.first_milliseconds)

    def report(self) -> dict[str, Any]:
        """All of it for JSON: means, and each picture's."""
        return {
            "model": self.model,
            "precision": self.precision,
            "mean": self.means(),
            "median_ms": self.median_milliseconds(),
            "pictures": {
                stem: {metric: no_nan(figure) for metric, figure in each.items()} for stem, each in self.pictures.items()
            },
        }

    def worst(self, count: int) -> list[str]:
        """The stems of the pictures with the highest MSE, worst first."""
        return sorted(self.pictures, key=lambda stem: -self.pictures[stem]["mse"])[:count]


def set_report(test_set: TestSet, scores: Iterable[Score]) -> dict[str, Any]:
    """The scores of a set for JSON."""
    return {"set": test_set.name, "truths": test_set.truths, "models": [score.report() for score in scores]}


def no_nan(figure: float) -> float | None:
    """None in place of NaN, which JSON does not have."""
    return None if math.isnan(figure) else figure


def score_set(test_set: TestSet, candidates: Iterable[Candidate], advance: Callable[[], None] = lambda: None) -> list[Score]:
    """Evaluate every candidate on every picture of a set; `advance` is called after each frame of each candidate.

    The candidates alternate on each picture, so that a busy machine slows all of them alike.
    """
    runs = [(candidate, Score(candidate.name, candidate.precision)) for candidate in candidates]
    sizes: set[tuple[int, ...]] = set()
    for item in test_set.items:
        frame, truth = read_item(item)
        for candidate, score in runs:
            prediction = candidate(frame)
            times = score.milliseconds if frame.shape in sizes else score.first_milliseconds
            times.append(prediction.milliseconds)
            score.pictures[item.stem] = test_set.errors(prediction.alpha, truth)
            advance()
        sizes.add(frame.shape)
    return [score for _, score in runs]


def _read(path: Path, flags: int) -> Frame:
    # Not cv2.imread: on Windows it opens no path that is not ASCII.
    data = np.fromfile(path, np.uint8)
    picture = cv2.imdecode(data, flags) if data.size else None
    if picture is None or picture.dtype not in (np.uint8, np.uint16):
        raise DataError(f"{path}: not a readable picture; replace it, or take it out")
    return picture  # type: ignore[return-value]
