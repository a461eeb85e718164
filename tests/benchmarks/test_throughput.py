"""`bench throughput`, with an engine of known speed, and the command with the one that ships."""

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.throughput import LiveRun, measure_file, measure_live, write_clip
from realtime.compositing.backgrounds import open_background
from realtime.inputs.video_file import VideoSource
from realtime.outputs.video_file import VideoSink
from realtime.packet import Packet
from tests.realtime.plain_engine import PlainEngine


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("throughput")
    picture = np.random.default_rng(0).integers(0, 255, (64, 96, 3)).astype(np.uint8)
    path = folder / "clip.mp4"
    with VideoSink(path, width=96, height=64, rate=Fraction(25)) as sink:
        for index in range(6):
            sink.write(Packet(picture, Fraction(index, 25), index, Fraction(1, 25), picture=np.roll(picture, index, 1)))
    return path


def test_a_clip_of_another_rate_length_and_size(clip: Path, tmp_path: Path) -> None:
    made = write_clip(clip, tmp_path / "made.mp4", 60, 20, (80, 48))
    with VideoSource(made) as source:
        packets = list(source)
    assert (source.width, source.height, len(packets)) == (80, 48, 20)
    assert [packet.time for packet in packets] == pytest.approx([k / 60 for k in range(20)], abs=1e-3)
    with VideoSource(write_clip(clip, tmp_path / "same.mp4", None, None, None)) as source:
        assert (source.rate, source.width, len(list(source))) == (25, 96, 6)


def test_a_clip_goes_through_in_three_ways(clip: Path, tmp_path: Path) -> None:
    engine = PlainEngine(0.02)
    steps = []
    with open_background("green") as background:
        result = measure_file(clip, tmp_path, engine, background, 2, lambda: steps.append(1))
    assert len(steps) == 6
    assert engine.calls == 1 + 2 * 3 * 6
    assert result.frames == 6
    assert list(result.apart) == ["decode", "matte", "composite", "encode"]
    assert set(result.within) == set(result.apart)
    for times in (result.engine, result.apart["matte"], result.within["matte"]):
        assert len(times) == 2
        assert min(times) >= 20
    told = result.as_json()
    assert told["frames_a_second"] <= 50
    assert told["loop_over_engine"] > 0.8
    assert (tmp_path / "loop.mp4").exists()


def test_a_live_source_faster_than_the_engine_is_dropped_not_delayed(clip: Path, tmp_path: Path) -> None:
    paced = write_clip(clip, tmp_path / "live.mp4", 50, 40, None)
    with open_background("green") as background:
        run = measure_live(paced, 50, PlainEngine(0.06), background)
    told = run.as_json()
    assert run.given == 40
    assert told["shown"] + sum(run.dropped.values()) == 40
    assert told["shown"] < 40
    assert told["delay_ms"]["median"] >= 60


def test_delay_and_its_trend_by_hand() -> None:
    told = LiveRun(30, 4, [0.0, 1.0, 2.0, 3.0], [10.0, 20.0, 30.0, 40.0], {"matte": 1}).as_json()
    assert told["frames_a_second"] == 1
    assert told["delay_ms"]["median"] == 25
    assert told["delay_ms"]["worst"] == 40
    assert told["delay_ms"]["trend_a_second"] == pytest.approx(10)


def test_the_command(bench, clip: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result, plot = tmp_path / "result.json", tmp_path / "plot.png"
    words = ["--frames", 3, "--runs", 1, "--rate", 20, "--live-seconds", 1, "--size", "64x48", "--bg", "blur"]
    code, out, err = bench("throughput", clip, *words, "--backend", "openvino", "--json", result, "--plot", plot)
    assert code == 0, err
    assert "from file to file" in out
    report = json.loads(result.read_text())
    assert (report["size"], report["model"]) == ([64, 48], "base")
    assert report["file"]["frames"] == 3
    assert [run["given"] for run in report["live"]] == [20]
    assert cv2.imread(str(plot)) is not None


def test_bad_input_is_one_line(bench, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for arguments, message in [
        ([tmp_path / "none.mp4"], "no such file"),
        (["--size", "1x1"], "--size 1x1"),
        (["--bg", "nothing.jpg"], "nothing.jpg"),
        (["--plot", tmp_path], "--plot"),
    ]:
        code, _, err = bench("throughput", *arguments)
        assert code == 2, arguments
        assert err.count("\n") == 1, err
        assert message in err
