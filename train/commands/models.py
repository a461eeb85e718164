"""Our engine and peers, as the options of a command name them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engines.commands.options import load_engine
from engines.commands.running import UsageError

if TYPE_CHECKING:
    from engines import Engine
    from train.evaluation.peers import Peer


def check_peer_options(adapters: Path | None, names: Sequence[str]) -> None:
    """Raise UsageError unless --adapters has an adapter of each name."""
    from train.evaluation.peers import check_peers

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
    from train.evaluation.peers import Peer

    check_peer_options(adapters, names)
    if backend == "none" and not names:
        raise UsageError("--backend none leaves nothing to run; name a peer with --adapters and --peer")
    with ExitStack() as stack:
        engine = None
        if backend != "none":
            engine = stack.enter_context(load_engine(backend, threads=threads, precision=precision, model=model))
            precision = engine.precision
        level = "bf16" if precision == "bf16" else "fp32"
        peers = [
            stack.enter_context(Peer(adapters, name, threads=threads, precision=level, python=python))
            for name in names
            if adapters is not None
        ]
        yield engine, peers
