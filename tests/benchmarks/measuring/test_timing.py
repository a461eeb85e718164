"""Medians, tails and ratios, against numbers by hand and against what is known of the data."""

import numpy as np
import pytest

from benchmarks.measuring.timing import END_TO_END, WHOLE, Timing, paired_ratio


def test_median_and_tail_by_hand():
    timing = Timing("x", "fp32", (800, 800), {WHOLE: [10.0 * k for k in range(1, 22)]})
    assert (timing.median(), timing.percentile(95), timing.percentile(100)) == (110, 200, 210)
    timing.stages[END_TO_END] = [7.0]
    assert (timing.median(), timing.median(WHOLE)) == (7, 110)


def test_a_paired_ratio_is_blind_to_what_slows_both():
    random = np.random.default_rng(1)
    ours = random.uniform(50, 500, 40)  # a machine that is now idle, now busy
    ratio = paired_ratio(list(2.5 * ours), list(ours))
    assert ratio == pytest.approx({"value": 2.5, "low": 2.5, "high": 2.5})


def test_the_spread_holds_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(2)
    hits = 0
    for _ in range(100):
        ratio = paired_ratio(list(random.normal(150, 20, 40)), [100.0] * 40)
        hits += ratio["low"] <= 1.5 <= ratio["high"]
    assert 88 <= hits <= 100


def test_runs_by_process_by_hand():
    timing = Timing("x", "fp32", (800, 800))
    timing.add_pass({WHOLE: [5.0, 7.0, 6.0], END_TO_END: [8.0, 9.0, 8.4]})
    assert timing.by_process() == ""
    timing.add_pass({WHOLE: [9.0], END_TO_END: [11.2]})
    assert timing.by_process() == "8 to 11"
    assert timing.median() == pytest.approx(8.7)
    assert Timing("x", "fp32", (8, 8), {WHOLE: [1.0, 2.0]}).by_process() == ""  # of a file from before there were passes
