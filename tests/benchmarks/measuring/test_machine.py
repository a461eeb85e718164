"""The description of the machine, and the load from other programs."""

import os
import re
import subprocess
import sys
from collections import namedtuple

import pytest

from benchmarks.measuring import machine
from benchmarks.measuring.machine import Load, LoadMonitor, peak_memory

Times = namedtuple("Times", "user system idle iowait steal guest")


@pytest.fixture
def clock(monkeypatch):
    """Processor times that the test sets, and a process that uses what the test says."""
    now = {"times": Times(0, 0, 0, 0, 0, 0), "own": 0.0}
    monkeypatch.setattr(machine, "SAMPLE", 0)
    monkeypatch.setattr(machine.psutil, "cpu_times", lambda: now["times"])
    monkeypatch.setattr(machine, "_own_seconds", lambda: now["own"])
    return now


def test_the_machine_is_described():
    facts = machine.describe()
    assert {"processor", "cores", "memory", "system", "python", "numpy", "openvino", "weights"} <= set(facts)
    assert int(facts["cores"]) >= 1
    assert re.fullmatch(r"base [0-9a-f]{8}, large [0-9a-f]{8}", facts["weights"])


def test_the_shares_of_others_and_of_the_host(clock):
    monitor = LoadMonitor()
    clock["times"] = Times(user=8.0, system=1.0, idle=9.0, iowait=1.0, steal=1.0, guest=2.0)  # guests are counted in user
    clock["own"] = 4.0
    load = monitor.load()
    assert load.during == pytest.approx(5 / 20)
    assert load.stolen == pytest.approx(1 / 20)
    assert load.before == 0
    assert "other programs took 25%" in str(load.warning)
    assert "host took 5%" in str(load.warning)


def test_an_idle_machine_gives_no_warning():
    assert Load(0.05, 0.05, 0.01).warning is None
    assert "before" in str(Load(0.3, 0.0, 0.0).warning)


def test_the_work_of_a_child_is_not_that_of_others():
    before = machine._own_seconds()
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    assert machine._own_seconds() > before + 0.01


def test_peak_memory_is_the_childs_own():
    program = "x = b'x' * {}; del x; print(flush=True); input()"
    peaks = []
    for size in (1_000_000, 200_000_000):
        command = [sys.executable, "-c", program.format(size)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            peaks.append(peak_memory(child.pid))
            child.communicate(b"\n")
    assert peaks[0] < 100
    assert peaks[1] - peaks[0] == pytest.approx(199, abs=10)


def test_without_psutil_the_rest_is_known(monkeypatch):
    monkeypatch.setattr(machine, "psutil", None)
    assert LoadMonitor().load() is None
    facts = machine.describe()
    assert "memory" not in facts
    assert {"processor", "cores", "weights"} <= set(facts)
    if sys.platform == "linux":
        assert peak_memory(os.getpid()) > 10
