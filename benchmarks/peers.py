"""`bench peers`: this project beside other models: the same frames in turn, each in a process of its own; speed and quality."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmarks import common
from benchmarks.common import HEADINGS, Advance, JsonFile, Models, Report, Runs, Seconds, Sizes, size_name
from benchmarks.measuring.timing import WHOLE, Ratio, Timing, own_name, paired_ratio
from benchmarks.measuring.turns import take_turns
from engines.commands.options import Backend, Threads, load_engine
from engines.commands.running import UsageError
from train.commands.models import check_peer_options
from train.commands.options import Adapters, ComparedPrecision, PeerPython, Peers

if TYPE_CHECKING:
    from engines import Frame
    from train.evaluation.peers import Peer
    from train.evaluation.scores import TestSet

ROOT = Path(__file__).parents[1]
SIZES = ("800x800", "1280x720", "1920x1080")
# An adapter, as peers have them, of our own engine. {root} is the folder of this project.
OWN_ADAPTER = """import os, sys
sys.path.append({root!r})
import engines
def load():
    precision = os.environ["PEERS_PREC"].replace("f32", "fp32")
    engine = engines.load({backend!r}, threads={threads!r}, precision=precision, model={model!r})
    return lambda frame: engine(frame).alpha
"""


def check_models(models: Sequence[str], adapters: Path | None, names: Sequence[str] | None) -> Sequence[str]:
    """The peers that are named. Raises UsageError where there are none, or two models have one name."""
    if not names:
        raise UsageError("nobody to compare with: name peers with --adapters and --peer")
    check_peer_options(adapters, names)
    everyone = [*(own_name(None, model) for model in models), *names]
    if twice := [name for name in everyone if everyone.count(name) > 1]:
        raise UsageError(f"--peer {twice[0]}: two of the models have this name; name each once")
    return names


@contextmanager
def opened_models(
    backend: str,
    precision: str,
    threads: int | None,
    models: Sequence[str],
    adapters: Path,
    names: Sequence[str],
    python: Path | None,
) -> Iterator[list[Peer]]:
    """Our engine, of each of `models`, and the peers of `names`, each in its own process; ours in the Python that runs this.

    All of them run in fp32. Where ours runs in another `precision`, it does so as well, and so do the others if that is bf16:
    it makes some of them faster, and some of them worse.
    """
    from train.evaluation.peers import Peer

    with ExitStack() as stack:
        made = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        for model in models:
            own = OWN_ADAPTER.format(root=str(ROOT), backend=backend, threads=threads, model=model)
            (made / f"{own_name(None, model)}.py").write_text(own, encoding="utf-8")
        levels = list(dict.fromkeys((precision, "fp32")))
        peers = []
        everyone: list[tuple[Path, str, Path | None]] = [(made, own_name(None, model), None) for model in models]
        everyone += [(adapters, name, python) for name in names]
        for folder, name, interpreter in everyone:
            for level in levels:
                if level in ("fp32", "bf16") or folder == made:
                    peer = Peer(folder, name, threads=threads, precision=level, python=interpreter)
                    peers.append(stack.enter_context(peer))
        yield peers


class Turn:
    """A peer as a contestant: frames in turn, timed in its own process, so that handing them over costs it nothing."""

    def __init__(self, peer: Peer, frames: Sequence[Frame]) -> None:
        self.name = peer.name
        self.precision = peer.precision
        self._peer = peer
        self._frames = frames

    def time(self, index: int) -> dict[str, float]:
        """Milliseconds from the uint8 frame to all that the model gives."""
        self._peer(self._frames[index % len(self._frames)])
        return {WHOLE: self._peer.last_ms}


def frames_of(size: tuple[int, int], test_set: TestSet | None, count: int = 4) -> list[Frame]:
    """A few frames of a size (width, height): of a set's pictures, spread over it, else of the sample."""
    from benchmarks.measuring.frames import cover, make_frames
    from train.evaluation.scores import read_item

    if test_set is None:
        return make_frames(size, count)
    step = max(1, len(test_set.items) // count)
    return [cover(read_item(item)[0], size) for item in test_set.items[::step][:count]]


def ratios(timings: Sequence[Timing]) -> list[Ratio]:
    """Each one's time over the first one's, which is ours, round by round; above 1 is slower than ours."""
    return [paired_ratio(timing.stages[WHOLE], timings[0].stages[WHOLE]) for timing in timings]


def score(peers: Sequence[Peer], test_set: TestSet, advance: Advance) -> Report:
    """The mean errors of each one's alpha on a set."""
    from train.evaluation.scores import PeerCandidate, score_set

    scores = score_set(test_set, [PeerCandidate(peer) for peer in peers], advance)
    means = [
        {"name": peer.name, "precision": peer.precision, "mean": each.means()} for peer, each in zip(peers, scores, strict=True)
    ]
    return {"set": test_set.name, "pictures": len(test_set.items), "models": means}


def _timing(each: dict[str, Any]) -> Timing:
    return Timing(**{name: value for name, value in each.items() if name != "ratio"})


def table(report: Report) -> str:
    """Milliseconds a frame and the ratio to ours, and quality where it was measured, in Markdown."""
    text = common.head("size", "model", "median", "95 %", "ratio to ours (95 % interval)")
    first = report["timings"][0]
    for timed in report["timings"]:
        timing, ratio = _timing(timed), Ratio(**timed["ratio"])
        ours = (timed["name"], timed["precision"]) == (first["name"], first["precision"])
        figures = (f"{timing.median():.1f}", f"{timing.percentile(95):.1f}", "1" if ours else str(ratio))
        text += common.row(size_name(timing.size), f"{common.name_of(timing.name)}, {timing.precision}", *figures)
    text += f"\nMilliseconds a frame, from uint8 frame to alpha (ours: and foreground). {common.machine_of(report)}\n"
    if "quality" not in report:
        return text
    models = report["quality"]["models"]
    metrics = [metric for metric in HEADINGS if metric in models[0]["mean"]]
    text += "\n" + common.head(report["quality"]["set"], "IoU", *(HEADINGS[metric] for metric in metrics))
    for model in models:
        text += common.errors_row(f"{common.name_of(model['name'])}, {model['precision']}", model["mean"], metrics)
    return f"{text}\nErrors x1e-3 on {report['quality']['pictures']} pictures, in the same run.\n"


def speed_table(report: Report) -> str:
    """Median milliseconds by model and size, in Markdown."""
    sizes = list(dict.fromkeys(size_name(each["size"]) for each in report["timings"]))
    medians: dict[str, dict[str, str]] = {}
    for timing in map(_timing, report["timings"]):
        cells = medians.setdefault(f"{common.name_of(timing.name)}, {timing.precision}", {})
        cells[size_name(timing.size)] = f"{timing.median():.0f}"
    text = common.head("milliseconds a frame", *sizes)
    text += "".join(common.row(name, *(cells.get(size, "") for size in sizes)) for name, cells in medians.items())
    return f"{text}\n{common.machine_of(report)}\n"


def peers(
    size: Sizes = None,
    runs: Runs = 50,
    warm_up: Annotated[int, typer.Option(min=0, help="Frames before them that do not.")] = 3,
    seconds: Seconds = 45,
    backend: Backend = "auto",
    threads: Threads = None,
    precision: ComparedPrecision = "auto",
    model: Models = None,
    adapters: Adapters = None,
    peer: Peers = None,
    peer_python: PeerPython = None,
    test_set: Annotated[
        Path | None, typer.Option("--set", help="Folder with images/ and alphas/ or masks/: its pictures, and quality.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """This project beside other models: the same frames in turn, in processes alike; the ratio of times with its 95 % interval.

    All run in fp32, and in bf16 too where that is what ours takes on this machine: it makes some faster, and some worse. Times
    are from the uint8 frame to alpha (ours: and foreground). With --set the frames are its pictures, in each size, and every
    model is scored on the whole set. An adapter is a module with load() -> f(uint8 RGB (H, W, 3)) -> alpha (H, W).

    \b
    Examples:
      bench peers --adapters adapters --peer rvm --peer mp_selfie --set eval/composites
      bench peers --adapters adapters --peer modnet --size 800x800 --json peers.json
    """
    sizes = common.sizes_of(size or SIZES)
    common.check_outputs(json_file)
    models = common.models_of(model)
    names = check_models(models, adapters, peer)
    from benchmarks.measuring.machine import Watch
    from train.evaluation.scores import open_set

    scored = None if test_set is None else open_set(test_set)
    with load_engine(backend, threads=threads, precision=precision) as engine:
        backend, precision = engine.name, engine.precision
    watch = Watch()
    rows: list[dict[str, Any]] = []
    with opened_models(backend, precision, threads, models, adapters or Path(), names, peer_python) as opened:
        for place, each in enumerate(sizes, 1):
            frames = frames_of(each, scored)
            with common.progress_bar(f"{size_name(each)} ({place} of {len(sizes)})", warm_up + runs) as advance:
                timings = take_turns([Turn(one, frames) for one in opened], each, runs, warm_up, seconds, advance)
            rows += [vars(timing) | {"ratio": vars(ratio)} for timing, ratio in zip(timings, ratios(timings), strict=True)]
        report = common.circumstances(watch, threads) | {"backend": backend, "runs": runs, "timings": rows}
        if scored is not None:
            with common.progress_bar(scored.name, len(scored.items) * len(opened)) as advance:
                report["quality"] = score(opened, scored, advance)
    common.show(table(report))
    common.write_report(json_file, report)
