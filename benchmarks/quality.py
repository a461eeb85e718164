"""`bench quality`: how good the mattes are, of both our models, their variants, peers and closed-form matting."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks import common
from benchmarks.common import HEADINGS, Report
from engines.commands.options import Overwrite, Precision, Threads, load_engine
from engines.geometry import MODELS
from train.commands.models import check_peer_options, open_peers, open_sets
from train.commands.options import Adapters, EngineOrNone, JsonFile, PeerPython, Peers, Sets
from train.commands.reports import progress_bar

if TYPE_CHECKING:
    from train.evaluation.scores import Candidate, TestSet

CLOSED_FORM = "closed form, trimap of the truth"
WITHOUT_QUN = "ours, without QUN"


def score_all(test_set: "TestSet", candidates: "Sequence[Candidate]", *, with_closed_form: bool) -> Report:
    """The scores of all on a set, with progress: means, and each picture's."""
    from train.evaluation.scores import score_set, set_report
    from train.evaluation.table2 import ROWS, open_row, score_methods

    closed_form = with_closed_form and test_set.truths == "alphas"
    methods = [open_row(row._replace(name=CLOSED_FORM), Path()) for row in ROWS if closed_form and not row.checkpoints]
    with progress_bar(test_set.name, len(test_set.items) * (len(candidates) + len(methods))) as advance:
        scores = [*score_set(test_set, candidates, advance), *score_methods(test_set, methods, advance).values()]
    return set_report(test_set, scores)


def whole_table(report: Report) -> str:
    """Whole models alone, without variants, in Markdown."""
    return table(report, without=(" alone", WITHOUT_QUN, CLOSED_FORM))


def table(report: Report, without: tuple[str, ...] = ()) -> str:
    """A table a set, errors x1e-3, in Markdown, without models whose names end so; also of `bench table2`."""
    tables = []
    for test_set in report["sets"]:
        models = [model for model in test_set["models"] if not model["model"].endswith(without)]
        metrics = [m for m in HEADINGS if m in test_set["models"][0]["mean"]]
        rows = []
        for model in models:
            mean, name = model["mean"], common.label(model["model"], model["precision"])
            rows.append([name, f"{mean['iou']:.4f}".removeprefix("0"), *(common.thousandths(mean[m]) for m in metrics)])
        tables.append(common.markdown_table([test_set["set"], "IoU", *(HEADINGS[m] for m in metrics)], rows))
    return "\n".join(tables)


def quality(
    sets: Sets,
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
    test_sets = open_sets(sets)
    check_peer_options(adapters, peer or [], backend)
    sections: list[Report] = []
    with common.reported(common.machine_of, json_file, overwrite, threads) as report, ExitStack() as stack:
        from train.evaluation.ablation import Ablated, networks_of
        from train.evaluation.scores import MaskCandidate, OwnCandidate, PeerCandidate

        candidates: list[Candidate] = []
        if backend != "none":
            base, large = (
                stack.enter_context(load_engine(backend, threads=threads, precision=precision, model=model)) for model in MODELS
            )
            candidates += [OwnCandidate(base), OwnCandidate(large), OwnCandidate(large, photo=True)]
            candidates += [MaskCandidate(base, "coarse"), MaskCandidate(base, "unified")]
            candidates.append(Ablated(WITHOUT_QUN, *networks_of(None), unified=False))
        opened = open_peers(adapters, peer or [], threads=threads, python=peer_python)
        candidates += map(PeerCandidate, stack.enter_context(opened))
        for test_set in test_sets:
            sections.append(score_all(test_set, candidates, with_closed_form=with_closed_form))
            common.show(f"{table({'sets': sections[-1:]})}\n")
        report["sets"] = sections
