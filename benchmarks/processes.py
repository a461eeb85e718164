"""Engines in processes of their own: a fresh start each, a memory of its own, and no threads of another beside it."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.machine import gpu_memory, peak_memory
from engines import InputError
from engines.cache import FOLDER_VARIABLE

ROOT = Path(__file__).parents[1]


def child_environment() -> dict[str, str]:
    """The environment in which a child finds this very project, installed or not, wherever it runs."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


class EngineProcess:
    """An engine that has matted its first frame of a size (width, height): `time(index)` gives the milliseconds of another.

    Attributes:
        name, device, precision: of the engine.
        threads: that an inference uses, None where the engine does not tell.
        size: of its frames.
        start: milliseconds from the start of the process until the engine was there ("ready") and until the first picture.

    Engines that were made ready for a size are kept in the folder `cache`, the user's own for None.

    Raises InputError where such an engine cannot run here, then or later.
    """

    def __init__(
        self, backend: str, precision: str, threads: int | None, size: tuple[int, int], cache: Path | None = None
    ) -> None:
        self._label = f"{backend} {precision}"
        self.size = size
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        settings = {"backend": backend, "precision": precision, "threads": threads, "size": size, "begin": time.monotonic()}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.engine_worker", json.dumps(settings)],
            env=child_environment() | ({} if cache is None else {FOLDER_VARIABLE: str(cache)}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )
        try:
            about = self._receive()
        except BaseException:
            self.close()
            raise
        self.name: str = about["name"]
        self.device: str = about["device"]
        self.precision: str = about["precision"]
        self.threads: int | None = about["threads"]
        self.start: dict[str, float] = about["start"]

    def time(self, index: int) -> dict[str, float]:
        """Milliseconds of a frame, by stage."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{index}\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise InputError(self._end()) from error
        return self._receive()

    def memory(self) -> dict[str, float]:
        """MB that it had at most so far ("peak"), and that it has on a GPU ("gpu") where there is one."""
        peak = {"peak": peak_memory(self._process.pid)}
        gpu = gpu_memory(self._process.pid)
        return peak if gpu is None else peak | {"gpu": gpu}

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()
        self._complaints.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise InputError(self._end())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise InputError(answer["error"])
        return answer

    def _end(self) -> str:
        code = self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").splitlines()
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        return f"{self._label}: its process ended (code {code}): {last}"
