"""`bench all`."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.app import app, console
from benchmarks.clips import clips, open_clips
from benchmarks.latency_command import latency
from benchmarks.options import TableRun, WithoutCoarse, parse_size
from benchmarks.peers import Field
from benchmarks.peers_command import peers
from benchmarks.quality_command import quality
from benchmarks.refine_command import refine
from benchmarks.report import write_page
from benchmarks.scale_command import scale
from benchmarks.throughput_command import throughput
from engines.commands.running import UsageError
from engines.geometry import MODELS
from train.commands.options import Adapters, PeerPython, Peers
from train.evaluation.scores import open_set


class Part(StrEnum):
    """What can be measured alone."""

    latency = "latency"
    peers = "peers"
    throughput = "throughput"
    scale = "scale"
    quality = "quality"
    refine = "refine"
    clips = "clips"


@app.command(name="all")
def everything(
    report: Annotated[Path, typer.Option(metavar="DIR", help="Folder for report.md, its plots and its JSON files.")],
    only: Annotated[list[Part] | None, typer.Option(help="Measure this part only; may be given again.")] = None,
    sets: Annotated[
        list[Path] | None, typer.Option("--set", help="Test set for quality; again for more. Masks are refined on the first.")
    ] = None,
    film: Annotated[Path | None, typer.Option("--clips", help="Clips with known alpha, for flicker.")] = None,
    size: Annotated[list[str] | None, typer.Option(metavar="WxH", help="For latency and peers; may be given again.")] = None,
    runs: Annotated[int | None, typer.Option(min=1, help="Runs of each row; else what each part takes by itself.")] = None,
    backend: Annotated[
        str | None, typer.Option(help="Engine of every part; else all that run here for latency, and auto for the rest.")
    ] = None,
    adapters: Adapters = None,
    peer: Peers = None,
    peer_python: PeerPython = None,
    run: TableRun = None,
    without_coarse: WithoutCoarse = None,
    onnx: Annotated[list[Path] | None, typer.Option(metavar="TOML", help="An ONNX model of yours; may be given again.")] = None,
) -> None:
    """All of it, into a folder: report.md with tables and plots, and the figures as JSON. The page is written after each part.

    What needs other models is left out without --peer or --onnx, and what needs pictures without --set or --clips. With --only,
    the page keeps what the other parts left in the folder before.

    [bold]Examples[/bold]

      bench all --report report

      bench all --report report --set eval/composites --set eval/portraits --adapters adapters --peer rvm

      bench all --report report --only latency --size 800x800
    """
    for text in size or []:
        parse_size(text)
    for folder in sets or []:
        open_set(folder)
    if film is not None:
        open_clips(film)
    field = Field(adapters=adapters, names=tuple(peer or ()), onnx=tuple(onnx or ()))
    rivals = bool(field.names or field.onnx)
    if rivals:
        field.check()
    try:
        report.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--report {report}: cannot make this folder ({error.strerror}); name another") from error
    first = sets[0] if sets else None
    counted: dict[str, Any] = {} if runs is None else {"runs": runs}
    passes: dict[str, Any] = {} if runs is None else {"runs": min(runs, 3)}
    one: dict[str, Any] = {"backend": backend or "auto"}
    others: dict[str, Any] = one | {"adapters": adapters, "peer": peer, "peer_python": peer_python}

    def out(name: str, *, plot: bool = True) -> dict[str, Any]:
        return {"json_file": report / f"{name}.json"} | ({"plot": report / f"{name}.png"} if plot else {})

    def of_peers() -> None:
        peers(
            size=size,
            onnx=onnx,
            model=list(MODELS),
            test_set=first,
            **counted,
            **others,
            **out("peers", plot=first is not None),
        )

    parts: dict[Part, Callable[[], None]] = {
        Part.latency: lambda: latency(size=size, backend=backend or "all", model=list(MODELS), **counted, **out("latency")),
        Part.peers: of_peers,
        Part.throughput: lambda: throughput(**one, **passes, **out("throughput")),
        Part.scale: lambda: scale(**one, **counted, **out("scale")),
        Part.quality: lambda: quality(sets or [], run=run, without_coarse=without_coarse, **others, **out("quality")),
        Part.refine: lambda: refine(sets[0] if sets else Path(), **others, **out("refinement", plot=False)),
        Part.clips: lambda: clips(film or Path(), **others, **out("clips", plot=False)),
    }
    missing = {Part.peers: None if rivals else "--peer or --onnx"} | dict.fromkeys(
        (Part.quality, Part.refine), None if sets else "--set"
    )
    missing[Part.clips] = None if film else "--clips"
    for part in only or list(Part):
        if lacking := missing.get(part):
            if only:
                raise UsageError(f"--only {part} needs {lacking}")
            console.print(f"{part}: left out, for want of {lacking}", style="dim")
            continue
        console.rule(str(part))
        parts[part]()
        write_page(report)
    console.print(f"{write_page(report)}: written")
