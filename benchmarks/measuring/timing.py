"""Latency statistics: medians, tails, ratios with their confidence intervals, and the comparison with earlier figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WHOLE = "whole"  # from the uint8 frame to all that the model gives
NETWORKS = "networks"  # the networks alone
AROUND = "around them"  # the part of the whole that no network takes
COMPOSITE = "composite"  # alpha, foreground and background to a picture
END_TO_END = "end to end"  # from the uint8 frame to the uint8 composite
RESAMPLES = 2000
MATTERS = ("processor", "cores", "threads", "openvino", "torch", "weights")  # of the machine, for two runs to be comparable


@dataclass
class Timing:
    """How long a model took at one size (width, height): milliseconds of every run, by stage.

    `passes` counts the runs of each fresh process, in order; empty where all runs are of one. `start` has, for each process,
    the milliseconds until the engine was ready ("ready") and until the first picture ("first frame"), and both with an empty
    cache of engines; `memory` the peak of the last process in MB ("peak", "peak on GPU").
    """

    name: str
    precision: str
    size: tuple[int, int]
    stages: dict[str, list[float]] = field(default_factory=dict)
    start: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    passes: list[int] = field(default_factory=list)

    def add_pass(self, stages: dict[str, list[float]]) -> None:
        """Add the runs of a fresh process."""
        for stage, runs in stages.items():
            self.stages.setdefault(stage, []).extend(runs)
        self.passes.append(len(next(iter(stages.values()))))

    def by_pass(self, stage: str | None = None) -> list[list[float]]:
        """The runs of each fresh process, by default of the stage `whole`."""
        runs = self.stages[stage or self.whole]
        ends = list(accumulate(self.passes or [len(runs)]))
        return [runs[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]

    @property
    def whole(self) -> str:
        """The stage that a user waits for: END_TO_END where it was measured, else WHOLE."""
        return END_TO_END if END_TO_END in self.stages else WHOLE

    def median(self, stage: str | None = None) -> float:
        """Median milliseconds of a stage, by default of `whole`."""
        return median(self.stages[stage or self.whole])

    def by_process(self, digits: int = 0) -> str:
        """The lowest and the highest of the processes' medians: "58 to 63"; "" where there was but one process."""
        medians = [median(runs) for runs in self.by_pass()]
        return f"{min(medians):.{digits}f} to {max(medians):.{digits}f}" if len(medians) > 1 else ""

    def percentile(self, percent: float, stage: str | None = None) -> float:
        """Interpolated percentile of a stage's milliseconds."""
        import numpy as np

        return float(np.percentile(self.stages[stage or self.whole], percent))


def own_name(backend: str | None, model: str) -> str:
    """What a table calls one of our engines: "ours, openvino, large". The base model needs no word, nor does backend None."""
    return ", ".join(["ours", *([backend] if backend else []), *([model] if model != "base" else [])])


@dataclass(frozen=True)
class Ratio:
    """A ratio and its 95 % bootstrap interval. What all runs share, such as a hot day, is not in it."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"

    @property
    def differs(self) -> bool:
        """Whether 1 is outside the interval."""
        return self.low > 1 or self.high < 1


def paired_ratio(times: Sequence[float], base: Sequence[float]) -> Ratio:
    """Median of times / base, round by round: what slows a round slows both, and cancels out."""
    import numpy as np

    quotients = np.divide(times, base)
    return _with_interval(float(np.median(quotients)), np.median(_resampled(quotients, 0), axis=1))


def ratio_of_medians(times: Sequence[Sequence[float]], base: Sequence[Sequence[float]]) -> Ratio:
    """Median of all `times` over that of all `base`, each given pass by pass, of independent measurements.

    The runs of a pass share the state of the machine in that minute and are not independent: whole passes are resampled.
    """
    above, below = (_resampled_medians(passes, seed) for seed, passes in enumerate((times, base)))
    value = median(chain.from_iterable(times)) / median(chain.from_iterable(base))
    return _with_interval(value, above / below)


def _resampled_medians(passes: Sequence[Sequence[float]], seed: int) -> NDArray[np.float64]:
    import numpy as np

    if len(passes) == 1:
        return np.asarray(np.median(_resampled(np.asarray(passes[0]), seed), axis=1), np.float64)
    picks = np.random.default_rng(seed).integers(0, len(passes), (RESAMPLES, len(passes)))
    if len(set(map(len, passes))) == 1:  # far faster, and the same
        return np.asarray(np.median(np.asarray(passes)[picks].reshape(RESAMPLES, -1), axis=1), np.float64)
    return np.array([median(chain.from_iterable(passes[pick] for pick in row)) for row in picks])


def _resampled(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    import numpy as np

    picks = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    return np.asarray(values[picks], np.float64)


def _with_interval(value: float, resampled: NDArray[np.float64]) -> Ratio:
    import numpy as np

    low, high = np.percentile(resampled, [2.5, 97.5])
    return Ratio(value, float(low), float(high))


Comparison = list[tuple[Timing, Timing, Ratio]]  # now, then, and the ratio of their medians


def compare(timings: Sequence[Timing], old: Sequence[Timing]) -> Comparison:
    """The rows that both have, each with the ratio of its medians, now to then; below 1 is faster now."""

    def key(timing: Timing) -> tuple[str, str, tuple[int, ...]]:
        return timing.name, timing.precision, tuple(timing.size)

    before = {key(timing): timing for timing in old}
    pairs = [(timing, before[key(timing)]) for timing in timings if key(timing) in before]
    pairs = [(now, then) for now, then in pairs if now.whole in then.stages]
    return [(now, then, ratio_of_medians(now.by_pass(), then.by_pass(now.whole))) for now, then in pairs]


def differences(facts: dict[str, str], old: dict[str, str]) -> str | None:
    """One line of what differs about the machine, or None."""
    found = [f"{name} {old[name]} then, {facts[name]} now" for name in MATTERS if name in old and facts.get(name) != old[name]]
    return f"Not the same machine or program: {'; '.join(found)}." if found else None


def agreement(rows: Comparison) -> str:
    """One line: the largest difference between the medians."""
    most = max(max(ratio.value, 1 / ratio.value) for _, _, ratio in rows) - 1
    return f"The medians differ by {most:.1%} at most."
