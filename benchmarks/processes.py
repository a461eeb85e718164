"""Engines in processes of their own: a fresh start each, a memory of its own, and no threads of another beside it."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import gpu_memory, peak_memory
from engines.commands.running import UsageError
from engines.geometry import BASE
from engines.store.cache import FOLDER_VARIABLE
from train.evaluation.child import Child

ROOT = Path(__file__).parents[1]


def child_environment() -> dict[str, str]:
    """The environment in which a child finds this very project, installed or not, wherever it runs."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


class EngineProcess(Child):
    """An engine that has matted its first frame of a size (width, height): `time(index)` gives the milliseconds of another.

    Attributes:
        name, device, precision, model: of the engine.
        threads: that an inference uses, None where the engine does not tell.
        size: of its frames.
        start: milliseconds from the start of the process until the engine was there ("ready") and until the first picture.

    Engines that were made ready for a size are kept in the folder `cache`, the user's own for None.

    Raises UsageError where such an engine cannot run here, then or later.
    """

    def __init__(
        self,
        backend: str,
        precision: str,
        threads: int | None,
        size: tuple[int, int],
        cache: Path | None = None,
        model: str = BASE,
    ) -> None:
        self.size = size
        settings: dict[str, Any] = {"backend": backend, "precision": precision, "threads": threads, "model": model}
        settings |= {"size": size, "begin": time.monotonic()}
        super().__init__(
            f"{backend} {precision}",
            [sys.executable, "-m", "benchmarks.engine_worker", json.dumps(settings)],
            child_environment() | ({} if cache is None else {FOLDER_VARIABLE: str(cache)}),
        )
        try:
            about = self._receive()
        except BaseException:
            self.close()
            raise
        self.name: str = about["name"]
        self.device: str = about["device"]
        self.precision: str = about["precision"]
        self.model = model
        self.threads: int | None = about["threads"]
        self.start: dict[str, float] = about["start"]

    def time(self, index: int) -> dict[str, float]:
        """Milliseconds of a frame, by stage."""
        self._send(f"{index}\n".encode())
        return self._receive()

    def memory(self) -> dict[str, float]:
        """MB that it had at most so far ("peak"), and that it has on a GPU ("gpu") where there is one."""
        peak = {"peak": peak_memory(self._process.pid)}
        gpu = gpu_memory(self._process.pid)
        return peak if gpu is None else peak | {"gpu": gpu}

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise UsageError(self._end())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise UsageError(answer["error"])
        return answer
