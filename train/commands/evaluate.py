"""`shm-eval`: scores the shipped weights, and peers beside them, on sets with true alphas or masks."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from engines.commands.options import Model, Threads
from engines.commands.running import UsageError, run
from train.commands.options import Adapters, ComparedPrecision, EngineOrNone, JsonFile, PeerPython, Peers
from train.evaluation.peers import open_models
from train.evaluation.pictures import side_by_side, write_picture
from train.evaluation.scores import (
    Candidate,
    MaskCandidate,
    OwnCandidate,
    PeerCandidate,
    Score,
    TestSet,
    no_nan,
    open_set,
    read_item,
    score_set,
)

HEADINGS = {
    "sad": "SAD",
    "mse": "MSE",
    "gradient": "Grad",
    "connectivity": "Conn",
    "band": "Edges",
    "iou": "IoU",
}
HIGHER_IS_BETTER = {"iou"}
NOTE = (
    "Errors are means over all pixels of a picture, then over pictures. SAD: mean absolute difference, also called MAD. Grad, "
    "Conn: gradient and connectivity error. Edges: SAD where the true alpha is unknown, dilated by a 25-pixel ellipse. IoU: at "
    "0.5. ms: median time of a frame, from uint8 to alpha and foreground (a peer: alpha only), the first of each size left "
    "out; `bench latency` measures speed with more care."
)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def evaluate(
    sets: Annotated[list[Path], typer.Argument(metavar="SET...", help="Folders with images/ and alphas/ or masks/.")],
    backend: EngineOrNone = "auto",
    threads: Threads = None,
    precision: ComparedPrecision = "auto",
    model: Model = "base",
    adapters: Adapters = None,
    peer: Peers = None,
    peer_python: PeerPython = None,
    stages: Annotated[bool, typer.Option("--stages", help="Score MPN's and QUN's masks by themselves, too.")] = False,
    table: Annotated[bool, typer.Option("--table", help="The paper's Table 2: without coarse data, without QUN, all.")] = False,
    run_folder: Annotated[
        Path | None, typer.Option("--run", help="With --table: a run of shm-train in place of the weights that ship.")
    ] = None,
    without_coarse: Annotated[
        Path | None, typer.Option(help="With --table: a run that saw no coarse data, such as of the recipe ablation_fine.")
    ] = None,
    json_file: JsonFile = None,
    pictures: Annotated[Path | None, typer.Option(help="Write pictures side by side into this folder.")] = None,
    worst: Annotated[int, typer.Option(min=0, help="With --pictures: the first model's worst of each set.")] = 8,
    picture: Annotated[list[str] | None, typer.Option(help="With --pictures: this one too, by stem; may be repeated.")] = None,
) -> None:
    """SAD, MSE, gradient and connectivity error as the paper has them, error at edges, and IoU, for each set.

    [bold]Examples[/bold]

      shm-eval eval/composites eval/portraits --json figures.json

      shm-eval eval/composites --adapters adapters --peer rvm --pictures worst/

      shm-eval eval/composites --table --without-coarse runs/fine --pictures figures/ --worst 3
    """
    test_sets = [open_set(folder) for folder in sets]
    if len({test_set.name for test_set in test_sets}) < len(test_sets):
        raise UsageError("two sets have the same name; score them one at a time")
    _check_outputs(json_file, pictures, picture or [], test_sets)
    if table:
        if peer or stages:
            raise UsageError("--table compares our own networks; leave out --peer and --stages")
        _table2(test_sets, run_folder, without_coarse, json_file, pictures, worst, picture or [])
        return
    if run_folder is not None or without_coarse is not None:
        raise UsageError("--run and --without-coarse are for --table; add it")
    with open_models(backend, threads, precision, model, adapters, peer or [], peer_python) as (engine, opened):
        candidates: list[Candidate] = [PeerCandidate(each) for each in opened]
        if engine is not None:
            masks = [MaskCandidate(engine, "coarse"), MaskCandidate(engine, "unified")] if stages else []
            candidates[:0] = [OwnCandidate(engine), *masks]
        results = []
        for test_set in test_sets:
            with progress_bar(test_set.name, len(test_set.items) * len(candidates)) as advance:
                scores = score_set(test_set, candidates, advance)
            Console().print(score_table(test_set, candidates, scores))
            results.append(_as_json(test_set, candidates, scores))
            if pictures is not None:
                chosen = dict.fromkeys(scores[0].worst(worst) + (picture or []))
                _write_pictures(pictures, test_set, candidates, list(chosen))
    Console().print(NOTE, style="dim")
    if json_file is not None:
        write_report(json_file, {"sets": results})


def score_table(test_set: TestSet, candidates: list[Candidate], scores: list[Score]) -> Table:
    """The scores of one set, a row a model, the best of each column in bold."""
    title = f"{test_set.name}: {len(test_set.items)} pictures with true {test_set.truths}, errors x1e-3"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("model", no_wrap=True)
    means = {metric: [score.mean(metric) for score in scores] for metric in test_set.metrics}
    for heading in [HEADINGS[metric] for metric in means] + ["ms"]:
        table.add_column(heading, justify="right", no_wrap=True)
    for row, (candidate, score) in enumerate(zip(candidates, scores, strict=True)):
        cells = [_cell(metric, column, row) for metric, column in means.items()]
        table.add_row(f"{candidate.name} {candidate.precision}", *cells, f"{score.median_milliseconds():.1f}")
    return table


@contextmanager
def progress_bar(name: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar with the time left, on standard error; what it gives is called once a step."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=total)
        yield lambda: progress.advance(task)


def check_report(path: Path | None) -> None:
    """Raises UsageError where a report cannot be written to a path, before the work is done for it."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise UsageError(f"--json {path}: is a folder, or its folder does not exist")


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Writes figures as JSON. Raises UsageError where that fails."""
    try:
        path.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n")
    except OSError as error:
        raise UsageError(f"--json {path}: cannot be written: {error.strerror}") from error


def _cell(metric: str, column: list[float], row: int) -> str:
    text = f"{column[row]:.4f}" if metric in HIGHER_IS_BETTER else f"{1e3 * column[row]:.2f}"
    best = max(column) if metric in HIGHER_IS_BETTER else min(column)
    return f"[bold]{text}[/bold]" if column[row] == best and len(column) > 1 else text


def _check_outputs(json_file: Path | None, pictures: Path | None, chosen: list[str], test_sets: list[TestSet]) -> None:
    """Says what is wrong with the outputs before the work is done, not after."""
    check_report(json_file)
    if pictures is not None:
        try:
            pictures.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--pictures {pictures}: cannot make this folder: {error.strerror}") from error
    elif chosen:
        raise UsageError("--picture needs --pictures: the folder to write it into")
    stems = {item.stem for test_set in test_sets for item in test_set.items}
    for stem in chosen:
        if stem not in stems:
            raise UsageError(f"--picture {stem}: no set has a picture of this name")


def _as_json(test_set: TestSet, candidates: list[Candidate], scores: list[Score]) -> dict[str, Any]:
    models = []
    for candidate, score in zip(candidates, scores, strict=True):
        models.append(
            {
                "model": candidate.name,
                "precision": candidate.precision,
                "mean": score.means(),
                "median_ms": score.median_milliseconds(),
                "pictures": {stem: {m: no_nan(x) for m, x in figures.items()} for stem, figures in score.pictures.items()},
            }
        )
    return {"set": test_set.name, "truths": test_set.truths, "models": models}


def _write_pictures(folder: Path, test_set: TestSet, candidates: list[Candidate], stems: list[str]) -> None:
    items = {item.stem: item for item in test_set.items}
    for place, stem in enumerate(stems, 1):
        if stem in items:
            frame, truth = read_item(items[stem])
            picture = side_by_side(frame, truth, {candidate.name: candidate(frame) for candidate in candidates})
            write_picture(folder / f"{test_set.name}-{place:02d}-{stem}.jpg", picture)


def _table2(
    test_sets: list[TestSet],
    run_folder: Path | None,
    without_coarse: Path | None,
    json_file: Path | None,
    pictures: Path | None,
    count: int,
    chosen: list[str],
) -> None:
    from train.evaluation import ablation  # it needs the networks in PyTorch, which nothing else here does

    candidates = ablation.candidates_of(run_folder, without_coarse)
    results = []
    for test_set in test_sets:
        with progress_bar(test_set.name, len(test_set.items) * len(candidates)) as advance:
            scores = ablation.score_table2(test_set, candidates, advance)
        apart = ablation.unification(test_set, candidates["all"])
        ablation.print_table2(test_set, scores, apart)
        results.append(ablation.as_json(test_set, scores, apart))
        if pictures is not None:
            items = [item for item in test_set.items if item.stem in chosen] or ablation.hairiest(test_set, count)
            ablation.write_figures(pictures, items, candidates)
    if json_file is not None:
        write_report(json_file, {"sets": results})


def main() -> None:
    """The command `shm-eval`."""
    run(app)
