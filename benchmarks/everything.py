"""`bench all`: the other parts in turn, into a folder with one page."""

from collections.abc import Callable
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import common
from benchmarks.clips import clips
from benchmarks.figures import write_page
from benchmarks.latency import latency
from benchmarks.peers import peers
from benchmarks.quality import quality
from benchmarks.refine import refine
from benchmarks.scale import scale
from benchmarks.throughput import throughput
from engines.commands.options import Backend
from engines.commands.running import UsageError
from engines.geometry import MODELS
from train.commands.models import check_peer_options, open_clips, open_sets
from train.commands.options import Adapters, PeerPython, Peers
from train.commands.reports import make_folder

Part = StrEnum("Part", ["latency", "peers", "throughput", "scale", "quality", "refine", "clips"])


def everything(
    report: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of report.md, its plot and JSON files, which are replaced.")
    ],
    only: Annotated[list[Part] | None, typer.Option(help="Measure this part only; may be given again.")] = None,
    sets: Annotated[
        list[Path] | None, typer.Option("--set", help="Test set for quality; again for more. Masks are refined on the first.")
    ] = None,
    videos: Annotated[Path | None, typer.Option("--clips", help="Clips with known alpha, for flicker.")] = None,
    size: common.Sizes = None,
    runs: Annotated[int | None, typer.Option(min=1, help="Runs of each row; by default those of each command.")] = None,
    backend: Backend = "auto",
    adapters: Adapters = None,
    peer: Peers = None,
    peer_python: PeerPython = None,
) -> None:
    """All parts in turn, into a folder: report.md with tables and a plot, and the figures as JSON.

    The page is written after each part. What needs other models is left out without --peer, and what needs pictures without
    --set or --clips. --size is for latency and peers. With --only, the page keeps what other parts left in the folder before.

    \b
    Examples:
      bench all --report report
      bench all --report report --set eval/composites --set eval/portraits --adapters adapters --peer rvm
      bench all --report report --only latency --size 800x800
    """
    common.sizes_of(size or [])
    open_sets(sets or [])
    if videos is not None:
        open_clips(videos)
    check_peer_options(adapters, peer or [])
    needed = {"peers": ("--peer", peer), "quality": ("--set", sets), "refine": ("--set", sets), "clips": ("--clips", videos)}
    lacking = {part: option for part, (option, given) in needed.items() if not given}
    for part in only or []:
        if part in lacking:
            raise UsageError(f"--only {part} needs {lacking[part]}")
    make_folder(report, "--report")

    counted: dict[str, Any] = {} if runs is None else {"runs": runs}
    timed = counted | {"size": size, "model": list(MODELS)}
    compared = {"backend": backend, "adapters": adapters, "peer": peer, "peer_python": peer_python}
    plot = report / "latency.png" if find_spec("matplotlib") is not None else None
    parts: dict[str, tuple[Callable[..., None], dict[str, Any]]] = {
        "latency": (latency, timed | {"backend": "all" if backend == "auto" else backend, "plot": plot}),
        "peers": (peers, timed | compared),
        "throughput": (throughput, {"backend": backend} | {name: min(count, 3) for name, count in counted.items()}),
        "scale": (scale, {"backend": backend} | counted),
        "quality": (quality, {"sets": sets} | compared),
        "refine": (refine, {"folder": sets[0] if sets else None} | compared),
        "clips": (clips, {"folder": videos} | compared),
    }
    for part in only or Part:
        if part in lacking:
            print(f"{part}: left out, as there is no {lacking[part]}")
            continue
        print(f"\n{part}")
        name = "refinement" if part == "refine" else part
        command, options = parts[part]
        command(**options, json_file=report / f"{name}.json", overwrite=True)
        write_page(report)
    print(f"{write_page(report)}: written")
