"""Which networks a release takes from where."""

import re
from pathlib import Path

import pytest

from engines.commands.running import UsageError
from train.commands.release import sources


@pytest.mark.parametrize(
    ("trained", "on", "told"),
    [
        ("", None, "run: has none of mpn.pt, qun.pt, mrn.pt; name a folder of shm-train"),
        ("mpn", None, "run: has no qun.pt and mrn.pt; name with --on another run that has, or --on released"),
        ("mpn qun mrn", "released", "--on released: {run} has all three networks; leave this option out"),
    ],
)
def test_networks_that_a_release_lacks(tmp_path: Path, trained: str, on: str | None, told: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in trained.split():
        (run / f"{name}.pt").touch()
    with pytest.raises(UsageError, match=re.escape(told.format(run=run))):
        sources(run, on and Path(on))
