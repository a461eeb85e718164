"""`bench refine`: how much closer coarse masks get to the true alpha when QUN and MRN refine them (section 6 of the paper)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import engines
from benchmarks import common
from benchmarks.common import HEADINGS, Advance, Report
from engines.commands.options import Backend, Model, Overwrite, Threads
from engines.commands.running import UsageError
from train.commands.models import open_models
from train.commands.options import Adapters, ComparedPrecision, JsonFile, PeerPython, Peers
from train.commands.reports import progress_bar

if TYPE_CHECKING:
    from train.evaluation.peers import Peer
    from train.evaluation.scores import Score, TestSet

EXTENT = 0.01  # of the picture's long side: how far a mask is grown, shrunk or shifted
COLUMNS = 32  # of the coarsest mask, along the long side
METRICS = ("sad", "mse", "band")


def degraded(truth: "engines.Mask") -> "dict[str, engines.Mask]":
    """A true alpha made worse in the ways that coarse annotations are, by kind: float32 (H, W), 0 or 1."""
    import cv2
    import numpy as np

    hard = (truth > 0.5).astype(np.uint8)
    height, width = truth.shape
    extent = max(1, round(EXTENT * max(height, width)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * extent + 1, 2 * extent + 1))
    outlines, _ = cv2.findContours(hard, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    clicked = [cv2.approxPolyDP(outline, extent, closed=True) for outline in outlines]
    columns, rows = (max(1, round(side * COLUMNS / max(height, width))) for side in (width, height))
    small = (cv2.resize(truth, (columns, rows), interpolation=cv2.INTER_AREA) > 0.5).astype(np.uint8)
    kinds = {
        "binarised": hard,
        "grown": cv2.dilate(hard, disc),  # a margin all around, as generous annotators leave it
        "shrunk": cv2.erode(hard, disc),  # strands and fingers go
        "shifted": cv2.warpAffine(hard, np.array([[1, 0, extent], [0, 1, extent]], np.float32), (width, height)),
        "polygons": cv2.fillPoly(np.zeros_like(hard), clicked, 1),  # straight lines, as people click them
        "blocks": cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST),  # a network's small mask
    }
    return {kind: mask.astype(np.float32) for kind, mask in kinds.items()}


def refine_set(
    test_set: "TestSet", engine: "engines.Engine", peers: "Sequence[Peer]", advance: Advance = lambda: None
) -> "dict[str, tuple[Score, Score]]":
    """Scores before and after refinement, by kind of mask: the truth degraded in each way, and each peer's own.

    The set has true alphas. `advance` is called after each picture.
    """
    from train.evaluation.scores import Score, read_item

    scores: dict[str, tuple[Score, Score]] = {}
    for item in test_set.items:
        frame, truth = read_item(item)
        masks = degraded(truth) | {peer.name: peer(frame) for peer in peers}
        for name, mask in masks.items():
            before, after = scores.setdefault(name, (Score(), Score()))
            before.pictures[item.stem] = test_set.errors(mask, truth)
            after.pictures[item.stem] = test_set.errors(engine(frame, mask).alpha, truth)
        advance()
    return scores


def table(report: Report) -> str:
    """Errors x1e-3 before and after, by kind of mask, in Markdown."""
    rows = []
    for kind, figures in report["masks"].items():
        pairs = [[common.thousandths(figures[when][metric]) for when in ("before", "after")] for metric in METRICS]
        rows.append([common.name_of(kind), *map(" to ".join, pairs)])
    return common.markdown_table(["masks", *(HEADINGS[metric] for metric in METRICS)], rows)


def refine(
    folder: Annotated[Path, typer.Argument(metavar="SET", help="Folder with images/ and alphas/.")],
    backend: Backend = "auto",
    threads: Threads = None,
    precision: ComparedPrecision = "auto",
    model: Model = "base",
    adapters: Adapters = None,
    peer: Peers = None,
    peer_python: PeerPython = None,
    json_file: JsonFile = None,
    overwrite: Overwrite = False,
) -> None:
    """How much closer coarse masks get to the true alpha when QUN and MRN refine them (section 6 of the paper).

    The masks are the true alpha made worse in several ways, and each peer's own.

    \b
    Examples:
      bench refine eval/composites
      bench refine eval/composites --adapters adapters --peer mp_selfie --json refine.json
    """
    from train.evaluation.scores import open_set

    test_set = open_set(folder)
    if test_set.truths != "alphas":
        raise UsageError(f"{folder}: has masks for truths; the edges that are measured need alphas/")
    count = len(test_set.items)
    with (
        common.reported(table, json_file, overwrite, threads) as report,
        open_models(backend, threads, precision, model, adapters, peer or [], peer_python) as (engine, opened),
        progress_bar(test_set.name, count) as advance,
    ):
        assert engine is not None
        scores = refine_set(test_set, engine, opened, advance)
        kinds = {kind: {"before": before.means(), "after": after.means()} for kind, (before, after) in scores.items()}
        report |= {"set": test_set.name, "pictures": count, "masks": kinds}
