"""Other people's matting models, to compare with ours. Each runs in a process of its own, and none is imported."""

import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engines import Frame, Mask
from engines.errors import DataError
from train.evaluation.child import Child
from train.evaluation.peer_worker import ANSWER, REQUEST

WORKER = Path(__file__).with_name("peer_worker.py")


class Peer(Child):
    """A peer model in its own process: `peer(frame)` gives its alpha, `peer.last_ms` the time that took.

    `folder` holds adapters: modules with `load() -> f`, f(uint8 RGB (H, W, 3)) -> alpha (H, W); `name` is one of them. An
    adapter may read the environment variables PEERS_THREADS and PEERS_PREC ("f32" or "bf16"), so `precision` is the one
    requested. `python` is an interpreter that has the adapter's requirements. With `stream`, a recurrent model (whose `load`
    takes `stream=True`) keeps its state from frame to frame, and `streams` says whether it does; one process serves one stream.

    Raises DataError if there is no such adapter, or when it or its process fails.
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
            raise DataError(f"peer {self.name}: its alpha does not have the frame's size, {width}x{height}")
        alpha = np.frombuffer(payload, "<f4").reshape(height, width)
        if not np.isfinite(alpha).all():
            raise DataError(f"peer {self.name}: its alpha has values that are not numbers")
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


def check_peers(folder: Path, names: Sequence[str]) -> None:
    """Raise DataError unless each name is that of an adapter, a module in the folder."""
    for name in names:
        if not (folder / f"{name}.py").is_file():
            found = sorted(p.stem for p in folder.glob("[!_]*.py")) if folder.is_dir() else []
            raise DataError(f"peer {name}: {folder} has no {name}.py; it has {', '.join(found) or 'no adapters'}")
