"""How good the mattes are: ours and its variants, closed-form matting from a trimap of the truth, and the paper's Table 2."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines import Frame, InputError, Mask
from engines.openvino_engine import OpenVINOEngine
from train.metrics import edge_band
from train.scores import OwnCandidate, Prediction, Score, TestSet, no_nan, read_item

PAPER_METRICS = ("sad", "mse", "gradient", "connectivity")
# Table 2, means over its 1360 test pictures as printed; and the name under which the same is measured here, where it is.
PaperRow = tuple[str, tuple[float, ...], tuple[float, ...] | None]  # name, printed there, measured here
CLOSED_FORM = "closed form, trimap of the truth"
WITHOUT_QUN = "ours, without QUN"
WITHOUT_COARSE = "ours, without coarse data"
TABLE_2: tuple[tuple[str, tuple[float, float, float, float], str | None], ...] = (
    ("DeepLab", (0.028, 0.023, 0.012, 0.028), None),
    ("Trimap + closed form", (0.0083, 0.0049, 0.0035, 0.080), CLOSED_FORM),
    ("Trimap + DIM", (0.0045, 0.0017, 0.0013, 0.0043), None),
    ("SHM", (0.011, 0.0078, 0.0032, 0.011), None),
    ("ours, without coarse data", (0.0099, 0.0067, 0.0029, 0.0095), WITHOUT_COARSE),
    ("ours, without QUN", (0.0076, 0.0042, 0.0024, 0.0072), WITHOUT_QUN),
    ("ours", (0.0058, 0.0026, 0.0016, 0.0054), "ours"),
)
DIFFERENT_DATA = (
    "The data differ: the paper's figures are means over its own 1360 test pictures, which are not public, and ours over the "
    "sets named here. Compare the order of the rows, not the numbers. How the paper scales its gradient error is not told. Its "
    "figures are as printed; 0.080 for the connectivity of closed form may be a slip. Without QUN means here that the same "
    "weights run with MPN's mask in place of QUN's."
)


@dataclass(frozen=True)
class Judged:
    """A model's scores on one set."""

    model: str
    precision: str
    score: Score

    def as_json(self) -> dict[str, Any]:
        """As the report has it, every picture with it."""
        pictures = {stem: {m: no_nan(x) for m, x in figures.items()} for stem, figures in self.score.pictures.items()}
        means = {"mean": self.score.means(), "median_ms": self.score.median_milliseconds()}
        return {"model": self.model, "precision": self.precision, **means, "pictures": pictures}


class WithoutQUN:
    """Ours with MPN's mask given straight to MRN, in PyTorch and fp32: the paper's self-comparison."""

    name = WITHOUT_QUN
    precision = "fp32"

    def __init__(self) -> None:
        from engines.torch_engine import released_networks

        self._networks = released_networks()

    def __call__(self, frame: Frame) -> Prediction:
        """The prediction for a frame, uint8 RGB (H, W, 3)."""
        import torch

        from engines.glue import predict, refine, shrink

        begin = time.perf_counter()
        with torch.inference_mode():
            pixels = torch.from_numpy(frame)
            coarse = predict(self._networks.mpn, shrink(pixels))
            alpha, _ = refine(self._networks.mrn, pixels, coarse)
        return Prediction(alpha.numpy().clip(0, 1), 1e3 * (time.perf_counter() - begin))


def variant(text: str, threads: int | None) -> OwnCandidate:
    """Ours with other weights, from NAME=FOLDER; the folder has the form of engines/released. Raises InputError."""
    name, equals, folder = text.partition("=")
    if not (name and equals and folder):
        raise InputError(f"--variant {text}: give NAME=FOLDER, such as 'without coarse data=runs/fine-only/released'")
    candidate = OwnCandidate(OpenVINOEngine(threads=threads, precision="fp32", folder=Path(folder)))
    candidate.name = f"ours, {name}"
    return candidate


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
    """Each row of Table 2: its name, the paper's four errors, and the same measured here where that was done."""
    by_name = {"ours" if each.model in {"ours, openvino", "ours, torch"} else each.model: each.score for each in judged}
    rows: list[PaperRow] = []
    for name, printed, here in TABLE_2:
        score = by_name.get(here or "")
        rows.append((name, printed, None if score is None else tuple(score.mean(metric) for metric in PAPER_METRICS)))
    return rows
