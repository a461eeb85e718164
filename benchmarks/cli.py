"""`bench`: measures the project on this machine."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks import machine
from benchmarks.latency import WHOLE, Contestant, OwnContestant, PeerContestant, Timing, measure, verdict
from engines import InputError
from engines.errors import run
from train.evaluate import check_report, progress_bar, write_report
from train.peers import check_peers, open_peers

SIZES = ("800x800", "1280x720", "1920x1080")
SMALLEST = 32  # pixels, of a frame's side

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measures the project on this machine.

    [bold]Examples[/bold]

      bench latency

      bench latency --help
    """


@app.command()
def latency(
    size: Annotated[list[str] | None, typer.Option(help="WIDTHxHEIGHT, may be given again; else 800x800, 720p, 1080p.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Frames that count, for each size and model.")] = 50,
    warm_up: Annotated[int, typer.Option(min=0, help="Frames before them that do not.")] = 5,
    backend: Annotated[str, typer.Option(help="Engine: auto, openvino, torch, ...; none times peers only.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Processor threads; all by default.")] = None,
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16; peers: bf16 if the engine is, else fp32.")] = "auto",
    adapters: Annotated[
        Path | None, typer.Option(help="Folder of peers' adapters: modules with load() -> f(rgb) -> alpha.")
    ] = None,
    peer: Annotated[list[str] | None, typer.Option(help="An adapter to time as well; may be given again.")] = None,
    peer_python: Annotated[Path | None, typer.Option(help="Interpreter that has what the adapters need.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every run to this file.")] = None,
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
    with _contestants(backend, threads, precision, adapters, peer or [], peer_python) as contestants:
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


@contextmanager
def _contestants(
    backend: str,
    threads: int | None,
    precision: str,
    adapters: Path | None,
    peers: list[str],
    python: Path | None,
) -> Iterator[list[Contestant]]:
    if backend == "none" and not peers:
        raise InputError("--backend none leaves nothing to time; name a peer with --adapters and --peer")
    contestants: list[Contestant] = []
    with ExitStack() as stack:
        if backend != "none":
            from engines import load

            engine = stack.enter_context(closing(load(backend, threads=threads, precision=precision)))
            contestants.append(OwnContestant(engine))
            precision = engine.precision
        opened = stack.enter_context(open_peers(adapters, peers, threads=threads, precision=precision, python=python))
        yield contestants + [PeerContestant(peer) for peer in opened]


def main() -> None:
    """The command `bench`."""
    run(app)
