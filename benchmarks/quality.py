"""`bench quality`: how good the mattes are, of both our models, their variants, peers and closed-form matting; and Table 2."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmarks import common
from benchmarks.common import HEADINGS, Advance, JsonFile, Report, TableRun, WithoutCoarse
from benchmarks.measuring.machine import LoadMonitor
from engines.commands.options import Overwrite, Precision, Threads, load_engine
from engines.commands.running import UsageError
from engines.geometry import MODELS
from train.commands.models import check_peer_options
from train.commands.options import Adapters, EngineOrNone, PeerPython, Peers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engines import Frame, Mask
    from train.evaluation.ablation import Ablated
    from train.evaluation.scores import Candidate, Score, TestSet

CLOSED_FORM = "closed form, trimap of the truth"
WITHOUT_QUN = "ours, without QUN"
WITHOUT_COARSE = "ours, without coarse data"
OWN_ROWS = {"without coarse data": WITHOUT_COARSE, "without QUN": WITHOUT_QUN, "all": "ours"}
ABLATION = "ablation, "  # before the name of a row: of the runs of equal length
METRICS = ("sad", "mse", "gradient", "connectivity")
# Table 2, means over its 1360 test pictures, as printed. The rows that are its authors' own are in train.evaluation.ablation.
TABLE_2 = {
    "DeepLab": (0.028, 0.023, 0.012, 0.028),
    "Trimap + closed form": (0.0083, 0.0049, 0.0035, 0.080),
    "Trimap + DIM": (0.0045, 0.0017, 0.0013, 0.0043),
    "SHM": (0.011, 0.0078, 0.0032, 0.011),
}
DIFFERENT_DATA = (
    "The data differ: the paper's figures are means over its own 1360 test pictures, which are not public, and ours over the "
    "sets named here. Compare the order of the rows, not the numbers. How the paper scales its gradient error is not stated. "
    "Its figures are as printed; 0.080 for the connectivity of closed form may be a slip. Without QUN means here that the same "
    "weights run with MPN's mask in place of QUN's."
)


def ablated(run: Path | None, without_coarse: Path | None) -> list[Ablated]:
    """Ours without QUN, and, from a run of shm-train that saw no coarse data, without that; in PyTorch.

    `run`: one of equal length that saw all; it and its own without QUN are then compared with that, under the ablation's names.
    """
    from train.evaluation.ablation import candidates_of

    rows = candidates_of(None, None if run else without_coarse)
    for name, candidate in rows.items():
        candidate.name = OWN_ROWS[name]
    others = [candidate for name, candidate in rows.items() if name != "all"]
    if run is not None:
        equals = candidates_of(run, without_coarse)
        for name, candidate in equals.items():
            candidate.name = ABLATION + name
        others += equals.values()
    return others


def trimap(truth: Mask) -> NDArray[np.float64]:
    """0, 0.5 (unknown) or 1 for each pixel of a true alpha: unknown is the band round its edge, as errors have it."""
    import numpy as np

    from train.evaluation.metrics import edge_band

    return np.where(edge_band(truth), 0.5, (truth > 0.5).astype(np.float64))


def closed_form(frame: Frame, truth: Mask) -> Mask:
    """Closed-form matting (Levin et al. 2008) by PyMatting from a trimap of the truth: float32 (H, W) in [0, 1]."""
    import numpy as np

    from train.data.estimators import estimator

    known = trimap(truth)
    if not ((known == 0).any() and (known == 1).any()):  # no foreground or no background
        return np.asarray(truth > 0.5, np.float32)
    alpha = estimator("alpha.estimate_alpha_cf").estimate_alpha_cf(frame / 255.0, known)
    return np.asarray(np.clip(alpha, 0, 1), np.float32)


def score_closed_form(test_set: TestSet, advance: Advance) -> Score:
    """Closed-form matting on a set with true alphas; `advance` is called after each picture."""
    from train.evaluation.scores import Score, read_item

    score = Score()
    for item in test_set.items:
        frame, truth = read_item(item)
        begin = time.perf_counter()
        alpha = closed_form(frame, truth)
        score.milliseconds.append(1e3 * (time.perf_counter() - begin))
        score.pictures[item.stem] = {name: metric(alpha, truth) for name, metric in test_set.metrics.items()}
        advance()
    return score


def score_all(test_set: TestSet, candidates: Sequence[Candidate], *, with_closed_form: bool) -> list[Report]:
    """The scores of all on a set, with progress: means, and each picture's."""
    from train.evaluation.scores import no_nan, score_set

    with common.progress_bar(test_set.name, len(test_set.items) * len(candidates)) as advance:
        scores = score_set(test_set, candidates, advance)
    found = [(each.name, each.precision, score) for each, score in zip(candidates, scores, strict=True)]
    if with_closed_form and test_set.truths == "alphas":
        with common.progress_bar(f"{test_set.name}, closed form", len(test_set.items)) as advance:
            found.append((CLOSED_FORM, "fp64", score_closed_form(test_set, advance)))
    models = []
    for name, precision, score in found:
        pictures = {stem: {m: no_nan(x) for m, x in figures.items()} for stem, figures in score.pictures.items()}
        means = {"mean": score.means(), "median_ms": score.median_milliseconds()}
        models.append({"model": name, "precision": precision, **means, "pictures": pictures})
    return models


