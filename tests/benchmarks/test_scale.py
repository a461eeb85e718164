"""`bench scale`: lines and powers that are known, streams with an engine of known speed, and the command on small frames."""

import json
import threading
import time
from pathlib import Path

import cv2
import pytest

from benchmarks.latency import Choice
from benchmarks.scale import cost_of_length, cost_of_streams, growth
from benchmarks.scale_command import powers_of_two
from benchmarks.throughput_command import SAMPLES
from engines.errors import MattingError
from tests.realtime.plain_engine import PlainEngine


def test_lines_and_powers_that_are_known() -> None:
    line = growth([1, 2, 4], [5.0, 8.0, 14.0])
    assert (line.start, line.slope, line.explained) == pytest.approx((2, 3, 1))
    assert growth([1, 2, 8], [3.0, 12.0, 192.0]).power == pytest.approx(2)
    flat = growth([1, 2, 8], [7.0, 7.0, 7.0])
    assert (flat.slope, flat.power, flat.explained) == pytest.approx((0, 0, 1), abs=1e-9)


def test_streams_that_wait_for_one_another() -> None:
    class OneAtATime(PlainEngine):
        lock = threading.Lock()

        def __call__(self, frame, mask=None):  # type: ignore[no-untyped-def]
            with self.lock:
                time.sleep(0.02)
                return super().__call__(frame, mask)

    engine = OneAtATime()
    cost = cost_of_streams(engine, (64, 48), 3, 4)
    assert engine.calls == 1 + 3 * 4
    assert cost.streams == 3
    assert cost.frames_a_second <= 50
    assert cost.p95 >= 40  # somebody waited for another


def test_what_fails_in_a_stream_is_raised() -> None:
    class Broken(PlainEngine):
        def __call__(self, frame, mask=None):  # type: ignore[no-untyped-def]
            if self.calls:
                raise MattingError("no more")
            return super().__call__(frame, mask)

    with pytest.raises(MattingError, match="no more"):
        cost_of_streams(Broken(), (64, 48), 2, 2)


def test_a_clip_that_cannot_be_matted_is_named(tmp_path: Path) -> None:
    with pytest.raises(MattingError, match=r"sample\.mp4: matting 2 frames of it failed"):
        cost_of_length(SAMPLES / "sample.mp4", tmp_path, 2, (64, 48), Choice("openvino", "fp16", named=True))


def test_powers_of_two() -> None:
    assert powers_of_two(1) == [1]
    assert powers_of_two(6) == [1, 2, 4, 6]
    assert powers_of_two(8) == [1, 2, 4, 8]


def test_the_command(bench, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result, plot = tmp_path / "result.json", tmp_path / "plot.png"
    words = [
        "--size",
        "64x48",
        "--size",
        "96x64",
        "--at",
        "64x48",
        "--threads",
        1,
        "--streams",
        2,
        "--length",
        3,
        "--length",
        6,
    ]
    words += ["--runs", 2, "--backend", "openvino", "--model", "large"]
    code, out, err = bench("scale", *words, "--json", result, "--plot", plot)
    assert code == 0, err
    for text in ("ms a megapixel", "times faster", "frames/s in all", "MB a thousand frames"):
        assert text in out
    report = json.loads(result.read_text())
    assert report["model"] == "large"
    assert [row["size"] for row in report["pixels"]] == [[64, 48], [96, 64]]
    assert [row["frames"] for row in report["lengths"]] == [3, 6]
    assert report["lengths_memory_fit"]["slope"] == pytest.approx(
        (report["lengths"][1]["peak_mb"] - report["lengths"][0]["peak_mb"]) / 3, rel=1e-3
    )
    assert cv2.imread(str(plot)) is not None


def test_bad_input_is_one_line(bench, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for arguments, message in [(["--size", "1x1"], "--size 1x1"), (["--at", "big"], "big"), (["--json", tmp_path], "--json")]:
        code, _, err = bench("scale", *arguments)
        assert code == 2, arguments
        assert err.count("\n") == 1, err
        assert message in err
