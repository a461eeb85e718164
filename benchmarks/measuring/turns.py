"""Engines timed in turn, each in a process of its own, so that what slows the machine slows all of them alike."""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.measuring.engine_process import Choice, EngineProcess
from benchmarks.measuring.timing import Timing
from engines.backends import BACKENDS, nvidia
from engines.errors import MattingError
from engines.geometry import BASE

LEAST_RUNS = 5  # however long they take
PAUSE = 0.01  # s between turns: threads that spin while they wait for work have gone to sleep by then
Stages = dict[str, list[float]]  # milliseconds of every run, by stage


def choices(backend: str, precision: str, models: Sequence[str] = (BASE,)) -> list[Choice]:
    """What to time on this machine; "all" precisions are bf16 only where the CPU has it, and fp16 only with an NVIDIA GPU."""
    names = BACKENDS if backend == "all" else [backend]
    found = [Choice(name, level, model) for name in names for model in models for level in _levels(name, precision)]
    return found or [Choice(backend, "auto", model) for model in models]  # it cannot run, and says why


def _levels(backend: str, precision: str) -> list[str]:
    """The precisions of a backend that a choice of one, or of "all", means."""
    if "auto" in (backend, precision):
        return ["auto" if precision == "all" else precision]
    known = BACKENDS[backend].precisions
    return [level for level in known if level == precision or (precision == "all" and is_native(level))]


def is_native(precision: str) -> bool:
    """Whether this machine computes in a precision without emulating it."""
    if precision in ("fp32", "int8") or not nvidia.driver_missing():
        return True
    try:
        from engines.backends.openvino import bf16_is_native
    except ModuleNotFoundError:  # a GPU machine may lack OpenVINO
        return False
    return precision == "bf16" and bf16_is_native()


def _start(choice: Choice, timing: Timing, threads: int | None, cache: Path) -> EngineProcess:
    """An engine in a fresh process, its start added to its times; with an empty cache of engines if there is no such folder."""
    from train.evaluation.scores import own_name

    empty = "" if cache.exists() else ", empty cache"
    cache.mkdir(exist_ok=True)
    engine = EngineProcess(choice, timing.size, threads, cache)
    timing.name, timing.precision = own_name(engine.name, choice.model), engine.precision
    for until, milliseconds in engine.start.items():
        timing.start.setdefault(until + empty, []).append(milliseconds)
    return engine


def time_sizes(
    chosen: Sequence[Choice],
    sizes: Sequence[tuple[int, int]],
    *,
    runs: int,
    starts: int,
    seconds: float,
    threads: int | None = None,
    advance: Callable[[], None] = lambda: None,
) -> tuple[list[Timing], list[dict[str, Any]]]:
    """Time `runs` frames of each engine at each size (width, height), in this order.

    All engines start with an empty cache once. Then all start `starts` times over, and those of a size are timed in turn, each
    process for its share of the runs, one or more. So each engine has runs from the beginning to the end, and of several
    processes: a slow minute of the machine slows all a little instead of one a lot. `seconds` is for all the runs of a size:
    when its share of them is over, a process begins no new round, once it has done its share of LEAST_RUNS.

    `advance` is called after each size, of each start. Gives the timings, and what cannot run and was left out, each with its
    size and why.
    """
    left_out: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        rows = [
            (choice, Timing("", choice.precision, size), Path(folder) / str(place))
            for place, (size, choice) in enumerate(product(sizes, chosen))
        ]
        for turn, size in product(range(starts + 1), sizes):
            with ExitStack() as stack:
                opened: list[tuple[Timing, EngineProcess]] = []
                for choice, timing, cache in [row for row in rows if row[1].size == size]:
                    try:
                        opened.append((timing, stack.enter_context(_start(choice, timing, threads, cache))))
                    except MattingError as error:
                        left_out.append(vars(choice) | {"size": size, "why": str(error)})
                        rows.remove((choice, timing, cache))
                if turn:
                    share, least = runs // starts + (turn <= runs % starts), -(-LEAST_RUNS // starts)
                    taken = take_turns([engine.time for _, engine in opened], share, 1, seconds / starts, least=least)
                    for (timing, engine), stages in zip(opened, taken, strict=True):
                        timing.add_pass(stages)
                        timing.memory = engine.memory
            advance()
    return [timing for _, timing, _ in rows], left_out


def take_turns(
    contestants: Sequence[Callable[[int], dict[str, float]]],
    runs: int,
    warm_up: int,
    seconds: float = float("inf"),
    advance: Callable[[], None] = lambda: None,
    least: int = LEAST_RUNS,
) -> list[Stages]:
    """Time `runs` frames of each after `warm_up` frames that do not count. Each gives the milliseconds of a frame, by stage.

    They take turns, A B C A B C, so that a busy machine slows all of them alike. Each turn is two frames, of which the second
    counts: as in a stream, it finds the processor's caches filled by the same model, not by another. After `seconds` no new
    round is begun, once there are `least` of them. `advance` is called after each round, and for those not begun.
    """
    taken: list[Stages] = [{} for _ in contestants]
    end = time.monotonic() + seconds
    for turn in range(-warm_up, runs):
        if turn >= least and time.monotonic() > end:
            for _ in range(turn, runs):
                advance()
            break
        for contestant, stages in zip(contestants, taken, strict=True):
            contestant(turn + warm_up)
            for stage, milliseconds in contestant(turn + warm_up).items():
                if turn >= 0:
                    stages.setdefault(stage, []).append(milliseconds)
            time.sleep(PAUSE)
        advance()
    return taken
