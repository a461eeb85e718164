"""The paper's Table 2, whole: a row for each method, scored from the runs that are there."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from engines import Frame, Mask
from engines.engine import fit_mask
from engines.errors import DataError
from engines.graphs.glue import planes, shrink_to
from engines.networks import MPN, MRN, QUN, Networks
from train.baselines.deeplab import DeepLab
from train.baselines.dim import TwoStageDIM
from train.baselines.shm import SHM
from train.evaluation import ablation
from train.evaluation.ablation import BASE_SIZES, PAPER, Ablated, turned_as
from train.evaluation.pictures import grey, panel, write_picture
from train.evaluation.scores import Item, Score, TestSet, read_item, set_report
from train.evaluation.trimap import closed_form, trimap
from train.learning.checkpoints import load_checkpoint
from train.learning.runs import Sizes, load_frozen, sizes_of

Matting = Callable[[Frame, Mask], Mask]  # of a frame and its true alpha, which is for trimaps alone
KINDS: dict[str, type[nn.Module]] = {
    "mpn": MPN,
    "qun": QUN,
    "mrn": MRN,
    "deeplab": DeepLab,
    "dim_joint": TwoStageDIM,
    "shm": SHM,
}


def deeplab_matting(network: DeepLab, sizes: Sizes) -> Matting:
    """DeepLab's mask, enlarged bilinearly, is its alpha. It sees a frame as MPN does."""

    def matte(frame: Frame, _: Mask) -> Mask:
        image = shrink_to(torch.from_numpy(frame), turned_as(frame, sizes.seen)).image
        return fit_mask(torch.sigmoid(network(image))[0, 0].numpy(), frame.shape[:2])

    return matte


def dim_matting(network: TwoStageDIM, _: Sizes) -> Matting:
    """Both stages of DIM, where a trimap of the truth leaves open what is there."""

    def matte(frame: Frame, truth: Mask) -> Mask:
        known = np.asarray(trimap(truth), np.float32)
        image = planes(torch.from_numpy(frame)) / 255
        alpha = network(image, torch.from_numpy(known)[None, None])[0, 0].clamp(0, 1).numpy()
        return np.where(known == 0.5, alpha, known)

    return matte


def shm_matting(network: SHM, sizes: Sizes) -> Matting:
    """SHM's fused alpha."""

    def matte(frame: Frame, _: Mask) -> Mask:
        pixels = torch.from_numpy(frame)
        alpha, _logits = network(shrink_to(pixels, turned_as(frame, sizes.low)).image, planes(pixels) / 255)
        return np.asarray(alpha[0, 0].clamp(0, 1).numpy(), np.float32)

    return matte


@dataclass(frozen=True)
class Ours:
    """Our three networks as a method of the table."""

    ablated: Ablated

    def __call__(self, frame: Frame, _: Mask) -> Mask:
        return self.ablated(frame).alpha


def ours(mpn: MPN, qun: QUN, mrn: MRN, sizes: Sizes, *, unified: bool = True) -> Matting:
    """MPN, QUN and MRN; without `unified`, MPN's mask goes into MRN as it is."""
    return Ours(Ablated("ours", Networks(mpn, qun, mrn), sizes, unified=unified))


class Row(NamedTuple):
    """A method of Table 2: its name, the paper's errors, and how to open it from a folder of runs."""

    name: str
    paper: tuple[float, ...]  # SAD, MSE, gradient, connectivity; means over its 1360 test pictures, as printed
    open: Callable[..., Matting]  # takes the networks of `checkpoints`, and the sizes that the last was trained at
    checkpoints: tuple[str, ...] = ()  # RUN/NETWORK, the row's own last
    training: str = ""  # the words of shm-train that make it
    trimap: bool = False  # whether it is given a trimap of the truth, which a mask with hard edges does not have


ROWS = (
    Row("DeepLab", (0.028, 0.023, 0.012, 0.028), deeplab_matting, ("deeplab/deeplab",), "deeplab --recipe table2"),
    Row("Trimap + closed form", (0.0083, 0.0049, 0.0035, 0.080), lambda _sizes: closed_form, trimap=True),
    Row("Trimap + DIM", (0.0045, 0.0017, 0.0013, 0.0043), dim_matting, ("dim/dim_joint",), "dim --recipe table2", trimap=True),
    Row("SHM", (0.011, 0.0078, 0.0032, 0.011), shm_matting, ("shm/shm",), "shm --recipe table2"),
    Row(
        "ours, without coarse data",
        PAPER["without coarse data"],
        ours,
        ("fine/mpn", "fine/qun", "fine/mrn"),
        "all --recipe table2-fine",
    ),
    Row(
        "ours, without QUN",
        PAPER["without QUN"],
        partial(ours, unified=False),
        ("all/mpn", "all/qun", "without-qun/mrn"),
        "mrn --recipe table2-without-qun --on RUNS/all",
    ),
    Row("ours", PAPER["all"], ours, ("all/mpn", "all/qun", "all/mrn"), "all --recipe table2"),
)


