"""`bench clips`: flicker and error on clips with known alpha, ours with and without its filter, and peers as they stream."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks import common
from benchmarks.common import Advance, Report
from engines.commands.options import Closer, Overwrite, Precision, Threads, load_engine
from realtime.choices import MAX_SMOOTH, SMOOTH
from train.commands.models import check_peer_options, open_clips, open_peers
from train.commands.options import Adapters, EngineOrNone, JsonFile, PeerPython, Peers
from train.commands.reports import progress_bar

if TYPE_CHECKING:
    from engines import Engine, Mask
    from realtime import Packet, TemporalFilter
    from train.evaluation.peers import Peer
    from train.evaluation.scores import TestSet

RATE = 25  # frames a second that the clips stand for
METRICS = {"dtssd": ("dtSSD x1e-2", 1e2), "mse": ("MSE x1e-3", 1e3), "sad": ("SAD x1e-3", 1e3)}  # heading, and factor
NOTE = (
    "dtSSD x1e-2, MSE and SAD (mean absolute difference, also called MAD) x1e-3, as the field's tables of videos have them: "
    "means over the frames of a clip, then over clips. A streaming peer starts each clip anew."
)
Means = dict[str, dict[str, float]]  # by model and metric
Alphas = Callable[["Packet", "Packet | None"], "Mask"]  # the alpha of a packet that our engine has matted; the next is in sight


def filtered(smooth: "TemporalFilter", ahead: bool, packet: "Packet", following: "Packet | None") -> "Mask":
    """Our alpha as the filter of live video leaves it, or that of files, which looks `ahead`."""
    smoothed = replace(packet)
    smooth(smoothed, following if ahead else None)
    return smoothed.fetch().alpha


def streamed(peer: "Peer", packet: "Packet", _: "Packet | None") -> "Mask":
    """A peer's alpha; it keeps its state from frame to frame where it can."""
    return peer(packet.frame)


def own_models(engine: "Engine", strengths: Sequence[float]) -> dict[str, Alphas]:
    """What is measured of an engine on one clip: its mattes, and each strength of the filter on the same ones."""
    from realtime import TemporalFilter
    from train.evaluation.scores import own_name

    ours = own_name(engine.name, engine.model)
    models: dict[str, Alphas] = {ours: lambda packet, _: packet.fetch().alpha}
    for strength in strengths:
        models[f"{ours}, smooth {strength:g}"] = partial(filtered, TemporalFilter(strength), False)
        models[f"{ours}, smooth {strength:g}, file"] = partial(filtered, TemporalFilter(strength), True)
    return models


def peer_models(peers: "Sequence[Peer]") -> dict[str, Alphas]:
    """What is measured of peers on one clip."""
    return {f"{peer.name}, streaming" if peer.streams else peer.name: partial(streamed, peer) for peer in peers}


def matted(clip: "TestSet", engine: "Engine | None") -> "Iterator[tuple[Packet, Mask]]":
    """The frames of a clip in order, with our matte if there is an engine, and their true alphas."""
    from realtime import Packet
    from train.evaluation.scores import read_item

    for index, (frame, truth) in enumerate(map(read_item, clip.items)):
        yield Packet(frame, Fraction(index, RATE), index, matte=None if engine is None else engine(frame)), truth


def score_clip(clip: "TestSet", engine: "Engine | None", models: dict[str, Alphas], advance: Advance = lambda: None) -> Means:
    """The mean errors of the models on a clip. `advance` is called after each of its frames."""
    from train.evaluation.metrics import dtssd, mse, sad

    errors: dict[str, dict[str, list[float]]] = {name: {metric: [] for metric in METRICS} for name in models}
    last: dict[str, tuple[Mask, Mask]] = {}  # alpha and truth: only two frames are kept
    for now, following in pairwise(chain(matted(clip, engine), [None])):
        assert now is not None
        packet, truth = now
        for name, model in models.items():
            pair = model(packet, following and following[0]), truth
            errors[name]["mse"].append(mse(*pair))
            errors[name]["sad"].append(sad(*pair))
            if name in last:
                errors[name]["dtssd"].append(dtssd(*zip(last[name], pair, strict=True)))
            last[name] = pair
        advance()
    return {name: {metric: fmean(values) for metric, values in each.items()} for name, each in errors.items()}


def means_of(results: dict[str, Means]) -> dict[str, Means]:
    """The mean over all clips, after those over clips of a kind where the clips' names tell it, as in 03-desk-042."""
    groups: dict[str, list[Means]] = {}
    for name, models in results.items():
        if name.count("-") > 1:
            groups.setdefault(f"mean, {name.split('-')[1]}", []).append(models)
    groups["mean"] = list(results.values())
    return {
        kind: {name: {metric: fmean(clip[name][metric] for clip in clips) for metric in METRICS} for name in clips[0]}
        for kind, clips in groups.items()
    }


def table(report: Report) -> str:
    """Flicker and errors, means over the clips, and over those of each kind, in Markdown."""
    rows = [
        (kind, common.name_of(name), *(f"{factor * means[metric]:.2f}" for metric, (_, factor) in METRICS.items()))
        for kind, models in report["means"].items()
        for name, means in models.items()
    ]
    return common.markdown_table(["clips", "model", *(heading for heading, _ in METRICS.values())], rows)


def clips(
    folder: Annotated[Path, typer.Argument(metavar="CLIPS", help="A clip, or a folder of clips: images/ and alphas/ in each.")],
    smooth: Annotated[
        list[float] | None, typer.Option(min=0, max=MAX_SMOOTH, help="Strength of the filter; may be given again.")
    ] = None,
    backend: EngineOrNone = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: common.Models = None,
    closer: Closer = True,
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
      bench clips clips --model base --model large
      bench clips clips --smooth 0.5 --smooth 0.8 --adapters adapters --peer rvm --json clips.json
    """
    found = open_clips(folder)
    check_peer_options(adapters, peer or [], backend)
    results: dict[str, Means] = {}
    strengths = [SMOOTH] if smooth is None else smooth
    with common.reported(table, json_file, overwrite, threads) as report, ExitStack() as stack:
        engines = [
            stack.enter_context(load_engine(backend, threads=threads, precision=precision, model=each, closer=closer))
            for each in (common.models_of(model) if backend != "none" else [])
        ]
        passes = len(engines) + bool(peer)
        advance = stack.enter_context(progress_bar(folder.name, passes * sum(len(clip.items) for clip in found)))
        for clip in found:
            means = results[clip.name] = {}
            for engine in engines:
                means |= score_clip(clip, engine, own_models(engine, strengths), advance)
            if peer:
                # They are opened anew for each clip, so that none remembers the clip before; and in fp32, as quality is
                # compared, and in bf16 RobustVideoMatting fails at some sizes.
                with open_peers(adapters, peer, threads=threads, python=peer_python, stream=True) as peers:
                    means |= score_clip(clip, None, peer_models(peers), advance)
        report |= {"clips": results, "means": means_of(results)}
    print(f"\n{NOTE}")
