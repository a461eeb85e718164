"""Medians, tails and ratios, against numbers by hand and against what is known of the data."""

from itertools import chain

import numpy as np
import pytest

from benchmarks.measuring.timing import (
    END_TO_END,
    WHOLE,
    Timing,
    agreement,
    compare,
    differences,
    paired_ratio,
    ratio_of_medians,
)


def test_median_and_tail_by_hand():
    timing = Timing("x", "fp32", (800, 800), {WHOLE: [10.0 * k for k in range(1, 22)]})
    assert (timing.median(), timing.percentile(95), timing.percentile(100)) == (110, 200, 210)
    timing.stages[END_TO_END] = [7.0]
    assert (timing.median(), timing.median(WHOLE)) == (7, 110)


def test_a_paired_ratio_is_blind_to_what_slows_both():
    random = np.random.default_rng(1)
    ours = random.uniform(50, 500, 40)  # a machine that is now idle, now busy
    ratio = paired_ratio(list(2.5 * ours), list(ours))
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((2.5, 2.5, 2.5))
    assert ratio.differs
    other = ratio_of_medians([list(2.5 * ours)], [list(ours)])
    assert other.low < 2.2 < 2.8 < other.high


def test_the_spread_holds_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(2)
    hits = 0
    for _ in range(100):
        ratio = ratio_of_medians([list(random.normal(150, 20, 40))], [list(random.normal(100, 10, 40))])
        hits += ratio.low <= 1.5 <= ratio.high
    assert 88 <= hits <= 100


def test_the_runs_of_a_slow_minute_are_not_independent_measurements():
    random = np.random.default_rng(3)

    def measured():
        minutes = random.normal(100, 10, 8)  # how fast the machine was while each process ran
        return [list(random.normal(minute, 2, 10)) for minute in minutes]

    false_alarms = {"by process": 0, "all in one": 0}
    for _ in range(100):
        now, then = measured(), measured()
        false_alarms["by process"] += ratio_of_medians(now, then).differs
        false_alarms["all in one"] += ratio_of_medians([list(chain(*now))], [list(chain(*then))]).differs
    assert false_alarms["by process"] <= 12
    assert false_alarms["all in one"] >= 30


def test_runs_by_process_by_hand():
    timing = Timing("x", "fp32", (800, 800))
    timing.add_pass({WHOLE: [5.0, 7.0, 6.0], END_TO_END: [8.0, 9.0, 8.4]})
    assert timing.by_process() == ""
    timing.add_pass({WHOLE: [9.0], END_TO_END: [11.2]})
    assert timing.by_pass(WHOLE) == [[5, 7, 6], [9]]
    assert timing.by_pass() == [[8, 9, 8.4], [11.2]]
    assert timing.by_process() == "8 to 11"
    assert timing.median() == pytest.approx(8.7)
    assert Timing("x", "fp32", (8, 8), {WHOLE: [1.0, 2.0]}).by_pass() == [[1, 2]]  # of a file from before there were passes


def test_rows_are_compared_with_their_own_kind():
    old = [
        Timing("ours, a", "fp32", (8, 8), {END_TO_END: [20.0] * 9}),
        Timing("ours, a", "bf16", (8, 8), {END_TO_END: [1.0]}),
    ]
    new = [Timing("ours, a", "fp32", (8, 8), {END_TO_END: [10.0] * 9}), Timing("ours, b", "fp32", (8, 8), {END_TO_END: [1.0]})]
    [(now, then, ratio)] = rows = compare(new, old)
    assert (now, then) == (new[0], old[0])
    assert ratio.value == 0.5
    assert agreement(rows) == "The medians differ by 100.0% at most."


def test_another_machine_is_named():
    assert differences({"cores": "2", "weights": "a"}, {"cores": "2", "weights": "a"}) is None
    line = differences({"cores": "2", "weights": "b"}, {"cores": "2", "weights": "a"})
    assert line == "Not the same machine or program: weights a then, b now."
