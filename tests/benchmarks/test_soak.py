import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.soak import Look, app, growth
from tests.realtime.plain_engine import plain_engine


def test_a_short_run_on_a_fast_source_with_nothing_growing() -> None:
    with plain_engine(0.02):
        done = CliRunner().invoke(app, ["--minutes", "0.1", "--size", "320x240", "--smooth", "0.5"])
    assert done.exit_code == 0, done.output
    assert re.search(r"the engine alone [\d.]+; the loop [\d.]+: .*composite [\d.]+", done.output)
    assert "nothing grew" in done.output
    assert int(re.search(r"(\d+) dropped", done.output)[1]) > 20  # type: ignore[index]


@pytest.mark.parametrize("what", ["memory", "threads", "files", "delay_ms"])
def test_growth_is_noticed(what: str, tmp_path: Path) -> None:
    flat = Look(0, 10**9, 20, 30, 40.0)
    assert growth([flat] * 20) == []
    step = {"memory": 5 * 2**20, "threads": 1, "files": 1, "delay_ms": 10}[what]
    values = {name: getattr(flat, name) for name in Look.__slots__}
    rising = [Look(**(values | {what: values[what] + step * index})) for index in range(20)]
    assert growth(rising) == [f"{what} grew"]
