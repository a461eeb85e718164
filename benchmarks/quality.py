"""How good the mattes are: ours and its variants, closed-form matting from a trimap of the truth, and the paper's Table 2."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.paper import METRICS, TABLE_2
from engines import Frame, Mask
from train.evaluation.ablation import PAPER, Ablated, candidates_of
from train.evaluation.metrics import edge_band
from train.evaluation.scores import Score, TestSet, no_nan, read_item

PaperRow = tuple[str, tuple[float, ...], tuple[float, ...] | None]  # name, printed there, measured here
CLOSED_FORM = "closed form, trimap of the truth"
WITHOUT_QUN = "ours, without QUN"
WITHOUT_COARSE = "ours, without coarse data"
MEASURED = {"Trimap + closed form": CLOSED_FORM}  # the rows that can be measured here, under which name
OWN_ROWS = {"without coarse data": WITHOUT_COARSE, "without QUN": WITHOUT_QUN, "all": "ours"}
ABLATION = "ablation, "  # before the name of a row: of the runs of equal length


@dataclass(frozen=True)
class Judged:
    """A model's scores on one set."""

    model: str
    precision: str
    score: Score
    whole: bool = False  # the whole of ours, as it ships: the base model

    def as_json(self) -> dict[str, Any]:
        """As the report has it, every picture with it."""
        pictures = {stem: {m: no_nan(x) for m, x in figures.items()} for stem, figures in self.score.pictures.items()}
        means = {"mean": self.score.means(), "median_ms": self.score.median_milliseconds()}
        return {"model": self.model, "precision": self.precision, **means, "pictures": pictures}


def ablated(run: Path | None, without_coarse: Path | None) -> list[Ablated]:
    """Ours without QUN, and, from a run of shm-train that saw no coarse data, without that; in PyTorch. Raises UsageError.

    `run`: one as long as that, which saw all; it and its own without QUN then stand beside that, under the ablation's names.
    """
    rows = candidates_of(None, None if run else without_coarse)
    for row, candidate in rows.items():
        candidate.name = OWN_ROWS[row]
    others = [candidate for row, candidate in rows.items() if row != "all"]
    if run is not None:
        equals = candidates_of(run, without_coarse)
        for row, candidate in equals.items():
            candidate.name = ABLATION + row
        others += equals.values()
    return others


def trimap(truth: Mask) -> NDArray[np.float64]:
    """0, 0.5 (not known) or 1 for each pixel, from a true alpha: not known is the band round its edge, as errors have it."""
    return np.where(edge_band(truth), 0.5, (truth > 0.5).astype(np.float64))


def closed_form(frame: Frame, truth: Mask) -> Mask:
    """Closed-form matting (Levin et al. 2008) by PyMatting from a trimap of the truth: float32 (H, W) in [0, 1]."""
    from pymatting import estimate_alpha_cf

    known = trimap(truth)
    if not ((known == 0).any() and (known == 1).any()):  # nobody, or nothing else: there is nothing to solve
        return np.asarray(truth > 0.5, np.float32)
    return np.asarray(np.clip(estimate_alpha_cf(frame / 255.0, known), 0, 1), np.float32)


def judge_closed_form(test_set: TestSet, advance: Callable[[], None] = lambda: None) -> Judged:
    """Closed-form matting on a set with true alphas; `advance` is called after each picture."""
    score = Score()
    for item in test_set.items:
        frame, truth = read_item(item)
        begin = time.perf_counter()
        alpha = closed_form(frame, truth)
        score.milliseconds.append(1e3 * (time.perf_counter() - begin))
        score.pictures[item.stem] = {name: metric(alpha, truth) for name, metric in test_set.metrics.items()}
        advance()
    return Judged(CLOSED_FORM, "fp64", score)


def beside_the_paper(judged: Iterable[Judged]) -> list[PaperRow]:
    """Each row of Table 2: its name, the paper's four errors, and the same measured here where that was done.

    Ours are those of the ablation where it was scored, else the ones that ship.
    """
    by_name = {"ours" if each.model.startswith("ours, ") and each.whole else each.model: each.score for each in judged}
    printed: dict[str, tuple[tuple[float, ...], str | None]] = {
        name: (errors, MEASURED.get(name)) for name, errors in TABLE_2.items()
    }
    for row, name in OWN_ROWS.items():
        equal = ABLATION + row
        printed[name] = (tuple(PAPER[row][metric] for metric in METRICS), equal if equal in by_name else name)
    return [
        (name, errors, None if here not in by_name else tuple(by_name[here].mean(metric) for metric in METRICS))
        for name, (errors, here) in printed.items()
    ]
