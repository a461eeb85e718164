"""Other people's matting models, to measure ours against. Each runs in a process of its own; nothing of it is imported here."""

import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import numpy as np

import engines
from engines import Engine, Frame, Mask
from engines.errors import DataError
from train.evaluation.child import Child
from train.evaluation.peer_worker import ANSWER, REQUEST

WORKER = Path(__file__).with_name("peer_worker.py")


class Peer(Child):
    """One peer model, ready in its own process: `peer(frame)` gives its alpha, and `peer.last_ms` says how long it took.

    `folder` holds adapters: modules with `load() -> f`, f(uint8 RGB (H, W, 3)) -> alpha (H, W); `name` is one of them. An
    adapter may read the environment variables PEERS_THREADS and PEERS_PREC ("f32" or "bf16"), so `precision` is what it was
    asked for, not what the processor then does. `python` is the interpreter that has what it needs. With `stream`, a model that
    can (its `load` takes `stream=True`) keeps its state from frame to frame, and `streams` says whether it does; one process
    serves one stream.

    Raises DataError where there is no such adapter, or where it or its process fails, then or later.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        threads: int | None = None,
        precision: str = "fp32",
        python: Path | None = None,
        stream: bool = False,
    ) -> None:
        check_peers(folder, [name])
        self.name = name
        self.precision = precision
        self.last_ms = math.nan
        settings = {"PEERS_THREADS": str(threads or os.cpu_count() or 1), "PEERS_PREC": precision.replace("fp", "f")}
        command = [str(python or sys.executable), str(WORKER), str(folder.resolve()), name, *["stream"] * stream]
        super().__init__(f"peer {name}", command, os.environ | settings)
        try:
            self.streams = self._receive()[0] == b"stream"
        except BaseException:
            self.close()
            raise

    def __call__(self, frame: Frame) -> Mask:
        """The alpha of a frame, float32 (H, W), clipped to [0, 1]."""
        height, width = frame.shape[:2]
        self._send(REQUEST.pack(height, width) + np.ascontiguousarray(frame).tobytes())
        payload, self.last_ms = self._receive()
        if len(payload) != 4 * height * width:
            raise DataError(f"peer {self.name}: its alpha is not of the frame's size, {width}x{height}")
        alpha = np.frombuffer(payload, "<f4").reshape(height, width)
        if not np.isfinite(alpha).all():
            raise DataError(f"peer {self.name}: its alpha holds values that are not numbers")
        return alpha.clip(0, 1).astype(np.float32)

    def _receive(self) -> tuple[bytes, float]:
        assert self._process.stdout is not None
        head = self._process.stdout.read(ANSWER.size)
        if len(head) < ANSWER.size:
            raise DataError(self._end())
        status, milliseconds, length = ANSWER.unpack(head)
        payload = self._process.stdout.read(length)
        if len(payload) < length:
            raise DataError(self._end())
        if status == b"E":
            raise DataError(f"peer {self.name}: {' '.join(payload.decode(errors='replace').split())}")
        return payload, milliseconds


def check_peers(adapters: Path | None, names: Sequence[str]) -> None:
    """Raises DataError unless each name is that of an adapter, a module in the folder of adapters."""
    if names and adapters is None:
        raise DataError("--peer needs --adapters: the folder where the peers' adapters lie")
    for name in names:
        if adapters is not None and not (adapters / f"{name}.py").is_file():
            found = sorted(p.stem for p in adapters.glob("[!_]*.py")) if adapters.is_dir() else []
            raise DataError(f"--peer {name}: {adapters} has no {name}.py; it has {', '.join(found) or 'no adapters'}")


@contextmanager
def open_models(
    backend: str,
    threads: int | None,
    precision: str,
    model: str,
    adapters: Path | None,
    names: Sequence[str],
    python: Path | None,
) -> Iterator[tuple[Engine | None, list[Peer]]]:
    """What a command's options name, ended afterwards: our engine, None where `backend` is "none", and the peers.

    The peers run in bf16 if our engine, or else `precision`, does; in fp32 if not. Raises DataError for nothing to run.
    """
    check_peers(adapters, names)
    if backend == "none" and not names:
        raise DataError("--backend none leaves nothing to run; name a peer with --adapters and --peer")
    with ExitStack() as stack:
        engine = None
        if backend != "none":
            engine = stack.enter_context(closing(engines.load(backend, threads=threads, precision=precision, model=model)))
            precision = engine.precision
        level = "bf16" if precision == "bf16" else "fp32"
        yield (
            engine,
            [
                stack.enter_context(Peer(adapters, name, threads=threads, precision=level, python=python))
                for name in names
                if adapters is not None
            ],
        )
