"""`bench clips`: flicker and error on clips with known alpha, ours with and without its filter, and peers as they stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks import common
from benchmarks.common import Advance, JsonFile, Report
from benchmarks.measuring.machine import LoadMonitor
from engines.commands.options import Model, Overwrite, Precision, Threads, load_engine
from engines.commands.running import UsageError
from realtime.choices import MAX_SMOOTH, SMOOTH
from train.commands.models import check_peer_options
from train.commands.options import Adapters, EngineOrNone, PeerPython, Peers

if TYPE_CHECKING:
    from engines import Engine, Frame, Mask, Matte
    from train.evaluation.peers import Peer
    from train.evaluation.scores import TestSet

RATE = 25  # frames a second that the clips stand for
METRICS = {"dtssd": ("dtSSD", 1e2), "mse": ("MSE", 1e3), "sad": ("SAD", 1e3)}  # heading, and what it is multiplied by
NOTE = (
    "dtSSD x1e-2, MSE and SAD (mean absolute difference, also called MAD) x1e-3, as the field's tables of videos have them: "
    "means over the frames of a clip, then over clips. A streaming peer starts each clip anew."
)
Means = dict[str, dict[str, float]]  # by model and metric


@dataclass
class ClipScore:
    """The errors of a model on one clip, frame by frame; only the last frame is kept."""

    errors: dict[str, list[float]] = field(default_factory=lambda: {metric: [] for metric in METRICS})
    _last: tuple[Mask, Mask] | None = None

    def add(self, alpha: Mask, truth: Mask) -> None:
        """Count the next frame."""
        from train.evaluation.metrics import dtssd, mse, sad

        self.errors["mse"].append(mse(alpha, truth))
        self.errors["sad"].append(sad(alpha, truth))
        if self._last is not None:
            self.errors["dtssd"].append(dtssd([self._last[0], alpha], [self._last[1], truth]))
        self._last = alpha, truth

    def means(self) -> dict[str, float]:
        """The clip's figure for each metric."""
        return {metric: fmean(values) for metric, values in self.errors.items()}


Evaluated = Callable[["Frame", "Frame | None"], dict[str, "Mask"]]  # alphas by name of a frame; the next one is in sight


class Ours:
    """One of our engines on one clip: frame by frame, and with each strength of the filter on the same mattes.

    The filter is that of live video, and that of files, which sees the next frame, too.
    """

    def __init__(self, engine: Engine, strengths: list[float]) -> None:
        from realtime.compositing.temporal import TemporalFilter

        self._engine = engine
        self._filters = {
            f"ours, {engine.name}, smooth {strength:g}{', file' if ahead else ''}": (TemporalFilter(strength), ahead)
            for strength in strengths
            for ahead in (False, True)
        }
        self._index = 0
        self._next: Matte | None = None

    def __call__(self, frame: Frame, following: Frame | None) -> dict[str, Mask]:
        """The alphas of the next frame, by model."""
        from realtime.packet import Packet

        matte = self._next or self._engine(frame)
        self._next = None if following is None else self._engine(following)
        alphas = {f"ours, {self._engine.name}": matte.alpha}
        for name, (smooth, ahead) in self._filters.items():
            packet = Packet(frame, Fraction(self._index, RATE), self._index, matte=matte)
            later = None
            if ahead and following is not None:
                later = Packet(following, Fraction(self._index + 1, RATE), self._index + 1, matte=self._next)
            smooth(packet, later)
            alphas[name] = packet.fetch().alpha
        self._index += 1
        return alphas


def streaming(peer: Peer) -> Evaluated:
    """A peer on one clip: it keeps its state from frame to frame where it can."""
    name = f"{peer.name}, streaming" if peer.streams else peer.name
    return lambda frame, _: {name: peer(frame)}


def score_clip(clip: TestSet, models: Sequence[Evaluated], advance: Advance) -> Means:
    """The mean errors of the models on the frames of a clip, in order."""
    from train.evaluation.scores import read_item

    scores: dict[str, ClipScore] = {}
    frame, truth = read_item(clip.items[0])
    for item in [*clip.items[1:], None]:
        following = None if item is None else read_item(item)
        for model in models:
            for name, alpha in model(frame, following and following[0]).items():
                scores.setdefault(name, ClipScore()).add(alpha, truth)
        if following is not None:
            frame, truth = following
        advance()
    return {name: score.means() for name, score in scores.items()}


