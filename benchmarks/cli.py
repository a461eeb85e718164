"""`bench`: measures the project on this machine."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks import machine
from benchmarks.clips import clips
from benchmarks.figures import PAGES, refreshed
from benchmarks.latency import WHOLE, Contestant, OwnContestant, PeerContestant, Timing, measure, verdict
from benchmarks.refinement import KINDS, refine_set
from engines import InputError
from engines.errors import run
from engines.options import Backend, Threads
from realtime.photos import write_beside
from train.evaluate import check_report, progress_bar, write_report
from train.options import Adapters, ComparedPrecision, EngineOrNone, JsonFile, PeerPython, Peers
from train.peers import check_peers, open_models
from train.scores import Score, TestSet, open_set

SIZES = ("800x800", "1280x720", "1920x1080")
SMALLEST = 32  # pixels, of a frame's side

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)


app.command()(clips)


@app.callback()
def bench() -> None:
    """Measures the project on this machine.

    [bold]Examples[/bold]

      bench latency

      bench refine eval/composites
    """


@app.command()
def latency(
    size: Annotated[list[str] | None, typer.Option(help="WIDTHxHEIGHT, may be given again; else 800x800, 720p, 1080p.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Frames that count, for each size and model.")] = 50,
    warm_up: Annotated[int, typer.Option(min=0, help="Frames before them that do not.")] = 5,
    backend: EngineOrNone = "auto",
    threads: Threads = None,
    precision: ComparedPrecision = "auto",
    adapters: Adapters = None,
    peer: Peers = None,
    peer_python: PeerPython = None,
    json_file: JsonFile = None,
) -> None:
    """Time of one frame, from uint8 to alpha and foreground, against the paper's 0.08 s at 800x800.

    [bold]Examples[/bold]

      bench latency --size 800x800 --size 640x480 --runs 100

      bench latency --adapters adapters --peer rvm --json latency.json
    """
    sizes = [parse_size(text) for text in size or SIZES]
    check_report(json_file)
    check_peers(adapters, peer or [])
    console = Console()
    others = machine.OtherWork()
    timings: list[Timing] = []
    with open_models(backend, threads, precision, adapters, peer or [], peer_python) as (engine, opened):
        contestants: list[Contestant] = [OwnContestant(engine)] if engine is not None else []
        contestants += [PeerContestant(each) for each in opened]
        for width_height in sizes:
            with progress_bar("x".join(map(str, width_height)), runs + warm_up) as advance:
                measured = measure(contestants, width_height, runs, warm_up, advance)
            console.print(latency_table(measured))
            timings += measured
    busy = others.share()
    facts = machine.describe() | {"threads": str(threads or "all"), "taken by other programs": f"{busy:.0%}"}
    console.print(", ".join(f"{name} {value}" for name, value in facts.items()), style="dim", highlight=False)
    result: dict[str, Any] = {"machine": facts, "runs": runs, "warm_up": warm_up, "timings": [vars(t) for t in timings]}
    if backend != "none":
        result["verdict"] = verdict(timings)
        console.print(result["verdict"], style="bold", highlight=False)
    if busy > machine.BUSY:
        console.print(f"Warning: other programs took {busy:.0%} of the processors; times are too high.", style="yellow")
    if json_file is not None:
        write_report(json_file, result)


@app.command()
def refine(
    folder: Annotated[Path, typer.Argument(metavar="SET", help="Folder with images/ and alphas/.")],
    backend: Backend = "auto",
    threads: Threads = None,
    precision: ComparedPrecision = "auto",
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
        raise InputError(f"{folder}: has masks for truths; the edges that are measured need alphas/")
    check_report(json_file)
    with open_models(backend, threads, precision, adapters, peer or [], peer_python) as (engine, opened):
        if engine is None:
            raise InputError("--backend none leaves nothing that refines; choose an engine")
        with progress_bar(test_set.name, len(test_set.items) * (len(KINDS) + len(opened))) as advance:
            scores = refine_set(test_set, engine, opened, advance)
    Console().print(refinement_table(test_set, scores))
    if json_file is not None:
        kinds = {kind: {"before": before.means(), "after": after.means()} for kind, (before, after) in scores.items()}
        write_report(json_file, {"set": test_set.name, "pictures": len(test_set.items), "masks": kinds})


@app.command()
def figures() -> None:
    """Puts the figures of benchmarks/results/*.json into the README and the model card. For a checkout of the source.

    [bold]Examples[/bold]

      bench latency --json benchmarks/results/latency.json

      bench figures
    """
    for page in PAGES:
        try:
            old = page.read_text(encoding="utf-8")
            new = refreshed(old)
            if new != old:
                write_beside(page, new.encode())
        except OSError as error:
            raise InputError(f"{page}: cannot be read or written ({error.strerror}); run this in a checkout") from error
        print(f"{page}: {'as it was' if new == old else 'refreshed'}")


def refinement_table(test_set: TestSet, scores: dict[str, tuple[Score, Score]]) -> Table:
    """A row a kind of mask: errors before and after, and what is left of the error at edges."""
    title = f"{test_set.name}: {len(test_set.items)} pictures, errors x1e-3, before > after refinement"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("masks", no_wrap=True)
    for heading in ("SAD", "MSE", "Edges", "Edges left"):
        table.add_column(heading, justify="right", no_wrap=True)
    for kind, (before, after) in scores.items():
        cells = [f"{1e3 * before.mean(m):.2f} > {1e3 * after.mean(m):.2f}" for m in ("sad", "mse", "band")]
        table.add_row(kind, *cells, f"{after.mean('band') / before.mean('band'):.0%}")
    return table


def parse_size(text: str) -> tuple[int, int]:
    """(width, height) of "800x600". Raises InputError for anything else and for sides below 32."""
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if match is None or min(int(side) for side in match.groups()) < SMALLEST:
        raise InputError(f"--size {text}: give WIDTHxHEIGHT, each at least {SMALLEST}, such as 1280x720")
    return int(match[1]), int(match[2])


def latency_table(timings: list[Timing]) -> Table:
    """One size's timings: a row a model, and a row for each of its stages where it tells them."""
    width, height = timings[0].size
    title = f"{width}x{height}: milliseconds a frame, {len(timings[0].stages[WHOLE])} runs"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("model", no_wrap=True)
    for heading in ("median", "95 %", "worst", f"to {timings[0].name.split(',')[0]}"):
        table.add_column(heading, justify="right", no_wrap=True)
    for timing in timings:
        for stage in timing.stages:
            whole = stage == WHOLE
            name = f"{timing.name} {timing.precision}" if whole else f"  {stage}"
            figures = [f"{figure(stage):.1f}" for figure in (timing.median, timing.p95, timing.worst)]
            ratio = f"{timing.median() / timings[0].median():.2f}x" if whole else ""
            table.add_row(name, *figures, ratio, style=None if whole else "dim")
    return table


def main() -> None:
    """The command `bench`."""
    run(app)
