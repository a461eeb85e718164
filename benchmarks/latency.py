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
from engines.backends.nvidia import driver_missing
from engines.backends.openvino import bf16_is_native
from engines.errors import MattingError
from engines.geometry import BASE
from engines.loading import BACKENDS, PRECISIONS, check_model
from train.evaluation.scores import own_name

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

    Raises MattingError where nothing is left, or there is no such model.
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
        raise MattingError(f"--precision {precision}: no backend has it; take one of auto, fp32, bf16, fp16")
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
        """The runs that a process does whatever the time, so that all together do LEAST_RUNS or more."""
        return -(-LEAST_RUNS // self.starts)

    def runs_of(self, turn: int) -> int:
        """The runs of process number `turn`, of 1 to `starts`: as many as of the others, or one more."""
        return self.runs // self.starts + (turn <= self.runs % self.starts)

    def steps(self, rows: int, sizes: int) -> int:
        """How often `time_sizes` calls `advance` where all so many rows can run: after each start and each round."""
        rounds = [self.warm_up + self.runs_of(turn) for turn in range(1, self.starts + 1) if self.runs_of(turn)]
        return rows * (self.starts + 1) + sizes * sum(rounds)


@dataclass
class _Row:
    """An engine at a size, its own cache of engines, and how long it took so far."""

    choice: Choice
    size: tuple[int, int]
    cache: Path
    timing: Timing

    def start(self, threads: int | None, turn: int) -> EngineProcess:
        """The engine in a fresh process; in turn 0 the cache is empty."""
        self.cache.mkdir(exist_ok=True)
        engine = EngineProcess(self.choice.backend, self.choice.precision, threads, self.size, self.cache, self.choice.model)
        self.timing.name, self.timing.precision = own_name(engine.name, engine.model), engine.precision
        for until, milliseconds in engine.start.items():
            self.timing.start.setdefault(until if turn else f"{until}, empty cache", []).append(milliseconds)
        return engine

    def missing(self, why: MattingError) -> LeftOut:
        """What is told where it cannot run."""
        return LeftOut(self.choice.backend, self.choice.precision, self.size, str(why), self.choice.model)


def time_sizes(
    chosen: Sequence[Choice], sizes: Sequence[tuple[int, int]], plan: Plan, advance: Callable[[], None] = lambda: None
) -> tuple[list[Timing], list[LeftOut]]:
    """Times each engine at each size (width, height), in this order.

    All of them start with an empty cache once. Then they all start and are timed `plan.starts` times over, those of a size in
    turn. So each has runs from the beginning to the end, and of several processes: a slow minute of the machine slows all a
    little instead of one a lot.

    Raises MattingError where an engine that the user named cannot run.
    """
    left_out: list[LeftOut] = []
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
                            left_out.append(row.missing(error))
                            rows.remove(row)
                        advance()
                    if turn and opened:
                        _time_pass(opened, size, plan, turn, advance)
    return [row.timing for row in rows], left_out


def _time_pass(
    opened: Sequence[tuple[_Row, EngineProcess]], size: tuple[int, int], plan: Plan, turn: int, advance: Callable[[], None]
) -> None:
    if runs := plan.runs_of(turn):
        engines = [engine for _, engine in opened]
        share = plan.seconds / plan.starts
        for (row, _), timed in zip(
            opened, take_turns(engines, size, runs, plan.warm_up, share, advance, plan.least), strict=True
        ):
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
    """Times `runs` frames of each after `warm_up` frames that do not count.

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
