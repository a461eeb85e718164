"""Engines timed in turn, each in a process of its own, so that what slows the machine slows all of them alike."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.measuring.timing import Timing, own_name
from engines.backends import BACKENDS
from engines.errors import MattingError
from engines.geometry import BASE

if TYPE_CHECKING:
    from benchmarks.measuring.engine_process import EngineProcess

LEAST_RUNS = 5  # however long they take
PAUSE = 0.01  # s between turns: threads that spin while they wait for work have gone to sleep by then


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
    """What to time on this machine; "all" precisions are bf16 only where the CPU has it, and fp16 only with an NVIDIA GPU."""
    if backend == "auto" or "all" not in (backend, precision):
        level = "auto" if precision == "all" else precision
        return [Choice(backend, level, named=True, model=model) for model in models]
    found = []
    for name in BACKENDS if backend == "all" else [backend]:
        known = BACKENDS[name].precisions
        levels = [level for level in known if _is_native(level)] if precision == "all" else [precision]
        levels = [level for level in levels if level in ("auto", *known)]
        found += [Choice(name, level, named=False, model=model) for model in models for level in levels]
    return found or [Choice(backend, "auto", named=True, model=model) for model in models]  # it cannot run, and says why


def _is_native(precision: str) -> bool:
    from engines.backends.nvidia import driver_missing

    if precision == "fp32" or not driver_missing():
        return True
    return precision == "bf16" and _bf16_is_native()


def _bf16_is_native() -> bool:
    try:
        from engines.backends.openvino import bf16_is_native
    except ModuleNotFoundError:  # a GPU machine may lack OpenVINO
        return False
    return bf16_is_native()


@dataclass(frozen=True)
class Plan:
    """How much of every engine is timed at every size.

    `runs` frames count. They are spread over `starts` fresh processes, each of which does `warm_up` frames first that do not.
    `seconds` is for all the runs of a size: when its share of them is over, a process begins no new round, once it has done its
    share of LEAST_RUNS.
    """

    runs: int = 60
    warm_up: int = 1
    starts: int = 6
    seconds: float = 45.0
    threads: int | None = None

    @property
    def least(self) -> int:
        """The runs that a process does however long they take, so that all together do LEAST_RUNS or more."""
        return -(-LEAST_RUNS // self.starts)

    def runs_of(self, turn: int) -> int:
        """The runs of process number `turn`, of 1 to `starts`: an equal share, or one more."""
        return self.runs // self.starts + (turn <= self.runs % self.starts)

    def steps(self, rows: int, sizes: int) -> int:
        """How often `time_sizes` calls `advance` where every row can run: after each start and each round."""
        rounds = [self.warm_up + self.runs_of(turn) for turn in range(1, self.starts + 1) if self.runs_of(turn)]
        return rows * (self.starts + 1) + sizes * sum(rounds)


@dataclass
class _Row:
    """An engine at a size, its own cache of engines, and its times so far."""

    choice: Choice
    size: tuple[int, int]
    cache: Path
    timing: Timing

    def start(self, threads: int | None, turn: int) -> EngineProcess:
        """The engine in a fresh process; in turn 0 the cache is empty."""
        from benchmarks.measuring.engine_process import EngineProcess

        self.cache.mkdir(exist_ok=True)
        engine = EngineProcess(self.choice.backend, self.choice.precision, threads, self.size, self.cache, self.choice.model)
        self.timing.name, self.timing.precision = own_name(engine.name, engine.model), engine.precision
        for until, milliseconds in engine.start.items():
            self.timing.start.setdefault(until if turn else f"{until}, empty cache", []).append(milliseconds)
        return engine


def time_sizes(
    chosen: Sequence[Choice], sizes: Sequence[tuple[int, int]], plan: Plan, advance: Callable[[], None] = lambda: None
) -> tuple[list[Timing], list[dict[str, Any]]]:
    """Time each engine at each size (width, height), in this order.

    All of them start with an empty cache once. Then all start and are timed `plan.starts` times over, those of a size in turn.
    So each has runs from the beginning to the end, and of several processes: a slow minute of the machine slows all a little
    instead of one a lot.

    Gives the timings, and the choices that were left out, each with its size and why. Raises EngineError where an engine that
    the user named cannot run.
    """
    left_out: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        pairs = [(choice, size) for size in sizes for choice in chosen]
        rows = [
            _Row(choice, size, Path(folder) / str(place), Timing("", choice.precision, size))
            for place, (choice, size) in enumerate(pairs)
        ]
        for turn in range(plan.starts + 1):
            for size in sizes:
                with ExitStack() as stack:
                    opened: list[tuple[_Row, EngineProcess]] = []
                    for row in [row for row in rows if row.size == size]:
                        try:
                            opened.append((row, stack.enter_context(row.start(plan.threads, turn))))
                        except MattingError as error:
                            if row.choice.named:
                                raise
                            left_out.append(vars(row.choice) | {"size": size, "why": str(error)})
                            rows.remove(row)
                        advance()
                    if turn and opened:
                        _time_pass(opened, size, plan, turn, advance)
    return [row.timing for row in rows], left_out


def _time_pass(
    opened: Sequence[tuple[_Row, EngineProcess]], size: tuple[int, int], plan: Plan, turn: int, advance: Callable[[], None]
) -> None:
    if runs := plan.runs_of(turn):
        engines, share = [engine for _, engine in opened], plan.seconds / plan.starts
        timings = take_turns(engines, size, runs, plan.warm_up, share, advance, plan.least)
        for (row, _), timed in zip(opened, timings, strict=True):
            row.timing.add_pass(timed.stages)
    for row, engine in opened:
        row.timing.memory = engine.memory()


def take_turns(
    contestants: Sequence[Contestant],
    size: tuple[int, int],
    runs: int,
    warm_up: int,
    seconds: float = float("inf"),
    advance: Callable[[], None] = lambda: None,
    least: int = LEAST_RUNS,
) -> list[Timing]:
    """Time `runs` frames of each after `warm_up` frames that do not count.

    They take turns, A B C A B C, so that a busy machine slows all of them alike. Each turn is two frames, of which the second
    counts: as in a stream, it finds the processor's caches filled by the same model, not by another. After `seconds` no new
    round is begun, once there are `least` of them. `advance` is called after each round, and for those that are not begun.
    """
    timings = [Timing(contestant.name, contestant.precision, size) for contestant in contestants]
    end = time.monotonic() + seconds
    for turn in range(-warm_up, runs):
        if turn >= least and time.monotonic() > end:
            for _ in range(turn, runs):
                advance()
            break
        for contestant, timing in zip(contestants, timings, strict=True):
            contestant.time(turn + warm_up)
            for stage, milliseconds in contestant.time(turn + warm_up).items():
                if turn >= 0:
                    timing.stages.setdefault(stage, []).append(milliseconds)
            time.sleep(PAUSE)
        advance()
    return timings