def beside_the_paper(models: Sequence[Report], released: str) -> list[Report]:
    """Each row of Table 2: its name, the paper's four errors, and the same measured here where that was done.

    Ours are those of the ablation where it was scored, else the released ones, of which the whole is the model `released`.
    """
    from train.evaluation.ablation import PAPER

    means = {"ours" if each["model"] == released else each["model"]: each["mean"] for each in models}
    rows: list[tuple[str, tuple[float, ...], str]]
    rows = [(name, errors, CLOSED_FORM if name == "Trimap + closed form" else "") for name, errors in TABLE_2.items()]
    for name, own in OWN_ROWS.items():
        errors = tuple(PAPER[name][metric] for metric in METRICS)
        rows.append((own, errors, ABLATION + name if ABLATION + name in means else own))
    return [
        {"method": name, "paper": errors, "here": [means[own][m] for m in METRICS] if own in means else None}
        for name, errors, own in rows
    ]


def table(report: Report) -> str:
    """A table a set, errors x1e-3, in Markdown, without the ablation; also of `shm-eval`."""
    return _tables(report, lambda name: not name.startswith(ABLATION))


def ablation_table(report: Report) -> str:
    """The rows of the ablation alone, in Markdown."""
    return _tables(report, lambda name: name.startswith(ABLATION))


def whole_table(report: Report) -> str:
    """Whole models alone, without variants, in Markdown."""
    variants = (" alone", WITHOUT_QUN, WITHOUT_COARSE, CLOSED_FORM)
    return _tables(report, lambda name: not name.endswith(variants) and not name.startswith(ABLATION))


def _tables(report: Report, wanted: Callable[[str], bool]) -> str:
    tables = []
    for test_set in report["sets"]:
        models = [model for model in test_set["models"] if wanted(model["model"])]
        metrics = [m for m in HEADINGS if m in test_set["models"][0]["mean"]]
        text = common.head(test_set["set"], "IoU", *(HEADINGS[m] for m in metrics))
        for model in models:
            mean, name = model["mean"], f"{common.name_of(model['model'])}, {model['precision']}"
            text += common.row(name, f"{mean['iou']:.4f}".removeprefix("0"), *(common.thousandths(mean[m]) for m in metrics))
        tables.append(text)
    return "\n".join(tables)


def paper_table(report: Report) -> str:
    """The paper's Table 2 beside the same measured here, a table a set, in Markdown."""
    tables = []
    for name, rows in report.get("table_2", {}).items():
        text = common.head("method", *(f"{HEADINGS[metric]}, {where}" for metric in METRICS for where in ("paper", name)))
        for each in rows:
            pairs = zip(each["paper"], each["here"] or [None] * 4, strict=True)
            text += common.row(each["method"], *("" if x is None else f"{1e3 * x:.1f}" for pair in pairs for x in pair))
        tables.append(text)
    return "\n".join([*tables, f"Errors x1e-3. {DIFFERENT_DATA}\n"])


def quality(
    sets: Annotated[list[Path], typer.Argument(metavar="SET...", help="Folders with images/ and alphas/ or masks/.")],
    run: TableRun = None,
    without_coarse: WithoutCoarse = None,
    with_closed_form: Annotated[
        bool, typer.Option("--closed-form/--no-closed-form", help="Closed-form matting with a trimap of the truth, too.")
    ] = True,
    backend: EngineOrNone = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    adapters: Adapters = None,
    peer: Peers = None,
    peer_python: PeerPython = None,
    json_file: JsonFile = None,
    overwrite: Overwrite = False,
) -> None:
    """The paper's four errors, IoU and the error at edges, of both our models, variants and peers, and Table 2 beside ours.

    Without QUN the same weights run with MPN's mask in its place. Peers run in fp32, as they were trained. With --run, our rows
    of Table 2 are of that run and of --without-coarse, which should be of equal length.

    \b
    Examples:
      bench quality eval/composites eval/portraits
      bench quality eval/composites --adapters adapters --peer rvm --json quality.json
      bench quality eval/composites --run runs/all --without-coarse runs/fine --no-closed-form
    """
    common.check_outputs(json_file, overwrite=overwrite)
    from train.evaluation.peers import Peer
    from train.evaluation.scores import MaskCandidate, OwnCandidate, PeerCandidate, open_set

    test_sets = [open_set(folder) for folder in sets]
    if len({test_set.name for test_set in test_sets}) < len(test_sets):
        raise UsageError("two sets have the same name; score them one at a time")
    check_peer_options(adapters, peer or [])
    if backend == "none" and not peer:
        raise UsageError("--backend none leaves nothing to score; name a peer with --adapters and --peer")
    if backend == "none" and (run is not None or without_coarse is not None):
        raise UsageError("--run and --without-coarse are compared with ours; leave out --backend none")
    others = ablated(run, without_coarse) if backend != "none" else []
    monitor = LoadMonitor()
    sections: list[dict[str, Any]] = []
    tables: dict[str, Any] = {}
    with ExitStack() as stack:
        candidates: list[Candidate] = []
        for name in peer or []:
            assert adapters is not None  # checked above
            opened = Peer(adapters, name, threads=threads, precision="fp32", python=peer_python)
            candidates.append(PeerCandidate(stack.enter_context(opened)))
        if backend != "none":
            loaded = [load_engine(backend, threads=threads, precision=precision, model=model) for model in MODELS]
            base, *larger = map(stack.enter_context, loaded)
            masks = [MaskCandidate(base, "coarse"), MaskCandidate(base, "unified")]
            candidates[:0] = [OwnCandidate(base), *map(OwnCandidate, larger), *masks, *others]
        for test_set in test_sets:
            models = score_all(test_set, candidates, with_closed_form=with_closed_form)
            sections.append({"set": test_set.name, "truths": test_set.truths, "models": models})
            common.show(table({"sets": sections[-1:]}))
            if test_set.truths == "alphas":
                tables[test_set.name] = beside_the_paper(models, "" if backend == "none" else candidates[0].name)
    report = common.environment(monitor, threads) | {"sets": sections, "table_2": tables}
    common.show(f"\n{paper_table(report)}\n{common.machine_of(report)}")
    common.write_report(json_file, report)
