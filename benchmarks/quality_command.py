"""`bench quality`."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

import engines
from benchmarks import machine
from benchmarks.app import app, circumstances, console, figures_table
from benchmarks.options import PlotFile, TableRun, WithoutCoarse
from benchmarks.paper import DIFFERENT_DATA
from benchmarks.plots import draw_error_against_speed
from benchmarks.quality import (
    ABLATION,
    WITHOUT_COARSE,
    WITHOUT_QUN,
    Judged,
    PaperRow,
    ablated,
    beside_the_paper,
    judge_closed_form,
)
from benchmarks.results_file import check_output, write_report
from engines.commands.options import Precision, Threads
from engines.commands.running import UsageError
from engines.geometry import MODELS
from train.commands.evaluate import HEADINGS, NOTE, progress_bar, score_table
from train.commands.options import Adapters, EngineOrNone, JsonFile, PeerPython, Peers
from train.evaluation.peers import Peer, check_peers
from train.evaluation.scores import Candidate, MaskCandidate, OwnCandidate, PeerCandidate, TestSet, open_set, score_set


@app.command()
def quality(
    sets: Annotated[list[Path], typer.Argument(metavar="SET...", help="Folders with images/ and alphas/ or masks/.")],
    pictures: Annotated[int | None, typer.Option(min=1, help="Take so many of each set, spread over it; else all.")] = None,
    run: TableRun = None,
    without_coarse: WithoutCoarse = None,
    closed_form: Annotated[
        bool, typer.Option("--closed-form/--no-closed-form", help="Closed-form matting with a trimap of the truth, too.")
    ] = True,
    backend: EngineOrNone = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    adapters: Adapters = None,
    peer: Peers = None,
    peer_python: PeerPython = None,
    json_file: JsonFile = None,
    plot: PlotFile = None,
) -> None:
    """The paper's four errors, IoU and the error at edges, of both our models, variants and peers, and Table 2 beside ours.

    Without QUN the same weights run with MPN's mask in its place. Peers run in fp32, as they were trained. With --run, the rows
    of Table 2 that are ours are of that run and of --without-coarse, which should be as long.
    --plot draws error against speed.

    [bold]Examples[/bold]

      bench quality eval/composites eval/portraits

      bench quality eval/composites --adapters adapters --peer rvm --json quality.json --plot quality.png

      bench quality eval/composites --run runs/all --without-coarse runs/fine --no-closed-form
    """
    test_sets = [thinned(open_set(folder), pictures) for folder in sets]
    if len({test_set.name for test_set in test_sets}) < len(test_sets):
        raise UsageError("two sets have the same name; score them one at a time")
    check_output("--json", json_file)
    check_output("--plot", plot, ".png")
    check_peers(adapters, peer or [])
    if backend == "none" and not peer:
        raise UsageError("--backend none leaves nothing to score; name a peer with --adapters and --peer")
    if backend == "none" and (run is not None or without_coarse is not None):
        raise UsageError("--run and --without-coarse stand beside ours; leave out --backend none")
    others = ablated(run, without_coarse) if backend != "none" else []
    watch = machine.Watch()
    results: list[dict[str, Any]] = []
    tables: dict[str, Any] = {}
    with ExitStack() as stack:
        candidates: list[Candidate] = []
        for name in peer or []:
            assert adapters is not None  # checked above
            opened = Peer(adapters, name, threads=threads, precision="fp32", python=peer_python)
            candidates.append(PeerCandidate(stack.enter_context(opened)))
        if backend != "none":
            settings: dict[str, Any] = {"threads": threads, "precision": precision}
            base, *larger = [stack.enter_context(closing(engines.load(backend, model=model, **settings))) for model in MODELS]
            masks = [MaskCandidate(base, "coarse"), MaskCandidate(base, "unified")]
            candidates[:0] = [OwnCandidate(base), *map(OwnCandidate, larger), *masks, *others]
        for test_set in test_sets:
            judged = judge(test_set, candidates, closed_form=closed_form)
            results.append({"set": test_set.name, "truths": test_set.truths, "models": [each.as_json() for each in judged]})
            if test_set.truths == "alphas":
                rows = beside_the_paper(judged)
                console.print(paper_table(test_set, rows))
                tables[test_set.name] = [{"method": name, "paper": paper, "here": here} for name, paper, here in rows]
    console.print(NOTE, style="dim")
    console.print(DIFFERENT_DATA, style="dim")
    write_report(json_file, circumstances(watch, threads) | {"sets": results, "table_2": tables})
    if plot is not None:
        draw_error_against_speed(plot, error_against_speed(results[0]), f"{results[0]['set']}: error x1e-3", "median")


def thinned(test_set: TestSet, pictures: int | None) -> TestSet:
    """So many pictures of a set, evenly spread over it; all of them for None."""
    count = len(test_set.items)
    if pictures is None or pictures >= count:
        return test_set
    return replace(test_set, items=tuple(test_set.items[place * count // pictures] for place in range(pictures)))


def judge(test_set: TestSet, candidates: Sequence[Candidate], *, closed_form: bool) -> list[Judged]:
    """Scores all on a set, with progress, and prints the table."""
    with progress_bar(test_set.name, len(test_set.items) * len(candidates)) as advance:
        scores = score_set(test_set, candidates, advance)
    console.print(score_table(test_set, list(candidates), scores))
    judged = [
        Judged(each.name, each.precision, score, whole=isinstance(each, OwnCandidate) and each.base)
        for each, score in zip(candidates, scores, strict=True)
    ]
    if closed_form and test_set.truths == "alphas":
        with progress_bar(f"{test_set.name}, closed form", len(test_set.items)) as advance:
            judged.append(judge_closed_form(test_set, advance))
    return judged


def paper_table(test_set: TestSet, rows: Sequence[PaperRow]) -> Table:
    """The paper's Table 2 beside what was measured here, errors x1e-3."""
    title = f"Table 2: in the paper, on other data > here, on {test_set.name}; errors x1e-3"
    table = figures_table(title, ("method",), ("SAD", "MSE", "Grad", "Conn"))
    for name, paper, here in rows:
        measured = ["-"] * 4 if here is None else [f"{1e3 * error:.1f}" for error in here]
        table.add_row(name, *(f"{1e3 * error:.1f} > {ours}" for error, ours in zip(paper, measured, strict=True)))
    return table


def error_against_speed(result: dict[str, Any]) -> dict[str, dict[str, tuple[float, float]]]:
    """For each of three errors, of each whole model: median milliseconds and the error x1e-3."""
    left_out = (" alone", WITHOUT_QUN, WITHOUT_COARSE)  # whose times are those of the whole, and of another backend
    models = {
        f"{each['model']} {each['precision']}": each
        for each in result["models"]
        if not each["model"].endswith(left_out) and not each["model"].startswith(ABLATION)
    }
    return {
        HEADINGS[metric]: {name: (each["median_ms"], 1e3 * each["mean"][metric]) for name, each in models.items()}
        for metric in ("sad", "mse", "band")
        if all(each["mean"].get(metric) is not None for each in models.values())
    }
