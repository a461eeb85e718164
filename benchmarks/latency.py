"""`bench latency`: how long one frame takes, end to end and by stage, with every engine of this machine in turn."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

import typer

from benchmarks import common
from benchmarks.common import JsonFile, Models, PlotFile, Report, Runs, Seconds, Sizes, size_name
from benchmarks.measuring.timing import (
    AROUND,
    COMPOSITE,
    END_TO_END,
    NETWORKS,
    Comparison,
    Timing,
    agreement,
    compare,
    comparison_as_json,
    differences,
    own_name,
)
from engines.backends import BACKEND_NAMES, BACKENDS, PRECISIONS
from engines.commands.options import Threads, check_precision
from engines.commands.running import UsageError
from engines.errors import EngineError, MattingError
from engines.geometry import BASE

if TYPE_CHECKING:
    from benchmarks.measuring.engine_process import EngineProcess

    AllBackends = AllPrecisions = str
else:
    AllBackends, AllPrecisions = Literal["all", *BACKEND_NAMES], Literal["all", *PRECISIONS]

PAPER_MS = 80.0  # "0.08 seconds" (section 3.4) on the paper's GPU
PAPER_SIZE = (800, 800)
FULL_HD = (1920, 1080)
SIZES = ("800x800", "1280x720", "1920x1080", "3840x2160")
LEAST_RUNS = 5  # whatever time they take
PAUSE = 0.01  # s between turns: threads that spin while they wait for work have gone to sleep by then
STAGES = {NETWORKS: "networks", "mpn": "MPN", "qun": "QUN", "mrn": "MRN", AROUND: "around", COMPOSITE: "composite"}


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
    """What "all" or a name of each stands for on this machine: bf16 only where the CPU has it, fp16 only with an NVIDIA GPU."""
    found = []
    for each in [name for name in BACKEND_NAMES if name != "auto"] if backend == "all" else [backend]:
        known = BACKENDS[each].precisions if each in BACKENDS else ()
        levels = [level for level in known if _runs_well(level)] if precision == "all" else [precision]
        if backend == "auto" and precision == "all":
            levels = ["auto"]
        named = backend != "all"
        levels = [level for level in levels if named or level in ("auto", *known)]
        found += [Choice(each, level, named and precision != "all", model) for model in models for level in levels]
    return found


def _runs_well(precision: str) -> bool:
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
        """The runs that a process does whatever time they take, so that all together do LEAST_RUNS or more."""
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
) -> tuple[list[Timing], list[LeftOut]]:
    """Time each engine at each size (width, height), in this order.

    All of them start with an empty cache once. Then all start and are timed `plan.starts` times over, those of a size in turn.
    So each has runs from the beginning to the end, and of several processes: a slow minute of the machine slows all a little
    instead of one a lot.

    Raises EngineError where an engine that the user named cannot run.
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
                            choice = row.choice
                            left_out.append(LeftOut(choice.backend, choice.precision, size, str(error), choice.model))
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


def verdict(timings: Sequence[Timing]) -> str:
    """One line: the fastest of each precision at 800x800, and at 1920x1080, against the paper's 0.08 s for 800x800."""
    fastest = _fastest(timings, PAPER_SIZE)
    if not fastest:
        return "The paper's claim is for 800x800, which was not measured: add --size 800x800."
    stage = "end to end" if fastest[0].whole == "end to end" else "from frame to alpha"
    met = "met" if fastest[0].median() <= PAPER_MS else "not met"
    ratios = [_against(timing) for timing in fastest]
    ratios += [f"1920x1080 {_against(timing)}" for timing in _fastest(timings, FULL_HD)[:1]]
    return f"The paper's claim, {PAPER_MS:.0f} ms for 800x800 on a GPU, is {met}, {stage}: {'; '.join(ratios)}."


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


def table(report: Report) -> str:
    """Milliseconds a frame, by size, engine and stage, in Markdown."""
    timings = [Timing(**each) for each in report["timings"]]
    stages = [stage for stage in STAGES if any(stage in timing.stages for timing in timings)]
    starts = any(timing.start for timing in timings)
    memory = any("peak" in timing.memory for timing in timings)
    apart = any(timing.by_process() for timing in timings)
    headings = ["median", *(["by process"] if apart else []), "95 %", *(STAGES[stage] for stage in stages)]
    headings += [*(["first picture, no cache", "first picture"] if starts else []), *(["peak MB"] if memory else [])]
    text = common.head("size", "engine", *headings)
    for timing in timings:
        cells = [f"{timing.median():.0f}", *([timing.by_process()] if apart else []), f"{timing.percentile(95):.0f}"]
        cells += [f"{timing.median(stage):.0f}" if stage in timing.stages else "" for stage in stages]
        if starts:
            cells += [f"{median(timing.start[until]):.0f}" for until in ("first frame, empty cache", "first frame")]
        if memory:
            cells.append(f"{timing.memory['peak']:.0f}" if "peak" in timing.memory else "")
        name = f"{common.name_of(timing.name.removeprefix('ours, '))}, {timing.precision}"
        text += common.row(size_name(timing.size), name, *cells)
    if not timings:
        return f"No engine could be timed.\n\n{common.machine_of(report)}\n"
    until = "composite" if timings[0].whole == END_TO_END else "alpha and foreground; peers: to alpha"
    said = f"Milliseconds a frame, from uint8 frame to {until}, and the medians of its stages. "
    said += "*By process*: the least and the most of the fresh processes' medians. " if apart else ""
    return f"{text}\n{said}{common.machine_of(report)} {report['verdict']}\n"


