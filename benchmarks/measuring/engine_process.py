"""Engines in processes of their own, each with a fresh start, its own memory and no threads of another engine.

The process is `python -m benchmarks.measuring.engine_process JSON`, and each of its answers is a line of JSON: first, unasked,
what the engine is and how long it and its first picture took; then, for each number of a frame on standard input, the
milliseconds of its stages. Both have its peak memory so far. What goes wrong is {"error": ...}.
"""

import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO

import engines
import realtime
from benchmarks.measuring.frames import make_frames
from benchmarks.measuring.machine import peak_memory
from benchmarks.measuring.timing import AROUND, COMPOSITE, END_TO_END, NETWORKS, WHOLE
from engines.errors import EngineError, MattingError
from engines.geometry import BASE
from engines.store.private import FOLDER_VARIABLE
from train.evaluation.child import Child

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Choice:
    """A backend, a precision and a model to time."""

    backend: str
    precision: str
    model: str = BASE


class EngineProcess(Child):
    """An engine that has matted its first frame of a size (width, height): `time(index)` gives the milliseconds of another.

    Engines that were built for a size are kept in the folder `cache`, the user's own for None.

    `start` has the milliseconds from the start of the process until the engine was ready ("ready") and until the first picture
    ("first frame"); `memory` its peak so far in MB ("peak"), and that of PyTorch on its GPU ("peak on GPU"), where they can be
    known. Raises EngineError where such an engine cannot run, now or later.
    """

    def __init__(self, choice: Choice, size: tuple[int, int], threads: int | None = None, cache: Path | None = None) -> None:
        settings = {"engine": vars(choice) | {"threads": threads}, "size": size, "begin": time.monotonic()}
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))  # finds this project uninstalled, too
        super().__init__(
            f"{choice.backend} {choice.precision}",
            [sys.executable, "-m", "benchmarks.measuring.engine_process", json.dumps(settings)],
            os.environ | {"PYTHONPATH": path} | ({} if cache is None else {FOLDER_VARIABLE: str(cache)}),
        )
        try:
            about = self._receive()
        except BaseException:
            self.close()
            raise
        self.name, self.precision = str(about["name"]), str(about["precision"])
        self.start: dict[str, float] = about["start"]
        self.memory: dict[str, float] = about["memory"]

    def time(self, index: int) -> dict[str, float]:
        """Milliseconds of a frame, by stage."""
        self._send(f"{index}\n".encode())
        answer = self._receive()
        self.memory = answer["memory"]
        return dict(answer["stages"])

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise EngineError(self._end())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise EngineError(answer["error"])
        return answer


def time_frame(engine: "engines.Engine", frame: "engines.Frame", background: "engines.Frame") -> dict[str, float]:
    """Milliseconds of a frame, end to end and by stage.

    An engine with streams makes the picture itself, as in use; its networks are timed on another run of the frame.
    """
    from engines.engine import OverlappingEngine

    if isinstance(engine, OverlappingEngine):
        begin = time.perf_counter()
        engine.submit(frame).composite(background)
        end_to_end = 1e3 * (time.perf_counter() - begin)
        networks = engine.profile(frame).ms
        alone = sum(networks.values())
        return {END_TO_END: end_to_end, NETWORKS: alone, **networks, AROUND: end_to_end - alone}
    packet = realtime.Packet(frame, Fraction(0), 0)
    begin = time.perf_counter()
    packet.matte, networks = engine.profile(frame)
    matted = time.perf_counter()
    realtime.composite(packet, background)
    end = time.perf_counter()
    whole, alone = 1e3 * (matted - begin), sum(networks.values())
    stages = {END_TO_END: 1e3 * (end - begin), WHOLE: whole, NETWORKS: alone, **networks, AROUND: whole - alone}
    return stages | {COMPOSITE: 1e3 * (end - matted)}


def memory() -> dict[str, float]:
    """The peaks so far of this process, as `EngineProcess.memory` has them."""
    peak, torch = peak_memory(os.getpid()), sys.modules.get("torch")
    peaks = {} if peak is None else {"peak": peak}
    if torch is not None and torch.cuda.is_initialized():
        peaks["peak on GPU"] = torch.cuda.max_memory_reserved() / 1e6
    return peaks


def serve(settings: dict[str, Any], requests: TextIO, answers: TextIO) -> None:
    """Load the engine, report how that went, and answer until the requests end."""
    import numpy as np

    def answer(line: dict[str, Any]) -> None:
        print(json.dumps(line), file=answers, flush=True)

    try:
        with engines.load(**settings["engine"], closer=False) as engine:
            ready = 1e3 * (time.monotonic() - settings["begin"])
            frames = make_frames(tuple(settings["size"]))  # not in any of the times
            background = np.full_like(frames[0], 96)
            first = time_frame(engine, frames[0], background)[END_TO_END]
            start = {"ready": ready, "first frame": ready + first}
            answer({"name": engine.name, "precision": engine.precision, "start": start, "memory": memory()})
            for line in requests:
                stages = time_frame(engine, frames[int(line) % len(frames)], background)
                answer({"stages": stages, "memory": memory()})
    except MattingError as error:
        answer({"error": str(error)})
    except (MemoryError, ModuleNotFoundError, RuntimeError) as error:
        answer({"error": f"{settings['engine']['backend']}: {' '.join(str(error).split())[:300]}"})


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks; it ends this one
    own_output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not get between the answers
    serve(json.loads(sys.argv[1]), sys.stdin, own_output)
