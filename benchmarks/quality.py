"""`bench quality`: how good the mattes are, of both our models, their variants, peers and closed-form matting."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmarks import common
from benchmarks.common import HEADINGS, Advance, JsonFile, Report
from benchmarks.measuring.machine import LoadMonitor
from engines.commands.options import Overwrite, Precision, Threads, load_engine
from engines.commands.running import UsageError
from engines.geometry import MODELS
from train.commands.models import check_peer_options
from train.commands.options import Adapters, EngineOrNone, PeerPython, Peers

if TYPE_CHECKING:
    from train.evaluation.ablation import Ablated
    from train.evaluation.scores import Candidate, Score, TestSet

CLOSED_FORM = "closed form, trimap of the truth"
WITHOUT_QUN = "ours, without QUN"


def without_qun() -> Ablated:
    """Ours without QUN, in PyTorch."""
    from train.evaluation.ablation import candidates_of

    candidate = candidates_of(None, None)["without QUN"]
    candidate.name = WITHOUT_QUN
    return candidate


def score_closed_form(test_set: TestSet, advance: Advance) -> Score:
    """Closed-form matting on a set with true alphas; `advance` is called after each picture."""
    from train.evaluation.scores import Score, read_item
    from train.evaluation.trimap import closed_form

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


def table(report: Report) -> str:
    """A table a set, errors x1e-3, in Markdown; also of `shm-eval` and `bench table2`."""
    return _tables(report, lambda _: True)


def whole_table(report: Report) -> str:
    """Whole models alone, without variants, in Markdown."""
    variants = (" alone", WITHOUT_QUN, CLOSED_FORM)
    return _tables(report, lambda name: not name.endswith(variants))


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


def quality(
    sets: Annotated[list[Path], typer.Argument(metavar="SET...", help="Folders with images/ and alphas/ or masks/.")],
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
    """The paper's four errors, IoU and the error at edges, of both our models, variants and peers.

    Frames are those of a video; "photo" is what shm-image makes of the large model. Without QUN the same weights run with MPN's
    mask in its place. Peers run in fp32, as they were trained.

    \b
    Examples:
      bench quality eval/composites eval/portraits
      bench quality eval/composites --adapters adapters --peer rvm --json quality.json
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
    monitor = LoadMonitor()
    sections: list[dict[str, Any]] = []
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
            photos = [OwnCandidate(engine, photo=True) for engine in larger]
            candidates[:0] = [OwnCandidate(base), *map(OwnCandidate, larger), *photos, *masks, without_qun()]
        for test_set in test_sets:
            models = score_all(test_set, candidates, with_closed_form=with_closed_form)
            sections.append({"set": test_set.name, "truths": test_set.truths, "models": models})
            common.show(table({"sets": sections[-1:]}))
    report = common.environment(monitor, threads) | {"sets": sections}
    common.show(f"\n{common.machine_of(report)}")
    common.write_report(json_file, report)