def comparison_table(rows: Comparison) -> str:
    """Old and new medians, and their ratio with its 95 % interval, in Markdown."""
    text = common.head("size", "engine", "ms then", "ms now", "ratio", "")
    for now, then, ratio in rows:
        word = "" if not ratio.differs else "faster" if ratio.value < 1 else "slower"
        medians = [f"{then.median(now.whole):.1f}", f"{now.median():.1f}"]
        text += common.row(size_name(now.size), f"{now.name} {now.precision}", *medians, str(ratio), word)
    return text


def latency(
    size: Sizes = None,
    runs: Runs = Plan.runs,
    warm_up: Annotated[int, typer.Option(min=0, help="Frames of each process before them that do not.")] = Plan.warm_up,
    seconds: Seconds = Plan.seconds,
    starts: Annotated[
        int, typer.Option(min=1, help="Fresh processes that share these frames, after one with an empty cache.")
    ] = Plan.starts,
    backend: Annotated[AllBackends, typer.Option(help="Engine; all: all that run on this machine.")] = "all",
    precision: Annotated[AllPrecisions, typer.Option(help="Number format; all: all that run well on this machine.")] = "all",
    model: Models = None,
    threads: Threads = None,
    json_file: JsonFile = None,
    plot: PlotFile = None,
    compare_with: Annotated[
        Path | None, typer.Option("--compare", metavar="JSON", help="An earlier --json to compare each row with.")
    ] = None,
) -> None:
    """Time of one frame, from uint8 frame to uint8 composite and by stage, against the paper's 0.08 s at 800x800.

    By default at 800x800, 1280x720, 1920x1080 and 3840x2160. Each engine runs in a process of its own, and those of a size take
    turns. All sizes are gone through --starts times with fresh processes, so that a slow minute slows all rows alike. The first
    picture is timed from the start of a process, with an empty cache of engines and with a full one.

    \b
    Examples:
      bench latency
      bench latency --size 800x800 --runs 100 --json latency.json --plot latency.png
      bench latency --model base --model large
      bench latency --backend openvino --precision bf16 --compare latency.json
    """
    sizes = common.sizes_of(size or SIZES)
    if backend in BACKENDS and precision != "all":
        check_precision(backend, precision)
    chosen = choices(backend, precision, list(dict.fromkeys(model or [BASE])))
    common.check_outputs(json_file, plot)
    old = common.read_report(f"--compare {compare_with}", compare_with, "machine", "timings") if compare_with else None
    from benchmarks.measuring.machine import Watch

    watch = Watch()
    plan = Plan(runs, warm_up, starts, seconds, threads)
    with common.progress_bar("latency", plan.steps(len(chosen) * len(sizes), len(sizes))) as advance:
        try:
            timings, left_out = time_sizes(chosen, sizes, plan, advance)
        except EngineError as error:
            raise UsageError(f"--backend {backend}: {error}") from error
    report = common.circumstances(watch, threads) | {"runs": runs, "warm_up": warm_up, "starts": starts}
    report |= {"timings": [vars(timing) for timing in timings]}
    report |= {"left_out": [vars(each) for each in left_out], "verdict": verdict(timings)}
    common.show(table(report))
    for each in left_out:
        print(f"left out: {own_name(each.backend, each.model)} {each.precision}, {size_name(each.size)}: {each.why}")
    if old:
        rows = compare(timings, [Timing(**each) for each in old["timings"]])
        common.show(f"{comparison_table(rows)}\n{agreement(rows)}" if rows else f"{compare_with}: has no row of this engine and size")
        if other := differences(report["machine"], old["machine"]):
            print(other)
        report["compared"] = comparison_as_json(rows)
    common.write_report(json_file, report)
    if plot is not None:
        from benchmarks.measuring.plots import draw_latency

        draw_latency(timings, plot)
