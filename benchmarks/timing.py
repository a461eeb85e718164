"""Milliseconds of many runs, and how they compare: medians, tails, and ratios with their spread."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain
from statistics import median

import numpy as np
from numpy.typing import NDArray

WHOLE = "whole"  # from the uint8 frame to all that the model gives
NETWORKS = "networks"  # the networks alone
AROUND = "around them"  # the part of the whole that no network takes
COMPOSITE = "composite"  # alpha, foreground and background to a picture
END_TO_END = "end to end"  # from the uint8 frame to the uint8 composite
RESAMPLES = 2000


@dataclass
class Timing:
    """How long a model took at one size (width, height): milliseconds of every run, by stage.

    `passes` counts the runs of each fresh process, in their order; it is empty where all are of one. `start` has, for each of
    them, the milliseconds until the engine was there ("ready") and until the first picture ("first frame"), and both with an
    empty cache of engines; `memory` the most that the last of them had, in MB ("peak"; "gpu" where there is one).
    """

    name: str
    precision: str
    size: tuple[int, int]
    stages: dict[str, list[float]] = field(default_factory=dict)
    start: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    passes: list[int] = field(default_factory=list)

    def add_pass(self, stages: dict[str, list[float]]) -> None:
        """Adds the runs of a fresh process."""
        for stage, runs in stages.items():
            self.stages.setdefault(stage, []).extend(runs)
        self.passes.append(len(next(iter(stages.values()))))

    def by_pass(self, stage: str | None = None) -> list[list[float]]:
        """The runs of each fresh process, of the stage `whole` unless told."""
        runs = self.stages[stage or self.whole]
        ends = list(accumulate(self.passes or [len(runs)]))
        return [runs[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]

    @property
    def whole(self) -> str:
        """The stage that a user waits for: END_TO_END where it was measured, else WHOLE."""
        return END_TO_END if END_TO_END in self.stages else WHOLE

    def median(self, stage: str | None = None) -> float:
        """Median milliseconds of a stage, of `whole` unless told."""
        return median(self.stages[stage or self.whole])

    def by_process(self) -> str:
        """The least and the most of the processes' own medians, as tables have it: "58 to 63"; "" where there was but one."""
        medians = [median(runs) for runs in self.by_pass()]
        return f"{min(medians):.0f} to {max(medians):.0f}" if len(medians) > 1 else ""

    def percentile(self, percent: float, stage: str | None = None) -> float:
        """Milliseconds that so many percent of the runs do not exceed, interpolated."""
        return float(np.percentile(self.stages[stage or self.whole], percent))

    def worst(self, stage: str | None = None) -> float:
        """Milliseconds of the slowest run."""
        return max(self.stages[stage or self.whole])


@dataclass(frozen=True)
class Ratio:
    """A ratio and its 95 % interval by the bootstrap. What all runs share, such as a hot day, is not in it."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """As tables have it."""
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"

    @property
    def differs(self) -> bool:
        """Whether 1 is outside of the interval."""
        return self.low > 1 or self.high < 1


def paired_ratio(times: Sequence[float], base: Sequence[float]) -> Ratio:
    """Median of times / base, round by round: what slows a round down slows both, and falls out."""
    quotients = np.divide(times, base)
    return _with_spread(float(np.median(quotients)), np.median(_resampled(quotients, 0), axis=1))


def ratio_of_medians(times: Sequence[Sequence[float]], base: Sequence[Sequence[float]]) -> Ratio:
    """Median of all `times` over that of all `base`, each given pass by pass; they have nothing to do with one another.

    The runs of a pass share what the machine did in that minute, and are not so many measurements of it: where there are
    passes, whole ones are drawn for the interval.
    """
    above, below = (_resampled_medians(passes, seed) for seed, passes in enumerate((times, base)))
    value = median(chain.from_iterable(times)) / median(chain.from_iterable(base))
    return _with_spread(value, above / below)


def _resampled_medians(passes: Sequence[Sequence[float]], seed: int) -> NDArray[np.float64]:
    if len(passes) == 1:
        return np.asarray(np.median(_resampled(np.asarray(passes[0]), seed), axis=1), np.float64)
    picks = np.random.default_rng(seed).integers(0, len(passes), (RESAMPLES, len(passes)))
    return np.array([median(chain.from_iterable(passes[pick] for pick in row)) for row in picks])


def _resampled(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    picks = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    return np.asarray(values[picks], np.float64)


def _with_spread(value: float, resampled: NDArray[np.float64]) -> Ratio:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Ratio(value, float(low), float(high))
