"""`bench clips`: flicker and error on clips with known alpha, ours with and without its filter, and peers as they stream."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from statistics import fmean
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import engines
from engines import Engine, Frame, Mask
from engines.commands.options import Model, Precision, Threads
from engines.commands.running import UsageError
from realtime.compositing.temporal import DEFAULT, Steady
from realtime.packet import Packet
from train.commands.evaluate import check_report, progress_bar, write_report
from train.commands.options import Adapters, EngineOrNone, JsonFile, PeerPython, Peers
from train.evaluation.metrics import dtssd, mse, sad
from train.evaluation.peers import Peer, check_peers
from train.evaluation.scores import TestSet, open_set, read_item

RATE = 25  # frames a second that the clips stand for
METRICS = {"dtssd": ("dtSSD", 1e2), "mse": ("MSE", 1e3), "sad": ("SAD", 1e3)}  # heading, and what it is multiplied by
NOTE = (
    "dtSSD x1e-2, MSE and SAD (mean absolute difference, also called MAD) x1e-3, as the field's tables of videos have them: "
    "means over the frames of a clip, then over clips. A streaming peer starts each clip anew."
)
Alphas = dict[str, Mask]
AlphasOf = Callable[[Frame], Alphas]


@dataclass
class ClipScore:
    """How a model did on one clip, frame by frame; only the last frame is kept."""

    errors: dict[str, list[float]] = field(default_factory=lambda: {metric: [] for metric in METRICS})
    _last: tuple[Mask, Mask] | None = None

    def add(self, alpha: Mask, truth: Mask) -> None:
        """Counts the next frame."""
        self.errors["mse"].append(mse(alpha, truth))
        self.errors["sad"].append(sad(alpha, truth))
        if self._last is not None:
            self.errors["dtssd"].append(dtssd([self._last[0], alpha], [self._last[1], truth]))
        self._last = alpha, truth

    def means(self) -> dict[str, float]:
        """The clip's figure for each metric."""
        return {metric: fmean(values) for metric, values in self.errors.items()}


class Ours:
    """One of our engines on one clip: frame by frame, and with each strength of the filter on the same mattes."""

    def __init__(self, engine: Engine, strengths: list[float]) -> None:
        self._engine = engine
        self._filters = {f"ours, {engine.name}, smooth {strength:g}": Steady(strength) for strength in strengths}
        self._index = 0

    def __call__(self, frame: Frame) -> Alphas:
        """The alphas of the next frame, by model."""
        matte = self._engine(frame)
        alphas = {f"ours, {self._engine.name}": matte.alpha}
        for name, steady in self._filters.items():
            packet = Packet(frame, Fraction(self._index, RATE), self._index, matte=matte)
            steady(packet)
            assert packet.matte is not None
            alphas[name] = packet.matte.alpha
        self._index += 1
        return alphas


class StreamingPeer:
    """A peer on one clip, in a process of its own: it keeps its state from frame to frame where it can."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._name = f"{peer.name}, streaming" if peer.streams else peer.name

    def __call__(self, frame: Frame) -> Alphas:
        """The alpha of the next frame, by the peer's name."""
        return {self._name: self._peer(frame)}


def score_clip(clip: TestSet, models: Sequence[AlphasOf], advance: Callable[[], None]) -> dict[str, ClipScore]:
    """Puts the frames of a clip to the models, in order."""
    scores: dict[str, ClipScore] = {}
    for item in clip.items:
        frame, truth = read_item(item)
        for model in models:
            for name, alpha in model(frame).items():
                scores.setdefault(name, ClipScore()).add(alpha, truth)
        advance()
    return scores


