import pytest

from realtime.loop.statistics import LiveStatistics


def test_the_rate_falls_while_no_frames_come() -> None:
    now = 100.0
    statistics = LiveStatistics(clock=lambda: now)
    for _ in range(40):
        now += 0.05
        statistics.add(0.03)
    assert statistics.rate == pytest.approx(20)
    assert statistics.line(3) == "20.0 frames/s, delay 30 ms, dropped 3"
    now += 1
    assert statistics.rate < 15
    now += 4
    assert statistics.rate == 0
    assert statistics.line(3) == "no frame for 5 s, dropped 3"
    assert statistics.summary(3).startswith("40 frames in 2.0 s: 20.0 frames/s, delay 30 ms")
