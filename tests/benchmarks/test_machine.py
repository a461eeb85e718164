"""What the machine says of itself, and whether other work on it is seen."""

import subprocess
import sys
import time

import pytest

from benchmarks import machine

STAT = "cpu  {user} 0 {system} {idle} 0 0 0 {steal} 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n"


@pytest.fixture
def statistics(tmp_path, monkeypatch):
    """A /proc/stat that the test writes, in hundredths of a second, with a process that used nothing."""
    path = tmp_path / "stat"
    monkeypatch.setattr(machine, "STATISTICS", path)
    monkeypatch.setattr(machine.os, "sysconf", lambda name: 100)
    monkeypatch.setattr(machine.os, "times", lambda: (0.0, 0.0, 0.0, 0.0, 0.0))

    def write(**ticks):
        path.write_text(STAT.format(**{"user": 0, "system": 0, "idle": 0, "steal": 0} | ticks))

    return write


def test_the_machine_is_described():
    facts = machine.describe()
    assert {"processor", "cores", "system", "python", "numpy", "openvino"} <= set(facts)
    assert int(facts["cores"]) >= 1


def test_the_share_of_others(statistics, monkeypatch):
    statistics(user=1000, idle=5000)
    others = machine.OtherWork()
    statistics(user=1080, system=10, steal=10, idle=5100)
    assert others.share() == pytest.approx(0.5)
    monkeypatch.setattr(machine.os, "times", lambda: (0.4, 0.1, 0.2, 0.1, 9.0))
    assert others.share() == pytest.approx(0.1)


def test_an_ended_child_is_no_other():
    others = machine.OtherWork()
    subprocess.run([sys.executable, "-c", "sum(range(2_000_000))"], check=True)
    time.sleep(0.1)
    assert 0 <= others.share() <= 1


def test_without_statistics_the_load_average_stands_in(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "STATISTICS", tmp_path / "none")
    monkeypatch.setattr(machine, "_cores", lambda: 2)
    monkeypatch.setattr(machine.os, "getloadavg", lambda: (3.0, 0.0, 0.0), raising=False)
    assert machine.OtherWork().share() == 0.5
    monkeypatch.setattr(machine.os, "getloadavg", lambda: (1.5, 0.0, 0.0), raising=False)
    assert machine.OtherWork().share() == 0
