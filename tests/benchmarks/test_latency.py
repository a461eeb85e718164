"""`bench latency`: turns and verdicts by hand, and the command with the engine that ships, on small frames."""

import json
from typing import ClassVar

import cv2
import numpy as np
import pytest

from benchmarks.latency import page, table, verdict
from benchmarks.measuring import turns
from benchmarks.measuring.engine_process import Choice, EngineProcess, time_frame
from benchmarks.measuring.frames import make_frames
from benchmarks.measuring.machine import Load, LoadMonitor
from benchmarks.measuring.timing import AROUND, COMPOSITE, END_TO_END, NETWORKS, WHOLE, Timing
from benchmarks.measuring.turns import LEAST_RUNS, choices, take_turns, time_sizes
from engines.backends import nvidia, openvino
from engines.engine import Profiled
from engines.errors import EngineError
from tests.engines.backends.lagging import LaggingTorchEngine
from tests.realtime.plain_engine import PlainEngine


class Scripted:
    """A contestant whose times are written down, and which notes when it was called."""

    precision = "fp32"

    def __init__(self, name, calls):
        self.name, self.calls = name, calls

    def time(self, index):
        self.calls.append(self.name)
        return {WHOLE: float(len(self.calls))}


def scripted_processes(monkeypatch):
    """In place of processes: the times are the numbers of the calls, which are in the list it gives."""
    calls = []

    class ScriptedProcess(Scripted):
        memory: ClassVar = {"peak": 100.0}

        def __init__(self, choice, size, threads, cache):
            super().__init__(choice.backend, calls)
            self.start = {"ready": 1.0, "first frame": 2.0 if any(cache.iterdir()) else 9.0}
            (cache / "engine").touch()
            calls.append(f"start {size[0]}")

        def __enter__(self):
            return self

        def __exit__(self, *_):
            calls.append("end")

    monkeypatch.setattr(turns, "EngineProcess", ScriptedProcess)
    return calls


def test_they_take_turns_and_the_warm_up_does_not_count():
    calls = []
    rounds = []
    both = [Scripted(name, calls).time for name in ("a", "b")]
    first, second = take_turns(both, 3, 2, advance=lambda: rounds.append(1))
    assert calls == ["a", "a", "b", "b"] * 5
    assert len(rounds) == 5
    assert first == {WHOLE: [10, 14, 18]}  # the second frame of each turn
    assert second == {WHOLE: [12, 16, 20]}


def test_when_the_time_is_up_no_round_is_begun_but_there_are_enough():
    rounds = []
    [stages] = take_turns([Scripted("a", []).time], 50, 2, seconds=0, advance=lambda: rounds.append(1))
    assert len(stages[WHOLE]) == LEAST_RUNS
    assert len(rounds) == 52  # the bar goes to its end


def test_the_stages_of_a_frame_add_up():
    class Profiling(PlainEngine):
        def profile(self, frame, mask=None):
            return Profiled(self(frame, mask), {"mpn": 4.0, "mrn": 15.0})

    [frame] = make_frames((64, 48), 1)
    stages = time_frame(Profiling(0.02), frame, np.zeros_like(frame))
    assert stages[NETWORKS] == 19
    assert stages[WHOLE] >= 20
    assert stages[WHOLE] == pytest.approx(stages[NETWORKS] + stages[AROUND])
    assert stages[END_TO_END] == pytest.approx(stages[WHOLE] + stages[COMPOSITE])


def test_frames_have_the_form_of_frames():
    frames = make_frames((647, 533))
    assert all(f.shape == (533, 647, 3) and f.dtype == np.uint8 and f.flags.c_contiguous for f in frames)
    assert not np.array_equal(frames[0], frames[1])


def test_the_verdict():
    def at(size, milliseconds, precision="bf16"):
        return [Timing("ours, x", precision, size, {END_TO_END: [milliseconds]})]

    line = verdict(at((800, 800), 64.0, "fp32") + at((800, 800), 32.0) + at((800, 800), 50.0) + at((1920, 1080), 100.0))
    assert "is met, end to end: 32.0 ms in bf16 (x), 2.50 times faster; 64.0 ms in fp32 (x), 1.25 times faster" in line
    assert line.endswith("1920x1080 100.0 ms in bf16 (x), 1.25 times slower.")
    assert "not met" in verdict(at((800, 800), 100.0))
    assert "--size 800x800" in verdict(at((1280, 720), 1.0))


