"""`bench latency` with engines that only sleep, or do nothing."""

import json
import sys
import time

import numpy as np
import pytest

import engines
from benchmarks import cli, machine
from benchmarks.latency import AROUND, WHOLE, OwnContestant, Timing, make_frames, measure, verdict
from engines import InputError, Matte

ADAPTER = "import numpy as np\ndef load():\n    return lambda rgb: np.zeros(rgb.shape[:2], 'f4')\n"


class Sleeper:
    """An engine that sleeps."""

    name, device, precision = "sleeper", "none", "bf16"

    def __init__(self, milliseconds=2.0):
        self.milliseconds = milliseconds
        self.last_ms = {}
        self.closed = False

    def __call__(self, frame, mask=None):
        time.sleep(self.milliseconds / 1e3)
        self.last_ms = {"mpn": 0.25, "qun": 0.125, "mrn": 1.0}
        alpha = np.zeros(frame.shape[:2], np.float32)
        return Matte(alpha, frame, alpha, alpha)

    def close(self):
        self.closed = True


class Scripted:
    """A contestant whose times are written down, and which notes when it was called."""

    precision = "fp32"

    def __init__(self, name, calls):
        self.name, self.calls = name, calls

    def time(self, frame):
        self.calls.append(self.name)
        return {WHOLE: float(len(self.calls))}


@pytest.fixture
def idle(monkeypatch):
    monkeypatch.setattr(machine.OtherWork, "share", lambda self: 0.0)


def bench(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["bench", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    output = capsys.readouterr()
    return end.value.code or 0, output.out, output.err


def test_they_take_turns_and_the_warm_up_does_not_count():
    calls = []
    rounds = []
    first, second = measure([Scripted("a", calls), Scripted("b", calls)], (40, 32), 3, 2, lambda: rounds.append(1))
    assert calls == ["a", "b"] * 5
    assert len(rounds) == 5
    assert first.stages == {WHOLE: [5, 7, 9]}
    assert second.stages == {WHOLE: [6, 8, 10]}
    assert first.size == (40, 32)


def test_an_engine_tells_its_networks_apart():
    times = OwnContestant(Sleeper()).time(np.zeros((32, 32, 3), np.uint8))
    assert list(times) == [WHOLE, "mpn", "qun", "mrn", AROUND]
    assert times[WHOLE] >= 2
    assert times[AROUND] == pytest.approx(times[WHOLE] - 1.375)


def test_median_and_tail_by_hand():
    timing = Timing("x", "fp32", (800, 800), {WHOLE: [10.0 * k for k in range(1, 22)]})
    assert (timing.median(), timing.p95(), timing.worst()) == (110, 200, 210)


def test_frames_have_the_form_of_frames():
    frames = make_frames((47, 33))
    assert all(f.shape == (33, 47, 3) and f.dtype == np.uint8 and f.flags.c_contiguous for f in frames)
    assert not np.array_equal(frames[0], frames[1])


def test_the_verdict():
    def at(size, milliseconds):
        return [Timing("ours", "bf16", size, {WHOLE: [milliseconds]}), Timing("peer", "bf16", size, {WHOLE: [1.0]})]

    assert "is met: 32.0 ms" in verdict(at((800, 800), 32.0))
    assert "2.50 times faster" in verdict(at((800, 800), 32.0))
    assert "not met: 100.0 ms" in verdict(at((1280, 720), 1.0) + at((800, 800), 100.0))
    assert "1.25 times slower" in verdict(at((800, 800), 100.0))
    assert "--size 800x800" in verdict(at((1280, 720), 1.0))


def test_a_table_a_verdict_and_every_run(monkeypatch, capsys, idle, tmp_path):
    engine = Sleeper()
    asked = {}
    monkeypatch.setattr(engines, "load", lambda backend, **options: asked.update(options) or engine, raising=False)
    (tmp_path / "quick.py").write_text(ADAPTER)
    result = tmp_path / "result.json"
    code, out, err = bench(
        monkeypatch, capsys, "latency", "--size", "800x800", "--size", "65x33", "--runs", 3, "--warm-up", 1,
        "--threads", 2, "--adapters", tmp_path, "--peer", "quick", "--json", result,
    )  # fmt: skip
    assert code == 0, err
    assert asked == {"threads": 2, "precision": "auto"}
    assert engine.closed
    for text in ("800x800: milliseconds", "65x33: milliseconds", "ours, sleeper bf16", "quick bf16", "mrn", "threads 2"):
        assert text in out
    assert "claim is met" in out
    assert "Warning" not in out
    report = json.loads(result.read_text())
    assert [(t["name"], t["size"]) for t in report["timings"]] == [
        ("ours, sleeper", [800, 800]), ("quick", [800, 800]), ("ours, sleeper", [65, 33]), ("quick", [65, 33]),
    ]  # fmt: skip
    assert all(len(runs) == 3 for timing in report["timings"] for runs in timing["stages"].values())
    assert report["verdict"].startswith("The paper's claim is met")
    assert report["machine"]["threads"] == "2"


def test_a_busy_machine_is_named(monkeypatch, capsys):
    monkeypatch.setattr(engines, "load", lambda backend, **options: Sleeper(0), raising=False)
    monkeypatch.setattr(machine.OtherWork, "share", lambda self: 0.5)
    _, out, _ = bench(monkeypatch, capsys, "latency", "--size", "32x32", "--runs", 1)
    assert "Warning: other programs took 50%" in out


@pytest.mark.parametrize("size", ["800", "800x", "31x64", "64x31", "-64x64", "800X800", "1e3x100", "800x800x3", ""])
def test_sizes_that_are_none(size):
    with pytest.raises(InputError, match="WIDTHxHEIGHT"):
        cli.parse_size(size)


def test_bad_input_is_one_line(monkeypatch, capsys, tmp_path):
    for arguments, message in [
        (["--size", "big"], "--size big"),
        (["--json", tmp_path], "--json"),
        (["--json", tmp_path / "nowhere/x.json"], "--json"),
        (["--peer", "rvm"], "--peer needs --adapters"),
        (["--backend", "none"], "leaves nothing to run"),
        (["--backend", "none", "--peer", "rvm", "--adapters", tmp_path], "no adapters"),
    ]:
        code, _, err = bench(monkeypatch, capsys, "latency", *arguments)
        assert code == 2, arguments
        assert err.count("\n") == 1, err
        assert message in err
