"""Milliseconds of many runs, and how they compare: medians, tails, and ratios with their spread."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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

    `start` has, for each fresh process, the milliseconds until the engine was there ("ready") and until the first picture
    ("first frame"), and both with an empty cache of engines; `memory` the most that the last of them had, in MB ("peak"; "gpu"
    where there is one).
    """

    name: str
    precision: str
    size: tuple[int, int]
    stages: dict[str, list[float]] = field(default_factory=dict)
    start: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)

    @property
    def whole(self) -> str:
        """The stage that a user waits for: END_TO_END where it was measured, else WHOLE."""
        return END_TO_END if END_TO_END in self.stages else WHOLE

    def median(self, stage: str | None = None) -> float:
        """Median milliseconds of a stage, of `whole` unless told."""
        return median(self.stages[stage or self.whole])

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


def ratio_of_medians(times: Sequence[float], base: Sequence[float]) -> Ratio:
    """median(times) / median(base), of runs that have nothing to do with one another."""
    above, below = (np.median(_resampled(np.asarray(runs), seed), axis=1) for seed, runs in enumerate((times, base)))
    return _with_spread(median(times) / median(base), above / below)


def _resampled(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    picks = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    return np.asarray(values[picks], np.float64)


def _with_spread(value: float, resampled: NDArray[np.float64]) -> Ratio:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Ratio(value, float(low), float(high))
