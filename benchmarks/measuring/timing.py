"""Latency statistics: medians, tails, and ratios with their confidence intervals."""

import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import accumulate, cycle, islice
from statistics import median

import engines

WHOLE = "whole"  # from the uint8 frame to the model's last output
NETWORKS = "networks"  # the networks alone
AROUND = "around them"  # the part of the whole that no network takes
COMPOSITE = "composite"  # alpha, foreground and background to a picture
END_TO_END = "end to end"  # from the uint8 frame to the uint8 composite
RESAMPLES = 2000


@dataclass
class Timing:
    """How long a model took at one size (width, height): milliseconds of every run, by stage.

    `passes` counts the runs of each fresh process, in order; empty where all runs are of one. `start` has, for each process,
    the milliseconds until the engine was ready ("ready") and until the first picture ("first frame"), and both with an empty
    cache of engines; `memory` the peak of the last process in MB ("peak", "peak on GPU"). `ratio` is a `paired_ratio` to the
    model that others are compared with.
    """

    name: str
    precision: str
    size: tuple[int, int]
    stages: dict[str, list[float]] = field(default_factory=dict)
    start: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    passes: list[int] = field(default_factory=list)
    ratio: dict[str, float] = field(default_factory=dict)

    def add_pass(self, stages: dict[str, list[float]]) -> None:
        """Add the runs of a fresh process."""
        for stage, runs in stages.items():
            self.stages.setdefault(stage, []).extend(runs)
        self.passes.append(len(next(iter(stages.values()))))

    @property
    def whole(self) -> str:
        """The stage that a user waits for: END_TO_END where it was measured, else WHOLE."""
        return END_TO_END if END_TO_END in self.stages else WHOLE

    def median(self, stage: str | None = None) -> float:
        """Median milliseconds of a stage, by default of `whole`."""
        return median(self.stages[stage or self.whole])

    def by_process(self, digits: int = 0) -> str:
        """The lowest and the highest of the processes' medians: "58 to 63"; "" where there was only one process."""
        runs, ends = self.stages[self.whole], list(accumulate(self.passes))
        medians = [median(runs[begin:end]) for begin, end in zip([0, *ends], ends, strict=False)]
        return f"{min(medians):.{digits}f} to {max(medians):.{digits}f}" if len(medians) > 1 else ""

    def percentile(self, percent: float) -> float:
        """Interpolated percentile of the milliseconds of `whole`."""
        return percentile(self.stages[self.whole], percent)


def percentile(values: Sequence[float], percent: float) -> float:
    """Interpolated percentile."""
    import numpy as np

    return float(np.percentile(values, percent))


def spread(values: Sequence[float]) -> dict[str, float]:
    """Their "median" and 95th percentile, "p95"."""
    return {"median": median(values), "p95": percentile(values, 95)}


def engine_alone(engine: "engines.Engine", frames: "Sequence[engines.Frame]", count: int = 20) -> float:
    """Mean milliseconds a frame of the engine alone, for `count` of these in turn, as many at once as it takes."""
    engine(frames[0])
    begin = time.perf_counter()
    with ThreadPoolExecutor(engine.at_once) as pool:
        deque(pool.map(engine, islice(cycle(frames), count)), maxlen=0)
    return 1e3 * (time.perf_counter() - begin) / count


def paired_ratio(times: Sequence[float], base: Sequence[float]) -> dict[str, float]:
    """Median of times / base, round by round: what slows a round slows both, and cancels out.

    "value", and "low" and "high" of its 95 % bootstrap interval. What all runs share, such as a hot day, is not in it.
    """
    import numpy as np

    quotients = np.divide(times, base)
    picks = np.random.default_rng(0).integers(0, len(quotients), (RESAMPLES, len(quotients)))
    low, high = np.percentile(np.median(quotients[picks], axis=1), [2.5, 97.5])
    return {"value": float(np.median(quotients)), "low": float(low), "high": float(high)}
