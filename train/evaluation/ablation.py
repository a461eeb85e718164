"""The ablation of the paper: our rows of its Table 2, and its figures 3 and 6."""

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import cv2
import numpy as np
import torch
from rich.console import Console
from torch import Tensor

from engines import Frame, Mask
from engines.backends.torch import released_networks
from engines.errors import DataError
from engines.graphs.glue import foreground_mask, refine, shrink_to, unify
from engines.networks import MPN, MRN, QUN, Networks
from train.data.samples import degrade, turned
from train.evaluation.metrics import unknown
from train.evaluation.pictures import grey, panel, to_8_bit, write_picture
from train.evaluation.scores import Item, Prediction, Score, TestSet, read_item, score_set
from train.evaluation.tables import HEADINGS, print_table, table_of
from train.learning.runs import Sizes, load_frozen, sizes_of

COLUMNS = ("sad", "mse", "gradient", "connectivity")
PAPER = {  # the COLUMNS of its Table 2: means over its own 1,360 test pictures
    "without coarse data": (0.0099, 0.0067, 0.0029, 0.0095),
    "without QUN": (0.0076, 0.0042, 0.0024, 0.0072),
    "all": (0.0058, 0.0026, 0.0016, 0.0054),
}
NOTE = (
    "The paper's figures are of its own test pictures, which are not public, and its text does not say how its gradients are "
    "scaled: compare the order of the rows and the ratios between them, not the figures. Without QUN, MPN's mask goes straight "
    "into MRN, with the same weights."
)
SEED = 3  # of the low-quality masks
BASE_SIZES = Sizes()


class Ablated:
    """Three networks in PyTorch, float32, as a candidate; without `unified`, MPN's mask goes straight into MRN.

    `sizes`: those that the networks were trained at.
    """

    precision = "fp32"

    def __init__(self, name: str, networks: Networks, sizes: Sizes = BASE_SIZES, *, unified: bool = True) -> None:
        self.name, self.sizes = name, sizes
        self._networks = networks
        self._unified = unified

    @torch.inference_mode()
    def __call__(self, frame: Frame, mask: Mask | None = None) -> Prediction:
        """The prediction for a frame; with a mask, float32 (h, w) at low resolution, MPN is skipped."""
        begin = time.perf_counter()
        pixels = torch.from_numpy(frame)
        image, doubled = shrink_to(pixels, turned_as(frame, self.sizes.low))
        mpn = self._networks.mpn
        coarse = foreground_mask(mpn, doubled, self.sizes.seen)[0, 0] if mask is None else torch.from_numpy(mask)
        unified = unify(self._networks.qun, image, coarse) if self._unified else coarse
        alpha, foreground = refine(self._networks.mrn, pixels, doubled, unified)
        milliseconds = 1e3 * (time.perf_counter() - begin)
        return Prediction(_plane(alpha), milliseconds, _plane(coarse), _plane(unified), foreground.contiguous().numpy())

    @torch.inference_mode()
    def unify(self, frame: Frame, mask: Mask) -> Mask:
        """QUN's mask, float32 (h, w), for a mask of a frame."""
        image = shrink_to(torch.from_numpy(frame), turned_as(frame, self.sizes.low)).image
        return _plane(unify(self._networks.qun, image, torch.from_numpy(mask)))


def turned_as(frame: Frame, size: tuple[int, int]) -> tuple[int, int]:
    """One of `Sizes` for this frame: swapped if it is wider than high."""
    return turned(size, frame.shape[1] / frame.shape[0])


def networks_of(run: Path | None) -> tuple[Networks, Sizes]:
    """The networks of a finished run and the sizes of its MRN, or the released ones for None.

    Raises DataError if they cannot be read.
    """
    if run is None:
        return released_networks(), BASE_SIZES
    if not run.is_dir():
        raise DataError(f"{run}: no such folder; give a run of shm-train, with mpn.pt, qun.pt and mrn.pt")
    mrn = run / "mrn.pt"
    return Networks(load_frozen(MPN, run / "mpn.pt"), load_frozen(QUN, run / "qun.pt"), load_frozen(MRN, mrn)), sizes_of(mrn)


def candidates_of(run: Path | None, without_coarse: Path | None) -> dict[str, Ablated]:
    """The candidate of each row; the row without coarse data needs a run trained without it."""
    networks = networks_of(run)
    rows = {"without QUN": Ablated("without QUN", *networks, unified=False), "all": Ablated("all", *networks)}
    if without_coarse is not None:
        rows = {"without coarse data": Ablated("without coarse data", *networks_of(without_coarse)), **rows}
    return rows


def score_table2(test_set: TestSet, candidates: dict[str, Ablated], advance: Callable[[], None]) -> dict[str, Score]:
    """The scores of each row on a set with true alphas. Raises DataError for masks."""
    if test_set.truths != "alphas":
        raise DataError(f"{test_set.name}: has masks; Table 2 needs true alphas")
    return dict(zip(candidates, score_set(test_set, candidates.values(), advance), strict=True))


def unification(test_set: TestSet, ours: Ablated) -> tuple[float, float]:
    """Mean distance |a - b| between a good and a bad mask of each picture, before QUN and after it (figure 3)."""
    before, after = [], []
    for item in test_set.items:
        frame, truth = read_item(item)
        good, bad = mask_pair(frame, truth, ours.sizes)
        before.append(float(np.abs(good - bad).mean()))
        after.append(float(np.abs(ours.unify(frame, good) - ours.unify(frame, bad)).mean()))
    return fmean(before), fmean(after)


