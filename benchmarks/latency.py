"""How long one frame takes, end to end and by stage, with every engine of this machine in turn."""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.paper import PAPER_MS, PAPER_SIZE
from benchmarks.processes import EngineProcess
from benchmarks.timing import Timing
from engines import InputError
from engines.geometry import BASE
from engines.loading import BACKENDS, PRECISIONS, check_model
from engines.nvidia import driver_missing
from engines.openvino_engine import bf16_is_native
from train.scores import own_name

FULL_HD = (1920, 1080)
LEAST_RUNS = 5  # whatever the time that they take
PAUSE = 0.01  # s between turns: threads that spin in wait of more work have gone to sleep by then


class Contestant(Protocol):
    """A model to be timed."""

    name: str
    precision: str

    def time(self, index: int) -> dict[str, float]:
        """Milliseconds that a frame took, by stage."""
        ...


@dataclass(frozen=True)
class Choice:
    """A backend, a precision and a model to time. One that the user `named` must run; others are left out where they cannot."""

    backend: str
    precision: str
    named: bool
    model: str = BASE


def choices(backend: str, precision: str, models: Sequence[str] = (BASE,)) -> list[Choice]:
    """What "all" or a name of each means here: bf16 only where the processor has it, fp16 only with an NVIDIA GPU.

    Raises InputError where nothing is left, or there is no such model.
    """
    for model in models:
        check_model(model)
    backends = [name for name in BACKENDS if name != "auto"] if backend == "all" else [backend]
    found = []
    for each in backends:
        known = PRECISIONS.get(each, ("auto",))
        levels = [level for level in known if level != "auto" and _runs_well(level)] if precision == "all" else [precision]
        if backend == "auto":
            levels = ["auto"] if precision == "all" else [precision]
        named = backend != "all"
        those = [level for level in levels if named or level in known]
        found += [Choice(each, level, named and precision != "all", model) for model in models for level in those]
    if not found:
        raise InputError(f"--precision {precision}: no backend has it; take one of auto, fp32, bf16, fp16")
    return found


def _runs_well(precision: str) -> bool:
    if precision == "fp32" or not driver_missing():
        return True
    return precision == "bf16" and bf16_is_native()


@dataclass(frozen=True)
class LeftOut:
    """An engine that was not timed at a size, and why."""

    backend: str
    precision: str
    size: tuple[int, int]
    why: str
    model: str = BASE


def time_size(
    chosen: Sequence[Choice],
    size: tuple[int, int],
    *,
    threads: int | None = None,
    runs: int = 50,
    warm_up: int = 5,
    starts: int = 3,
    seconds: float = 60.0,
    advance: Callable[[], None] = lambda: None,
) -> tuple[list[Timing], list[LeftOut]]:
    """Times each engine at one size (width, height): fresh starts one by one, then its frames in turn with the others.

    `advance` is called after each start and each round: ((starts + 1) * choices + warm_up + runs) times at most.
    Raises InputError where an engine that the user named cannot run.
    """
    left_out = []
    with ExitStack() as stack:
        opened: list[EngineProcess] = []
        fresh: list[dict[str, list[float]]] = []
        for choice in chosen:
            try:
                engine, times = _start(choice, threads, size, starts, advance)
            except InputError as error:
                if choice.named:
                    raise
                left_out.append(LeftOut(choice.backend, choice.precision, size, str(error), choice.model))
                continue
            opened.append(stack.enter_context(engine))
            fresh.append(times)
        timings = take_turns(opened, size, runs, warm_up, seconds, advance)
        for engine, timing, times in zip(opened, timings, fresh, strict=True):
            timing.name = own_name(engine.name, engine.model)
            timing.start, timing.memory = times, engine.memory()
    return timings, left_out


def _start(
    choice: Choice, threads: int | None, size: tuple[int, int], starts: int, advance: Callable[[], None]
) -> tuple[EngineProcess, dict[str, list[float]]]:
    """Starts an engine with an empty cache, then so many times with what that left in it; the last one stays."""
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as cache:
        for turn in range(starts + 1):
            engine = EngineProcess(choice.backend, choice.precision, threads, size, Path(cache), choice.model)
            for until, milliseconds in engine.start.items():
                times.setdefault(until if turn else f"{until}, empty cache", []).append(milliseconds)
            advance()
            if turn < starts:
                engine.close()
    return engine, times


def take_turns(
    contestants: Sequence[Contestant],
    size: tuple[int, int],
    runs: int,
    warm_up: int,
    seconds: float = float("inf"),
    advance: Callable[[], None] = lambda: None,
) -> list[Timing]:
    """Times `runs` frames of each after `warm_up` frames that do not count.

    They take turns, A B C A B C, so that a busy machine slows all of them alike. Each turn is two frames, of which the second
    counts: as in a stream, it finds the processor's caches filled by the same model, not by another. After `seconds` no new
    round is begun, once there are LEAST_RUNS of them. `advance` is called after each round.
    """
    timings = [Timing(contestant.name, contestant.precision, size) for contestant in contestants]
    end = time.monotonic() + seconds
    for turn in range(-warm_up, runs):
        if turn >= LEAST_RUNS and time.monotonic() > end:
            break
        for contestant, timing in zip(contestants, timings, strict=True):
            contestant.time(turn + warm_up)
            for stage, milliseconds in contestant.time(turn + warm_up).items():
                if turn >= 0:
                    timing.stages.setdefault(stage, []).append(milliseconds)
            time.sleep(PAUSE)
        advance()
    return timings


def verdict(timings: Sequence[Timing]) -> str:
    """One line: the fastest of each precision at 800x800, and at 1920x1080, against the paper's 0.08 s for 800x800."""
    fastest = _fastest(timings, PAPER_SIZE)
    if not fastest:
        return "The paper's claim is for 800x800, which was not measured: add --size 800x800."
    stage = "end to end" if fastest[0].whole == "end to end" else "from frame to alpha"
    met = "met" if fastest[0].median() <= PAPER_MS else "not met"
    told = [_against(timing) for timing in fastest]
    told += [f"1920x1080 {_against(timing)}" for timing in _fastest(timings, FULL_HD)[:1]]
    return f"The paper's claim, {PAPER_MS:.0f} ms for 800x800 on a GPU, is {met}, {stage}: {'; '.join(told)}."


def _fastest(timings: Sequence[Timing], size: tuple[int, int]) -> list[Timing]:
    """The fastest of each precision at a size, fastest first."""
    best: dict[str, Timing] = {}
    for timing in sorted((t for t in timings if tuple(t.size) == size), key=Timing.median):
        best.setdefault(timing.precision, timing)
    return list(best.values())


def _against(timing: Timing) -> str:
    took = timing.median()
    ratio = f"{PAPER_MS / took:.2f} times faster" if took <= PAPER_MS else f"{took / PAPER_MS:.2f} times slower"
    return f"{took:.1f} ms in {timing.precision} ({timing.name.removeprefix('ours, ')}), {ratio}"