def test_what_all_means_on_this_machine(monkeypatch):
    monkeypatch.setattr(nvidia, "driver_missing", lambda: "no NVIDIA GPU")
    for native, levels in ((True, {"fp32", "bf16", "int8"}), (False, {"fp32", "int8"})):
        monkeypatch.setattr(openvino, "bf16_is_native", lambda native=native: native)
        found = choices("all", "all")
        assert {each.precision for each in found} == levels
        assert {each.backend for each in found} >= {"openvino", "torch"}
    monkeypatch.setattr(nvidia, "driver_missing", lambda: "")
    assert {Choice("torch", "fp16"), Choice("tensorrt", "fp16")} <= set(choices("all", "all"))
    assert choices("openvino", "bf16") == [Choice("openvino", "bf16")]
    assert choices("auto", "all") == [Choice("auto", "auto")]


def test_a_process_tells_of_its_start_its_frames_and_its_memory():
    with EngineProcess(Choice("openvino", "fp32"), (65, 33), 1) as engine:
        assert (engine.name, engine.precision) == ("openvino", "fp32")
        assert 0 < engine.start["ready"] < engine.start["first frame"]
        assert {END_TO_END, "mpn", "qun", "mrn", COMPOSITE} <= set(engine.time(5))
        assert 30 < engine.memory["peak"] < 2000
    with pytest.raises(EngineError, match="fp16"):
        EngineProcess(Choice("openvino", "fp16"), (64, 64))


def test_an_engine_that_cannot_run_is_left_out():
    chosen = [Choice("openvino", "fp32"), Choice("openvino", "fp16")]
    timings, [missing] = time_sizes(chosen, [(64, 48)], runs=2, starts=1, seconds=45)
    assert [(t.name, t.precision, len(t.stages[END_TO_END])) for t in timings] == [("ours, openvino", "fp32", 2)]
    assert (missing["precision"], missing["size"]) == ("fp16", (64, 48))
    assert "openvino" in missing["why"]


def test_an_engine_that_fails_at_one_size_keeps_what_it_did_at_others(monkeypatch):
    scripted_processes(monkeypatch)
    process = turns.EngineProcess

    def start(choice, size, threads, cache):
        if size == (80, 64):
            raise EngineError("x: no memory")
        return process(choice, size, threads, cache)

    monkeypatch.setattr(turns, "EngineProcess", start)
    timings, [missing] = time_sizes([Choice("x", "fp32")], [(40, 32), (80, 64)], runs=3, starts=2, seconds=45)
    assert [(timing.size, timing.passes) for timing in timings] == [((40, 32), [2, 1])]
    assert (missing["size"], missing["why"]) == ((80, 64), "x: no memory")


def test_the_sizes_are_gone_through_again_and_again_so_that_a_slow_minute_slows_all(monkeypatch):
    calls = scripted_processes(monkeypatch)
    steps = []
    chosen, sizes = [Choice("x", "fp32")], [(40, 32), (80, 64)]
    timings, left_out = time_sizes(chosen, sizes, runs=3, starts=2, seconds=45, advance=lambda: steps.append(1))
    starts = [call for call in calls if call.startswith("start")]
    assert starts == ["start 40", "start 80"] * 3
    assert calls.count("end") == 6
    assert not left_out
    assert [timing.size for timing in timings] == [(40, 32), (80, 64)]
    for timing in timings:
        assert timing.passes == [2, 1]
        assert timing.start["first frame, empty cache"] == [9]
        assert timing.start["first frame"] == [2, 2]
    # The times are the numbers of the calls, so the second process's are later than any of the first round over all sizes.
    assert timings[0].stages[WHOLE][2] > timings[1].stages[WHOLE][1]
    assert len(steps) == 2 * (1 + 2)  # sizes, and starts


@pytest.mark.parametrize("starts", [1, 2, 6])
def test_when_the_time_is_up_the_processes_have_done_enough_together(starts, monkeypatch):
    scripted_processes(monkeypatch)
    [timing], _ = time_sizes([Choice("openvino", "fp32")], [(64, 48)], runs=60, starts=starts, seconds=0)
    assert LEAST_RUNS <= sum(timing.passes) < LEAST_RUNS + starts
    assert len(timing.passes) == starts


@pytest.mark.parametrize(("runs", "starts"), [(60, 6), (7, 3), (1, 1)])
def test_the_processes_share_the_runs(runs, starts, monkeypatch):
    scripted_processes(monkeypatch)
    [timing], _ = time_sizes([Choice("x", "fp32")], [(64, 48)], runs=runs, starts=starts, seconds=45)
    assert len(timing.passes) == starts
    assert sum(timing.passes) == runs
    assert max(timing.passes) - min(timing.passes) <= 1