@dataclass(frozen=True)
class Method:
    """A row that can be measured, and the steps that each of its networks was trained for."""

    row: Row
    matting: Matting
    steps: dict[str, int]

    @property
    def precision(self) -> str:
        """Networks run in "fp32", closed-form matting in "fp64"."""
        return "fp32" if self.row.checkpoints else "fp64"


def open_row(row: Row, runs: Path) -> Method:
    """The method of a row. Raises DataError if a checkpoint cannot be read."""
    paths = [runs / f"{name}.pt" for name in row.checkpoints]
    networks = [load_frozen(KINDS[path.stem], path) for path in paths]
    steps = {name: int(load_checkpoint(path)["step"]) for name, path in zip(row.checkpoints, paths, strict=True)}
    sizes = sizes_of(paths[-1]) if paths else BASE_SIZES
    return Method(row, row.open(*networks, sizes), steps)


def lacking(row: Row, runs: Path) -> str:
    """Why a row cannot be measured, and what makes it; empty if it can."""
    missing = [runs / f"{name}.pt" for name in row.checkpoints if not (runs / f"{name}.pt").is_file()]
    if not missing:
        return ""
    out = runs / row.checkpoints[-1].split("/")[0]
    words = row.training.replace("RUNS", str(runs))
    return f"{row.name}: not measured, as there is no {missing[0]}; type: shm-train {words} --data DATA --out {out}"


def score_methods(test_set: TestSet, methods: Sequence[Method], advance: Callable[[], None] = lambda: None) -> dict[str, Score]:
    """The scores of each method on a set, by its row; `advance` is called after each picture of each.

    Methods that take a trimap are left out for sets with masks.
    """
    able = [method for method in methods if test_set.truths == "alphas" or not method.row.trimap]
    runs = [(method, Score(method.row.name, method.precision)) for method in able]
    for item in test_set.items:
        frame, truth = read_item(item)
        for method, score in runs:
            begin = time.perf_counter()
            with torch.inference_mode():
                alpha = method.matting(frame, truth)
            score.milliseconds.append(1e3 * (time.perf_counter() - begin))
            score.pictures[item.stem] = test_set.errors(alpha, truth)
            advance()
    return {score.model: score for _, score in runs}


def table2_report(test_set: TestSet, methods: Sequence[Method], advance: Callable[[], None]) -> dict[str, Any]:
    """The scores of each method on a set for JSON, and how far figure 3's masks are apart. `advance`: of `score_methods`."""
    report = set_report(test_set, score_methods(test_set, methods, advance).values())
    whole = ablated_of(methods).get("all")
    if whole is not None and test_set.truths == "alphas":
        report["masks_apart"] = dict(zip(("before QUN", "after QUN"), ablation.unification(test_set, whole), strict=True))
    return report


def write_figures(folder: Path, test_set: TestSet, methods: Sequence[Method], count: int) -> None:
    """Write figure 5, and 3 and 6 where their rows are there, of the `count` pictures of a set with the most hair."""
    items = ablation.hairiest(test_set, count)
    for item in items:
        write_picture(folder / f"figure-5-{test_set.name}-{item.stem}.jpg", figure5(item, methods))
    own = ablated_of(methods)
    if {"all", "without QUN"} <= own.keys():
        ablation.write_figures(folder, items, own)


def figure5(item: Item, methods: Sequence[Method]) -> Frame:
    """Figure 5 for a picture: input, the alpha of each method, the truth."""
    frame, truth = read_item(item)
    with torch.inference_mode():
        alphas = {method.row.name: method.matting(frame, truth) for method in methods} | {"true alpha": truth}
    return np.hstack([panel("input", frame), *(panel(name, grey(alpha), frame.shape[:2]) for name, alpha in alphas.items())])


def ablated_of(methods: Sequence[Method]) -> dict[str, Ablated]:
    """Ours, by the names of `train.evaluation.ablation`, as figures 3 and 6 take them."""
    names = {"ours, without coarse data": "without coarse data", "ours, without QUN": "without QUN", "ours": "all"}
    return {names[each.row.name]: each.matting.ablated for each in methods if isinstance(each.matting, Ours)}


def open_rows(runs: Path, *, with_closed_form: bool = True) -> tuple[list[Method], list[str]]:
    """The methods that can be measured from a folder of runs, in the paper's order, and why the others cannot.

    Raises DataError if there is none, or a checkpoint cannot be read.
    """
    if not runs.is_dir():
        raise DataError(f"{runs}: no such folder; name the one with the runs all, fine, without-qun, deeplab, dim and shm")
    rows = [row for row in ROWS if with_closed_form or row.checkpoints]
    reasons = [lacking(row, runs) for row in rows]
    methods = [open_row(row, runs) for row, reason in zip(rows, reasons, strict=True) if not reason]
    if not methods:
        raise DataError(f"{runs}: holds no run of Table 2. {next(filter(None, reasons))}")
    return methods, [reason for reason in reasons if reason]
