"""Our engine, peers and test sets, as the options of a command name them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engines.commands.options import load_engine
from engines.commands.running import UsageError

if TYPE_CHECKING:
    from engines import Engine
    from train.evaluation.peers import Peer
    from train.evaluation.scores import Candidate, TestSet


def open_sets(folders: Sequence[Path]) -> "list[TestSet]":
    """The sets in some folders. Raises UsageError where two have one name, and DataError as `open_set` does."""
    from train.evaluation.scores import open_set

    test_sets = [open_set(folder) for folder in folders]
    if len({test_set.name for test_set in test_sets}) < len(test_sets):
        raise UsageError("SET: two sets have the same name; evaluate them one at a time")
    return test_sets


def open_clips(folder: Path) -> "list[TestSet]":
    """The clips of a folder: each a set of frames and their truths, in the order of their names.

    Raises UsageError where there are none, or one has a single frame, and DataError as `open_set` does.
    """
    from train.evaluation.scores import open_set

    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; make clips with shm-eval clips")
    folders = [folder] if (folder / "images").is_dir() else sorted(folder.glob("[!.]*"))
    clips = [open_set(each) for each in folders if (each / "images").is_dir()]
    if not clips:
        raise UsageError(f"{folder}: holds no clips, folders with images/ and alphas/; make some with shm-eval clips")
    for clip in clips:
        if len(clip.items) < 2:
            raise UsageError(f"{folder}: {clip.name} has one frame only; flicker needs two")
    return clips


def check_peer_options(adapters: Path | None, names: Sequence[str], backend: str = "auto") -> None:
    """Raise UsageError unless --adapters has an adapter of each name, or where the backend "none" leaves nothing to run."""
    from train.evaluation.peers import check_peers

    if backend == "none" and not names:
        raise UsageError("--backend none leaves nothing to run; name a peer with --adapters and --peer")
    if names and adapters is None:
        raise UsageError("--peer needs --adapters: the folder of the peers' adapters")
    if adapters is not None:
        check_peers(adapters, names)


@contextmanager
def open_models(
    backend: str,
    threads: int | None,
    precision: str,
    model: str,
    adapters: Path | None,
    names: Sequence[str],
    python: Path | None,
) -> Iterator[tuple["Engine | None", "list[Peer]"]]:
    """Our engine, None for the backend "none", and the peers; closed at the end of the block.

    The peers run in bf16 if our engine, or else `precision`, does; else in fp32. Raises UsageError if there is nothing to run.
    """
    check_peer_options(adapters, names, backend)
    with ExitStack() as stack:
        engine = None
        if backend != "none":
            engine = stack.enter_context(load_engine(backend, threads=threads, precision=precision, model=model))
            precision = engine.precision
        level = "bf16" if precision == "bf16" else "fp32"
        yield engine, stack.enter_context(open_peers(adapters, names, threads=threads, precision=level, python=python))


@contextmanager
def open_peers(
    adapters: Path | None,
    names: Sequence[str],
    *,
    threads: int | None,
    precision: str = "fp32",
    python: Path | None,
    stream: bool = False,
) -> Iterator["list[Peer]"]:
    """The peers, with the settings that `Peer` takes; closed at the end of the block. Raises UsageError without --adapters."""
    from train.evaluation.peers import Peer

    check_peer_options(adapters, names)
    with ExitStack() as stack:
        yield [
            stack.enter_context(Peer(adapters, name, threads=threads, precision=precision, python=python, stream=stream))
            for name in names
            if adapters is not None
        ]


def candidates_of(engine: "Engine | None", peers: Sequence["Peer"], *, stages: bool = False) -> "list[Candidate]":
    """Our engine, if there is one, and peers, to be scored; with `stages`, the masks of MPN and QUN alone, too."""
    from train.evaluation.scores import MaskCandidate, OwnCandidate, PeerCandidate

    candidates: list[Candidate] = []
    if engine is not None:
        candidates.append(OwnCandidate(engine))
        if stages:
            candidates += [MaskCandidate(engine, "coarse"), MaskCandidate(engine, "unified")]
    return candidates + [PeerCandidate(peer) for peer in peers]
