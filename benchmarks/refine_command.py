"""`bench refine`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from benchmarks import machine
from benchmarks.app import app, circumstances, console, figures_table
from benchmarks.refinement import KINDS, refine_set
from benchmarks.results_file import check_output, write_report
from engines.commands.options import Backend, Model, Threads
from engines.commands.running import UsageError
from train.commands.evaluate import progress_bar
from train.commands.options import Adapters, ComparedPrecision, JsonFile, PeerPython, Peers
from train.evaluation.peers import open_models
from train.evaluation.scores import Score, TestSet, open_set


@app.command()
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
) -> None:
    """How much nearer coarse masks come to the true alpha when QUN and MRN refine them (section 6 of the paper).

    The masks are the true alpha made worse in several ways, and each peer's own.

    [bold]Examples[/bold]

      bench refine eval/composites

      bench refine eval/composites --adapters adapters --peer mp_selfie --json refine.json
    """
    test_set = open_set(folder)
    if test_set.truths != "alphas":
        raise UsageError(f"{folder}: has masks for truths; the edges that are measured need alphas/")
    check_output("--json", json_file)
    watch = machine.Watch()
    with open_models(backend, threads, precision, model, adapters, peer or [], peer_python) as (engine, opened):
        if engine is None:
            raise UsageError("--backend none leaves nothing that refines; choose an engine")
        with progress_bar(test_set.name, len(test_set.items) * (len(KINDS) + len(opened))) as advance:
            scores = refine_set(test_set, engine, opened, advance)
    console.print(refinement_table(test_set, scores))
    kinds = {kind: {"before": before.means(), "after": after.means()} for kind, (before, after) in scores.items()}
    report = circumstances(watch, threads) | {"set": test_set.name, "pictures": len(test_set.items), "masks": kinds}
    write_report(json_file, report)


def refinement_table(test_set: TestSet, scores: dict[str, tuple[Score, Score]]) -> Table:
    """A row a kind of mask: errors before and after, and what is left of the error at edges."""
    title = f"{test_set.name}: {len(test_set.items)} pictures, errors x1e-3, before > after refinement"
    table = figures_table(title, ("masks",), ("SAD", "MSE", "Edges", "Edges left"))
    for kind, (before, after) in scores.items():
        cells = [f"{1e3 * before.mean(m):.2f} > {1e3 * after.mean(m):.2f}" for m in ("sad", "mse", "band")]
        table.add_row(kind, *cells, f"{after.mean('band') / before.mean('band'):.0%}")
    return table