def open_clips(folder: Path) -> list[TestSet]:
    """The clips of a folder: each a set of frames and their truths, in the order of their names. Raises UsageError."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; make clips with python -m train.evaluation.clips")
    if (folder / "images").is_dir():
        clips = [open_set(folder)]
    else:
        clips = [open_set(each) for each in sorted(folder.iterdir()) if (each / "images").is_dir() and each.name[0] != "."]
    if not clips:
        raise UsageError(
            f"{folder}: holds no clips, folders with images/ and alphas/; make some with python -m train.evaluation.clips"
        )
    for clip in clips:
        if len(clip.items) < 2:
            raise UsageError(f"{folder}: {clip.name} has one frame only; flicker needs two")
    return clips


def clips(
    folder: Annotated[Path, typer.Argument(metavar="CLIPS", help="A clip, or a folder of clips: images/ and alphas/ in each.")],
    smooth: Annotated[list[float] | None, typer.Option(help="Strength of the filter; may be given again.")] = None,
    backend: EngineOrNone = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = "base",
    adapters: Adapters = None,
    peer: Peers = None,
    peer_python: PeerPython = None,
    json_file: JsonFile = None,
) -> None:
    """Flicker (dtSSD) and error on clips with known alpha: ours with and without its filter, and peers as they stream.

    [bold]Examples[/bold]

      bench clips clips

      bench clips clips --smooth 0.5 --smooth 0.8 --adapters adapters --peer rvm --json clips.json
    """
    found = open_clips(folder)
    strengths = [DEFAULT] if smooth is None else smooth
    for strength in strengths:
        Steady(strength)  # says what is wrong with it before the work is done
    check_report(json_file)
    check_peers(adapters, peer or [])
    if backend == "none" and not peer:
        raise UsageError("--backend none leaves nothing to run; name a peer with --adapters and --peer")
    results: dict[str, dict[str, dict[str, float]]] = {}
    # The peers are opened anew for each clip, so that none remembers the clip before.
    with ExitStack() as stack:
        engine = None
        if backend != "none":
            engine = stack.enter_context(closing(engines.load(backend, threads=threads, precision=precision, model=model)))
        advance = stack.enter_context(progress_bar(folder.name, sum(len(clip.items) for clip in found)))
        for clip in found:
            with ExitStack() as streams:
                models: list[AlphasOf] = [] if engine is None else [Ours(engine, strengths)]
                for name in peer or []:
                    assert adapters is not None  # or check_peers had complained
                    # In fp32, always: in bf16 RobustVideoMatting fails at some sizes, and it is quality that is compared.
                    one = Peer(adapters, name, threads=threads, precision="fp32", python=peer_python, stream=True)
                    models.append(StreamingPeer(streams.enter_context(one)))
                scores = score_clip(clip, models, advance)
            results[clip.name] = {name: score.means() for name, score in scores.items()}
    Console().print(clips_table(folder.name, results))
    Console().print(NOTE, style="dim")
    if json_file is not None:
        write_report(json_file, {"clips": results, "means": means_of(results)})


def means_of(results: dict[str, dict[str, dict[str, float]]]) -> dict[str, dict[str, dict[str, float]]]:
    """The mean over all clips, after those over clips of a kind where the clips' names tell it, as in 03-desk-042."""
    kinds: dict[str, list[str]] = {}
    for name in results:
        kinds.setdefault(name.split("-")[1] if name.count("-") > 1 else "", []).append(name)
    by_kind = {f"mean, {kind}": mean_of({name: results[name] for name in names}) for kind, names in kinds.items() if kind}
    return {**by_kind, "mean": mean_of(results)}


def mean_of(results: dict[str, dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """The mean over clips of each model's figures."""
    models = next(iter(results.values()))
    return {name: {metric: fmean(clip[name][metric] for clip in results.values()) for metric in METRICS} for name in models}


def clips_table(title: str, results: dict[str, dict[str, dict[str, float]]]) -> Table:
    """A row a model for each clip, and for their mean, the best of each in bold."""
    table = Table(title=f"{title}: {len(results)} clips", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("clip", "model"):
        table.add_column(heading, no_wrap=True)
    for heading, _ in METRICS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for clip, models in {**results, **means_of(results)}.items():
        best = {metric: min(figures[metric] for figures in models.values()) for metric in METRICS}
        for row, (name, figures) in enumerate(models.items()):
            cells = []
            for metric, (_, unit) in METRICS.items():
                text = f"{unit * figures[metric]:.2f}"
                cells.append(f"[bold]{text}[/bold]" if figures[metric] == best[metric] and len(models) > 1 else text)
            table.add_row("" if row else clip, name, *cells, end_section=row == len(models) - 1)
    return table
