import re

import pytest

from benchmarks.soak import Sample, grown, halves
from tests.realtime.plain_engine import plain_engine


def test_a_short_run_on_a_fast_source_with_nothing_growing(bench) -> None:  # type: ignore[no-untyped-def]
    with plain_engine(0.02):
        code, out, err = bench("soak", "--minutes", "0.1", "--size", "320x240")
    assert code == 0, err
    assert re.search(r"engine alone: [\d.]+ ms a frame; live session: [\d.]+ ms", out)
    assert "nothing grew" in out
    assert int(re.search(r"(\d+) dropped", out)[1]) > 20  # type: ignore[index]


def test_a_short_clip_is_edited_from_file_to_file(bench) -> None:  # type: ignore[no-untyped-def]
    with plain_engine(0.01) as engine:
        code, out, err = bench("soak", "--file", "--minutes", "0.1", "--size", "320x240")
    assert code == 0, err
    assert "; whole file: " in out
    assert "delay" not in out
    counts = re.search(r"150 frames; memory: (\d+) MB at first, (\d+) at most", out)
    assert counts is not None
    assert 0 < int(counts[1]) <= int(counts[2])
    assert engine.calls > 150


@pytest.mark.parametrize(
    ("what", "name", "step"),
    [("memory", "memory, MB", 5), ("threads", "threads", 1), ("files", "open files", 1), ("delay_ms", "delay, ms", 10)],
)
def test_growth_is_noticed(what: str, name: str, step: float) -> None:
    flat = Sample(0, 1000, 20, 30, 40.0)
    assert grown(halves([flat] * 20)) == []
    rising = [flat._replace(**{what: getattr(flat, what) + step * index}) for index in range(20)]
    assert grown(halves(rising)) == [name]


def test_bad_input_is_one_line(bench) -> None:  # type: ignore[no-untyped-def]
    for arguments, message in [(["--minutes", "0"], "--minutes 0"), (["--size", "1x1"], "--size 1x1")]:
        code, _, err = bench("soak", *arguments)
        assert code == 2
        assert err.count("\n") == 1, err
        assert message in err
