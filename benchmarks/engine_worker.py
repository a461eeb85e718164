"""One engine in a process of its own, for frames of one size: `python -m benchmarks.engine_worker JSON`.

The argument has backend, precision, threads, model, size (width, height), and begin, the time.monotonic() of its starting. Each
answer is a line of JSON. The first comes unasked: what the engine is, how long it and its first picture took. Then each line on
standard input, the number of a frame, is answered with the milliseconds of its stages. What goes wrong is {"error": ...}.
"""

import json
import os
import signal
import sys
import time
from fractions import Fraction
from typing import Any, TextIO

import numpy as np

import engines
from benchmarks.frames import make_frames
from benchmarks.timing import AROUND, COMPOSITE, END_TO_END, NETWORKS, WHOLE
from engines import Engine
from engines.engine import Frame
from engines.errors import MattingError
from realtime.compositing.composite import composite
from realtime.packet import Packet


def time_frame(engine: Engine, frame: Frame, background: Frame, index: int = 0) -> dict[str, float]:
    """Milliseconds of a frame, end to end and by stage. An engine's `last_ms`, if it keeps one, tells its networks apart."""
    packet = Packet(frame, Fraction(index), index)
    begin = time.perf_counter()
    packet.matte = engine(frame)
    matted = time.perf_counter()
    composite(packet, background)
    end = time.perf_counter()
    whole = 1e3 * (matted - begin)
    stages = {END_TO_END: 1e3 * (end - begin), WHOLE: whole}
    networks: dict[str, float] = dict(getattr(engine, "last_ms", {}))
    if networks:
        alone = sum(networks.values())
        stages |= {NETWORKS: alone, **networks, AROUND: whole - alone}
    return stages | {COMPOSITE: 1e3 * (end - matted)}


def serve(settings: dict[str, Any], requests: TextIO, answers: TextIO) -> None:
    """Makes the engine ready, tells how that went, and answers until the requests end."""

    def answer(line: dict[str, Any]) -> None:
        answers.write(json.dumps(line) + "\n")
        answers.flush()

    try:
        chosen = {name: settings[name] for name in ("threads", "precision", "model")}
        engine = engines.load(settings["backend"], **chosen)
        ready = 1e3 * (time.monotonic() - settings["begin"])
        frames = make_frames(tuple(settings["size"]))  # in no time that is told
        background = np.full_like(frames[0], 96)
        first = time_frame(engine, frames[0], background)[END_TO_END]
        known = {"name": engine.name, "device": engine.device, "precision": engine.precision}
        start = {"ready": ready, "first frame": ready + first}
        answer(known | {"threads": getattr(engine, "threads", None), "start": start})
        for line in requests:
            answer(time_frame(engine, frames[int(line) % len(frames)], background, int(line)))
    except MattingError as error:
        answer({"error": str(error)})
    except (MemoryError, RuntimeError) as error:
        answer({"error": f"{settings['backend']}: {' '.join(str(error).split())[:300]}"})


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks; it ends this one
    own_output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not get between the answers
    serve(json.loads(sys.argv[1]), sys.stdin, own_output)