def print_table2(test_set: TestSet, scores: dict[str, Score], apart: tuple[float, float]) -> None:
    """Print our rows of the paper's Table 2: measured beside the paper's figures, x1e-3."""
    title = f"{test_set.name}: {len(test_set.items)} pictures, measured | in the paper, errors x1e-3"
    table = table_of(title, "Table 2", [HEADINGS[metric] for metric in COLUMNS])
    for row, paper in PAPER.items():
        measured = [f"{1e3 * scores[row].mean(metric):.2f}" if row in scores else "-" for metric in COLUMNS]
        table.add_row(row, *(f"{ours} | {1e3 * theirs:.1f}" for ours, theirs in zip(measured, paper, strict=True)))
    print_table(table)
    console = Console()
    if "without coarse data" not in scores:
        console.print("-: train a run with --recipe table2-fine, and give it with --without-coarse", style="dim")
    before, after = apart
    console.print(
        f"A good and a bad mask are {1e3 * before:.2f}e-3 apart, and {1e3 * after:.2f}e-3 when QUN has unified them.",
        highlight=False,
    )
    console.print(NOTE, style="dim")


def as_json(test_set: TestSet, scores: dict[str, Score], apart: tuple[float, float]) -> dict[str, Any]:
    """Each row as measured and as in the paper, and the distance of the masks before QUN and after it."""
    rows = {
        row: {
            "measured": scores[row].means() if row in scores else None,
            "paper": dict(zip(COLUMNS, paper, strict=True)),
        }
        for row, paper in PAPER.items()
    }
    masks = dict(zip(("before", "after"), apart, strict=True))
    return {"set": test_set.name, "pictures": len(test_set.items), "table2": rows, "masks apart": masks}


def write_figures(folder: Path, items: Sequence[Item], candidates: dict[str, Ablated]) -> None:
    """Write figures 3 and 6 for each item: FOLDER/figure-3-STEM.jpg, FOLDER/figure-6-STEM.jpg."""
    for item in items:
        frame, truth = read_item(item)
        write_picture(folder / f"figure-3-{item.stem}.jpg", figure3(frame, truth, candidates["all"]))
        write_picture(folder / f"figure-6-{item.stem}.jpg", figure6(frame, truth, candidates))


def hairiest(test_set: TestSet, count: int) -> list[Item]:
    """The pictures with the largest share of fractional alpha, largest first."""
    return sorted(test_set.items, key=lambda item: unknown(read_item(item)[1]).mean(), reverse=True)[:count]


def figure3(frame: Frame, truth: Mask, ours: Ablated) -> Frame:
    """Figure 3, (a) to (i): a good and a bad mask, both as unified by QUN, and their differences."""
    good, bad = mask_pair(frame, truth, ours.sizes)
    unified_good, unified_bad = (ours.unify(frame, mask) for mask in (good, bad))
    panels = [
        ("(a) high quality", good),
        ("(b) low quality", bad),
        ("(c) a - b", difference(good, bad)),
        ("(d) a unified", unified_good),
        ("(e) b unified", unified_bad),
        ("(f) d - e", difference(unified_good, unified_bad)),
        ("(g) d - a", difference(unified_good, good)),
        ("(h) e - b", difference(unified_bad, bad)),
    ]
    shown = [panel(caption, grey(picture), frame.shape[:2]) for caption, picture in panels] + [panel("(i) input", frame)]
    return np.vstack([np.hstack(shown[row : row + 3]) for row in (0, 3, 6)])


def figure6(frame: Frame, truth: Mask, candidates: dict[str, Ablated]) -> Frame:
    """Figure 6: the alpha without and with QUN, from a good mask, a bad one and MPN's."""
    rows = []
    both = [candidates[row] for row in ("without QUN", "all")]
    masks = zip(*((*mask_pair(frame, truth, each.sizes), None) for each in both), strict=True)  # theirs may have two sizes
    for caption, pair in zip(("high quality", "low quality", "MPN's"), masks, strict=True):
        without, whole = (each(frame, mask) for each, mask in zip(both, pair, strict=True))
        assert whole.coarse is not None
        alphas = {"without QUN": without.alpha, "with QUN": whole.alpha, "true alpha": truth}
        pictures = {f"mask, {caption}": whole.coarse, **alphas}
        shown = [panel(name, grey(picture), frame.shape[:2]) for name, picture in pictures.items()]
        rows.append(np.hstack([panel("input", frame), *shown]))
    return np.vstack(rows)


def mask_pair(frame: Frame, truth: Mask, sizes: Sizes = BASE_SIZES) -> tuple[Mask, Mask]:
    """The true alpha at the networks' low resolution, and the same degraded as in QUN's training (section 3.4)."""
    height, width = turned_as(frame, sizes.low)
    small = cv2.resize(truth, (width, height), interpolation=cv2.INTER_AREA)
    levels = to_8_bit(np.asarray(small, np.float32))
    hard = np.asarray((cv2.erode(levels, np.ones((3, 3), np.uint8)) > 127) * 255, np.uint8)
    bad = degrade(hard, random.Random(SEED))
    return np.asarray(levels / 255, np.float32), np.asarray(bad / 255, np.float32)


def difference(one: Mask, other: Mask) -> Mask:
    """A difference map: white where two masks agree, black where they are opposite."""
    return np.asarray(1 - np.abs(one - other), np.float32)


def _plane(values: Tensor) -> Mask:
    return np.asarray(values.float().numpy(), np.float32).clip(0, 1)
