"""`bench peers`: the speed of this project beside that of other models, on the same frames in turn, each in its own process."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import engines
from benchmarks import common
from benchmarks.common import Models, Report, Runs, Seconds, Sizes, size_name
from benchmarks.measuring.engine_process import Choice, EngineProcess
from benchmarks.measuring.frames import make_frames
from benchmarks.measuring.timing import END_TO_END, WHOLE, Timing, paired_ratio
from benchmarks.measuring.turns import is_native, take_turns
from engines.commands.options import Backend, Overwrite, Threads, load_engine
from engines.commands.running import UsageError
from train.commands.models import check_peer_options, open_peers
from train.commands.options import Adapters, ComparedPrecision, JsonFile, PeerPython, Peers
from train.commands.reports import progress_bar

if TYPE_CHECKING:
    from train.evaluation.peers import Peer

SIZES = ("800x800", "1280x720", "1920x1080")
WARM_UP = 3  # frames of each size before those that count


def check_models(models: Sequence[str], adapters: Path | None, names: Sequence[str]) -> None:
    """Raise UsageError where no peer is named, one has no adapter, or two models have one name."""
    if not names:
        raise UsageError("nobody to compare with: name peers with --adapters and --peer")
    check_peer_options(adapters, names)
    from train.evaluation.scores import own_name

    everyone = [*(own_name(None, model) for model in models), *names]
    if twice := [name for name in everyone if everyone.count(name) > 1]:
        raise UsageError(f"--peer {twice[0]}: two of the models have this name; name each once")


def time_own(engine: EngineProcess, index: int) -> dict[str, float]:
    """Milliseconds of one of the frames, to alpha and foreground; where the engine composites by itself, to the picture."""
    stages = engine.time(index)
    return {WHOLE: stages.get(WHOLE, stages[END_TO_END])}


def time_peer(peer: "Peer", frames: "Sequence[engines.Frame]", index: int) -> dict[str, float]:
    """Milliseconds of one of the frames in the peer's own process, so that its transfer does not count."""
    peer(frames[index % len(frames)])
    return {WHOLE: peer.last_ms}


def named_timings(report: Report) -> list[tuple[str, str, Timing]]:
    """Each timing of a report, behind its size and its model as tables call them."""
    timings = [Timing(**each) for each in report["timings"]]
    return [(size_name(each.size), common.label(each.name, each.precision), each) for each in timings]


def table(report: Report) -> str:
    """Milliseconds a frame and the ratio to ours, in Markdown."""
    timings = named_timings(report)
    ours = timings[0][1]
    rows = []
    for size, model, timing in timings:
        ratio = "1" if model == ours else "{value:.2f} ({low:.2f} to {high:.2f})".format(**timing.ratio)
        rows.append((size, model, f"{timing.median():.1f}", f"{timing.percentile(95):.1f}", ratio))
    text = common.markdown_table(("size", "model", "median", "95 %", "ratio to ours (95 % interval)"), rows)
    return f"{text}\nMilliseconds a frame, from uint8 frame to alpha (ours: and foreground). {common.machine_of(report)}\n"


def speed_table(report: Report) -> str:
    """Median milliseconds by model and size, in Markdown."""
    timings = named_timings(report)
    sizes = list(dict.fromkeys(size for size, _, _ in timings))
    medians: dict[str, dict[str, str]] = {}
    for size, model, timing in timings:
        medians.setdefault(model, {})[size] = f"{timing.median():.0f}"
    rows = [[model, *(cells.get(size, "") for size in sizes)] for model, cells in medians.items()]
    return f"{common.markdown_table(['milliseconds a frame', *sizes], rows)}\n{common.machine_of(report)}\n"


def peers(
    size: Sizes = None,
    runs: Runs = 50,
    seconds: Seconds = 45,
    backend: Backend = "auto",
    threads: Threads = None,
    precision: ComparedPrecision = "auto",
    model: Models = None,
    adapters: Adapters = None,
    peer: Peers = None,
    peer_python: PeerPython = None,
    json_file: JsonFile = None,
    overwrite: Overwrite = False,
) -> None:
    """Speed beside other models: the same frames in turn, each in its own process; ratios of times with their 95 % intervals.

    All run in fp32, ours also in the precision that it takes here, and then the peers in bf16 if the CPU has it. Times are
    from the uint8 frame to alpha (ours: and foreground). An adapter is a module with load() -> f(uint8 RGB (H, W, 3)) -> alpha
    (H, W).

    \b
    Examples:
      bench peers --adapters adapters --peer rvm --peer mp_selfie
      bench peers --adapters adapters --peer modnet --size 800x800 --json peers.json
    """
    sizes = common.sizes_of(size or SIZES)
    models, names = common.models_of(model), peer or []
    check_models(models, adapters, names)
    from train.evaluation.scores import own_name

    rows: list[Report] = []
    with common.reported(table, json_file, overwrite, threads) as report, ExitStack() as stack:
        with load_engine(backend, threads=threads, precision=precision) as engine:
            backend, precision = engine.name, engine.precision
        own = [Choice(backend, level, each) for each in models for level in dict.fromkeys((precision, "fp32"))]
        peer_levels = ["bf16", "fp32"] if precision != "fp32" and is_native("bf16") else ["fp32"]
        opened: list[Peer] = []
        for name, level in product(names, peer_levels):
            opened += stack.enter_context(open_peers(adapters, [name], threads=threads, precision=level, python=peer_python))
        named = [(own_name(None, each.model), each.precision) for each in own]
        named += [(each.name, each.precision) for each in opened]
        for place, each in enumerate(sizes, 1):
            frames = make_frames(each)
            with ExitStack() as at_size:
                ours = [at_size.enter_context(EngineProcess(choice, each, threads)) for choice in own]
                turns = [*(partial(time_own, one) for one in ours), *(partial(time_peer, one, frames) for one in opened)]
                with progress_bar(f"{size_name(each)} ({place} of {len(sizes)})", WARM_UP + runs) as advance:
                    taken = take_turns(turns, runs, WARM_UP, seconds, advance)
            for (name, level), stages in zip(named, taken, strict=True):
                rows.append(vars(Timing(name, level, each, stages, ratio=paired_ratio(stages[WHOLE], taken[0][WHOLE]))))
        report |= {"backend": backend, "runs": runs, "timings": rows}