def test_a_table_a_verdict_every_run_and_a_plot(bench, tmp_path):
    result, plot = tmp_path / "result.json", tmp_path / "plot.png"
    words = ["latency", "--size", "65x33", "--runs", 3, "--starts", 2]
    words += ["--backend", "openvino", "--precision", "fp32", "--threads", 1]
    code, out, err = bench(*words, "--json", result, "--plot", plot)
    assert code == 0, err
    for text in ("3 runs in turn, of 2 processes", "openvino, fp32", "MRN", "1 threads", "was not measured"):
        assert text in out
    report = json.loads(result.read_text())
    [row] = report["timings"]
    assert all(len(runs) == 3 for runs in row["stages"].values())
    assert row["passes"] == [2, 1]
    assert set(report["load"]) == {"before", "during", "stolen"}
    assert report["machine"]["threads"] == "1"
    picture = cv2.imread(str(plot))
    assert picture is not None
    assert picture.std() > 5


def test_reports_are_not_replaced_unasked_and_name_a_busy_machine(bench, monkeypatch, tmp_path):
    scripted_processes(monkeypatch)
    monkeypatch.setattr(LoadMonitor, "load", lambda self: Load(0.02, 0.5, 0.0))
    words = ["latency", "--size", "64x32", "--runs", 1, "--starts", 1, "--backend", "openvino", "--precision", "fp32"]
    reports = {"--json": tmp_path / "x.json", "--plot": tmp_path / "x.png"}
    for option, path in reports.items():
        path.write_text("precious")
        code, _, err = bench(*words, option, path)
        assert code == 2
        assert err == f"error: {option} {path}: exists already; use --overwrite to replace it\n"
        assert path.read_text() == "precious"
    code, out, _ = bench(*words, *(word for report in reports.items() for word in report), "-y")
    assert code == 0
    assert not any(b"precious" in path.read_bytes() for path in reports.values())
    assert "The machine was busy" in out
    assert "other programs took 50%" in json.loads(reports["--json"].read_text())["warning"]


def test_bad_input_is_one_line(bench, tmp_path):
    for arguments, message in [
        (["--size", "big"], "--size big: give WIDTHxHEIGHT"),
        (["--model", "huge"], "--model huge: is not one of 'base', 'large'"),
        (["--backend", "openvino", "--precision", "fp16"], "--precision fp16: openvino has"),
        (["--backend", "tensorrt", "--size", "64x64"], "--backend tensorrt: "),
        (["--json", tmp_path], "--json"),
        (["--json", tmp_path / "nowhere/x.json"], "--json"),
        (["--plot", tmp_path / "x.jpg"], "must end in .png"),
    ]:
        code, _, err = bench("latency", *arguments)
        assert code == 2, arguments
        assert err.count("\n") == 1, err
        assert message in err


def test_a_picture_made_by_the_engine_is_timed_whole_and_its_networks_apart():
    with LaggingTorchEngine() as engine:
        [frame] = make_frames((96, 64), 1)
        stages = time_frame(engine, frame, np.zeros_like(frame))
    assert set(stages) == {END_TO_END, NETWORKS, "all three", AROUND}
    assert 0 < stages[NETWORKS] == stages["all three"]
    assert stages[END_TO_END] == pytest.approx(stages[NETWORKS] + stages[AROUND])


def test_a_fast_engine_has_hundredths_and_its_gpu_memory_a_column():
    stages, start = {END_TO_END: [1.234], NETWORKS: [0.567]}, {"first frame, empty cache": [900.0], "first frame": [400.0]}
    timing = Timing("ours, torch", "fp16", (800, 800), stages, start=start, memory={"peak on GPU": 321.4})
    facts = {"cores": "2", "processor": "P", "vector units": "avx2", "threads": "all"}
    text = table({"timings": [vars(timing)], "machine": facts, "verdict": ""})
    assert "| size | engine | median | 95 % | networks | first picture, no cache | first picture | peak MB on GPU |" in text
    assert "| 800x800 | torch, fp16 | 1.23 | 1.23 | 0.57 | 900 | 400 | 321 |" in text


def test_a_card_that_was_not_measured_and_an_engine_that_was_left_out_are_named():
    facts = {"cores": "2", "processor": "P", "vector units": "avx2", "threads": "all"}
    missing = {"backend": "tensorrt", "precision": "fp16", "model": "large", "size": (800, 800), "why": "no TensorRT"}
    report = {"timings": [], "machine": facts, "verdict": "", "left_out": [missing], "card": "out of memory"}
    lines = page(report).splitlines()
    assert lines[-2:] == [
        "the card was not measured: out of memory",
        "left out: ours, tensorrt, large fp16, 800x800: no TensorRT",
    ]
