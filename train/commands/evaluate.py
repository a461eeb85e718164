"""`shm-eval`: evaluate the released weights, and peers beside them, on sets with true alphas or masks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from engines.commands.app import Version, command_app
from engines.commands.options import Model, Overwrite, Threads
from engines.commands.running import UsageError, needs_extra, run
from engines.geometry import BASE
from train.commands import blind
from train.commands.clips import clips
from train.commands.close_ups import close_ups
from train.commands.compare import compare
from train.commands.empty import empty
from train.commands.held_out import held_out
from train.commands.models import candidates_of, open_models, open_sets
from train.commands.options import Adapters, ComparedPrecision, EngineOrNone, JsonFile, PeerPython, Peers, Sets
from train.commands.reports import check_report, make_pictures_folder, progress_bar, write_report

if TYPE_CHECKING:
    from train.evaluation.scores import Candidate, TestSet


class ScoreByDefault(TyperGroup):
    """Subcommands, of which `score` need not be named: `shm-eval SET...`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help", "--version"):
            args = ["score", *args]
        return super().parse_args(ctx, args)


app = command_app()


@app.callback(cls=ScoreByDefault, no_args_is_help=True)
def group(version: Version = False) -> None:
    """Evaluate mattes. `shm-eval SET...` is short for `shm-eval score SET...`.

    \b
    Examples:
      shm-eval eval/composites eval/portraits --json figures.json
      shm-eval clips clips --people eval/composites
      shm-eval close-ups webcam --people eval/people
      shm-eval compare before.json after.json
      shm-eval empty data
      shm-eval held-out scenes --data data
      shm-eval blind draw photos --out blind --adapters adapters --peer rvm
    """


app.command()(clips)
app.command()(close_ups)
app.command()(compare)
app.command()(empty)
app.command()(held_out)
app.add_typer(blind.app, name="blind")


@app.command()
def score(
    sets: Sets,
    backend: EngineOrNone = "auto",
    threads: Threads = None,
    precision: ComparedPrecision = "auto",
    model: Model = BASE,
    adapters: Adapters = None,
    peer: Peers = None,
    peer_python: PeerPython = None,
    stages: Annotated[bool, typer.Option("--stages", help="Evaluate MPN's and QUN's masks alone, too.")] = False,
    table: Annotated[
        bool, typer.Option("--table", help="Our rows of the paper's Table 2, of the released weights; bench table2 has all.")
    ] = False,
    run_folder: Annotated[
        Path | None, typer.Option("--run", help="With --table: a run of shm-train in place of the released weights.")
    ] = None,
    without_coarse: Annotated[
        Path | None, typer.Option(help="With --table: a run without coarse data, such as of the recipe table2-fine.")
    ] = None,
    json_file: JsonFile = None,
    overwrite: Overwrite = False,
    pictures: Annotated[Path | None, typer.Option(help="Write comparison pictures into this folder.")] = None,
    worst: Annotated[int, typer.Option(min=0, help="With --pictures: how many of the first model's worst, of each set.")] = 8,
    picture: Annotated[
        list[str] | None, typer.Option(help="With --pictures: this one too, by its stem; may be repeated.")
    ] = None,
) -> None:
    """SAD, MSE, gradient and connectivity error as in the paper, error at edges, and IoU, for each set.

    \b
    Examples:
      shm-eval eval/composites eval/portraits --json figures.json
      shm-eval eval/composites --adapters adapters --peer rvm --pictures worst/
      shm-eval eval/composites --table --without-coarse runs/fine --pictures figures/ --worst 3
    """
    unfit = {
        "--backend": backend != "auto",
        "--threads": threads is not None,
        "--precision": precision != "auto",
        "--model": model != BASE,
        "--adapters": adapters is not None,
        "--peer": bool(peer),
        "--peer-python": peer_python is not None,
        "--stages": stages,
    }
    if table and (given := [option for option, is_given in unfit.items() if is_given]):
        raise UsageError(f"--table compares our own networks, in PyTorch and float32; leave out {', '.join(given)}")
    if not table and (run_folder is not None or without_coarse is not None):
        raise UsageError("--run and --without-coarse are for --table; add it")
    with needs_extra("train"):
        test_sets, named = open_sets(sets), picture or []
        _check_outputs(json_file, overwrite, pictures, named, test_sets)
        if table:
            results = _table2(test_sets, run_folder, without_coarse, pictures, worst, named)
        else:
            with open_models(backend, threads, precision, model, adapters, peer or [], peer_python) as (engine, peers):
                results = _score(test_sets, candidates_of(engine, peers, stages=stages), pictures, worst, named)
    if json_file is not None:
        write_report(json_file, {"sets": results})


def _score(
    test_sets: "list[TestSet]", candidates: "list[Candidate]", pictures: Path | None, worst: int, named: list[str]
) -> list[dict[str, Any]]:
    from rich.console import Console

    from train.evaluation.scores import score_set, set_report
    from train.evaluation.tables import NOTE, print_table, score_table

    results = []
    for test_set in test_sets:
        with progress_bar(test_set.name, len(test_set.items) * len(candidates)) as advance:
            scores = score_set(test_set, candidates, advance)
        print_table(score_table(test_set, scores))
        results.append(set_report(test_set, scores))
        if pictures is not None:
            chosen = dict.fromkeys(scores[0].worst(worst) + named)
            _write_pictures(pictures, test_set, candidates, list(chosen))
    Console().print(NOTE, style="dim")
    return results


def _check_outputs(
    json_file: Path | None, overwrite: bool, pictures: Path | None, named: list[str], test_sets: "list[TestSet]"
) -> None:
    """Raise UsageError for outputs that cannot be written, before the work for them is done."""
    check_report(json_file, overwrite=overwrite)
    make_pictures_folder(pictures, overwrite=overwrite)
    if named and pictures is None:
        raise UsageError("--picture needs --pictures: the folder to write it into")
    stems = {item.stem for test_set in test_sets for item in test_set.items}
    for stem in named:
        if stem not in stems:
            raise UsageError(f"--picture {stem}: no set has a picture of this name")


def _write_pictures(folder: Path, test_set: "TestSet", candidates: "list[Candidate]", stems: list[str]) -> None:
    from train.evaluation.pictures import side_by_side, write_picture
    from train.evaluation.scores import read_item

    items = {item.stem: item for item in test_set.items}
    for place, stem in enumerate(stems, 1):
        if stem in items:
            frame, truth = read_item(items[stem])
            picture = side_by_side(frame, truth, {candidate.name: candidate(frame) for candidate in candidates})
            write_picture(folder / f"{test_set.name}-{place:02d}-{stem}.jpg", picture)


def _table2(
    test_sets: "list[TestSet]",
    run_folder: Path | None,
    without_coarse: Path | None,
    pictures: Path | None,
    count: int,
    named: list[str],
) -> list[dict[str, Any]]:
    from train.evaluation import ablation

    candidates = ablation.candidates_of(run_folder, without_coarse)
    results = []
    for test_set in test_sets:
        with progress_bar(test_set.name, len(test_set.items) * len(candidates)) as advance:
            scores = ablation.score_table2(test_set, candidates, advance)
        distance = ablation.unification(test_set, candidates["all"])
        ablation.print_table2(test_set, scores, distance)
        results.append(ablation.as_json(test_set, scores, distance))
        if pictures is not None:
            items = [item for item in test_set.items if item.stem in named] or ablation.hairiest(test_set, count)
            ablation.write_figures(pictures, items, candidates)
    return results


def main() -> None:
    """Run the command."""
    run(app)