def open_clips(folder: Path) -> list[TestSet]:
    """The clips of a folder: each a set of frames and their truths, in the order of their names. Raises UsageError."""
    from train.evaluation.scores import open_set

    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; make clips with shm-eval clips")
    if (folder / "images").is_dir():
        clips = [open_set(folder)]
    else:
        clips = [open_set(each) for each in sorted(folder.iterdir()) if (each / "images").is_dir() and each.name[0] != "."]
    if not clips:
        raise UsageError(f"{folder}: holds no clips, folders with images/ and alphas/; make some with shm-eval clips")
    for clip in clips:
        if len(clip.items) < 2:
            raise UsageError(f"{folder}: {clip.name} has one frame only; flicker needs two")
    return clips


def means_of(results: dict[str, Means]) -> dict[str, Means]:
    """The mean over all clips, after those over clips of a kind where the clips' names tell it, as in 03-desk-042."""
    kinds: dict[str, list[str]] = {}
    for name in results:
        kinds.setdefault(name.split("-")[1] if name.count("-") > 1 else "", []).append(name)
    by_kind = {f"mean, {kind}": [results[name] for name in names] for kind, names in kinds.items() if kind}
    groups = {**by_kind, "mean": list(results.values())}
    return {
        kind: {name: {metric: fmean(clip[name][metric] for clip in clips) for metric in METRICS} for name in clips[0]}
        for kind, clips in groups.items()
    }


def table(report: Report) -> str:
    """Flicker and errors, means over the clips, and over those of each kind, in Markdown."""
    headings = [f"{heading} x{1 / unit:.0e}".replace("e-0", "e-") for heading, unit in METRICS.values()]
    text = common.head("clips", "model", *headings)
    for kind, models in report["means"].items():
        for name, means in models.items():
            figures = (f"{unit * means[metric]:.2f}" for metric, (_, unit) in METRICS.items())
            text += common.row(kind, common.name_of(name), *figures)
    return text


def clips(
    folder: Annotated[Path, typer.Argument(metavar="CLIPS", help="A clip, or a folder of clips: images/ and alphas/ in each.")],
    smooth: Annotated[
        list[float] | None, typer.Option(min=0, max=MAX_SMOOTH, help="Strength of the filter; may be given again.")
    ] = None,
    backend: EngineOrNone = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = "base",
    adapters: Adapters = None,
    peer: Peers = None,
    peer_python: PeerPython = None,
    json_file: JsonFile = None,
    overwrite: Overwrite = False,
) -> None:
    """Flicker (dtSSD) and error on clips with known alpha: ours with and without its filter, and peers as they stream.

    \b
    Examples:
      bench clips clips
      bench clips clips --smooth 0.5 --smooth 0.8 --adapters adapters --peer rvm --json clips.json
    """
    from train.evaluation.peers import Peer

    found = open_clips(folder)
    common.check_outputs(json_file, overwrite=overwrite)
    check_peer_options(adapters, peer or [])
    if backend == "none" and not peer:
        raise UsageError("--backend none leaves nothing to run; name a peer with --adapters and --peer")
    monitor = LoadMonitor()
    results: dict[str, Means] = {}
    with ExitStack() as stack:
        engine = None
        if backend != "none":
            engine = stack.enter_context(load_engine(backend, threads=threads, precision=precision, model=model))
        advance = stack.enter_context(common.progress_bar(folder.name, sum(len(clip.items) for clip in found)))
        for clip in found:
            with ExitStack() as streams:  # peers are opened anew for each clip, so that none remembers the clip before
                models: list[Evaluated] = []
                if engine is not None:
                    models.append(Ours(engine, [SMOOTH] if smooth is None else smooth))
                for name in peer or []:
                    assert adapters is not None  # or check_peers had complained
                    # Always in fp32: in bf16 RobustVideoMatting fails at some sizes, and it is quality that is compared.
                    one = Peer(adapters, name, threads=threads, precision="fp32", python=peer_python, stream=True)
                    models.append(streaming(streams.enter_context(one)))
                results[clip.name] = score_clip(clip, models, advance)
    report = common.environment(monitor, threads) | {"clips": results, "means": means_of(results)}
    common.show(f"{table(report)}\n{NOTE}")
    common.write_report(json_file, report)
