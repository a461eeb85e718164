"""`bench throughput`, with an engine of known speed, and the command with the one that ships."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmarks.measuring.repeated import RepeatedFrames
from benchmarks.throughput import measure_file, measure_live
from realtime.outputs.video_file import VideoSink
from realtime.packet import Packet
from tests.realtime.plain_engine import PlainEngine

FRAMES = [np.full((64, 96, 3), level, np.uint8) for level in (10, 20, 30)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("throughput")
    picture = np.random.default_rng(0).integers(0, 255, (64, 96, 3)).astype(np.uint8)
    path = folder / "clip.mp4"
    with VideoSink(path, width=96, height=64, rate=Fraction(25)) as sink:
        for index in range(6):
            sink.write(Packet(picture, Fraction(index, 25), index, Fraction(1, 25), picture=np.roll(picture, index, 1)))
    return path


def test_frames_come_in_order_at_their_rate() -> None:
    with RepeatedFrames(FRAMES, 50, 7) as source:
        packets = list(source)
    assert [packet.index for packet in packets] == list(range(7))
    assert [packet.frame[0, 0, 0] for packet in packets] == [10, 20, 30, 10, 20, 30, 10]
    assert all(packet.time >= Fraction(packet.index, 50) - Fraction(1, 1000) for packet in packets)  # since the source began
    source = RepeatedFrames(FRAMES, 50, 7)
    source.stop()
    assert list(source) == []


def test_a_clip_goes_through_in_two_ways(clip: Path, tmp_path: Path) -> None:
    engine = PlainEngine(0.02)
    steps: list[int] = []
    result = measure_file(clip, FRAMES, tmp_path / "loop.mp4", engine, "green", 2, lambda: steps.append(1))
    assert len(steps) == 4
    assert engine.calls == 2 * (1 + 3 + 6)
    assert result["frames"] == 6
    assert list(result["within"]) == ["decode", "matte", "smooth", "composite", "encode"]
    for times in (result["engine"], result["loop"], result["within"]["matte"]):
        assert len(times) == 2
        assert min(times) >= 20
    assert result["frames_a_second"] <= 50
    ratios = [loop / engine for loop, engine in zip(result["loop"], result["engine"], strict=True)]
    assert result["loop_over_engine"] == pytest.approx(np.median(ratios))
    assert (tmp_path / "loop.mp4").exists()


def test_a_live_source_faster_than_the_engine_is_dropped_not_delayed() -> None:
    run = measure_live(FRAMES, 50, 40, PlainEngine(0.06), "green")
    assert run["given"] == 40
    assert run["shown"] + run["dropped"] == 40
    assert run["shown"] < 40
    assert 60 <= run["delay_ms"]["median"] <= run["delay_ms"]["p95"] <= run["delay_ms"]["worst"]
    assert run["frames_a_second"] <= 1 / 0.06


def test_the_command(bench, clip: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = tmp_path / "result.json"
    words = ["--runs", 1, "--rate", 20, "--live-seconds", 1, "--bg", "blur"]
    code, out, err = bench("throughput", clip, *words, "--backend", "openvino", "--json", result)
    assert code == 0, err
    assert "from file to file" in out
    report = json.loads(result.read_text())
    assert (report["size"], report["model"]) == ([96, 64], "base")
    assert report["file"]["frames"] == 6
    assert [run["given"] for run in report["live"]] == [20]


def test_bad_input_is_one_line_before_anything_is_measured(  # type: ignore[no-untyped-def]
    bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.throughput.load_engine", lambda *_, **__: pytest.fail("an engine is loaded"))
    for arguments, message in [
        ([tmp_path / "none.mp4"], "no such file"),
        (["--bg", "nothing.jpg"], "--bg nothing.jpg: no such file"),
        (["--bg", "blur:x"], "--bg blur:x: is not a strength of blur"),
        (["--json", tmp_path], "--json"),
    ]:
        code, _, err = bench("throughput", *arguments)
        assert code == 2, arguments
        assert err.count("\n") == 1, err
        assert message in err
