"""`bench scale`: lines and powers that are known, and the command on small frames."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.scale import growth, powers_of_two


def test_lines_and_powers_that_are_known() -> None:
    line = growth([1, 2, 4], [5.0, 8.0, 14.0])
    assert (line["start"], line["slope"]) == pytest.approx((2, 3))
    assert growth([1, 2, 8], [3.0, 12.0, 192.0])["power"] == pytest.approx(2)
    flat = growth([1, 2, 8], [7.0, 7.0, 7.0])
    assert (flat["slope"], flat["power"]) == pytest.approx((0, 0), abs=1e-9)


def test_powers_of_two() -> None:
    assert powers_of_two(1) == [1]
    assert powers_of_two(6) == [1, 2, 4, 6]
    assert powers_of_two(8) == [1, 2, 4, 8]


def test_the_command(bench, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = tmp_path / "result.json"
    words = ["--size", "64x48", "--size", "96x64", "--at", "64x48", "--threads", 1]
    words += ["--runs", 2, "--backend", "openvino", "--model", "large"]
    code, out, err = bench("scale", *words, "--json", result)
    assert code == 0, err
    for text in ("ms a megapixel", "exponent ", "MB a megapixel", "times faster"):
        assert text in out
    report = json.loads(result.read_text())
    assert report["model"] == "large"
    assert [row["size"] for row in report["pixels"]] == [[64, 48], [96, 64]]
    first, second = report["pixels"]
    pixels = (second["megapixels"] - first["megapixels"], second["megapixels"] / first["megapixels"])
    assert report["pixels_fit"]["slope"] == pytest.approx(
        (second["milliseconds"] - first["milliseconds"]) / pixels[0], rel=1e-3
    )
    power = np.log(second["milliseconds"] / first["milliseconds"]) / np.log(pixels[1])
    assert report["pixels_fit"]["power"] == pytest.approx(power, abs=1e-3)
    assert report["pixels_memory_fit"]["slope"] == pytest.approx((second["peak_mb"] - first["peak_mb"]) / pixels[0], rel=1e-3)


def test_bad_input_is_one_line(bench, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for arguments, message in [
        (["--size", "1x1"], "--size 1x1"),
        (["--at", "big"], "--at big"),
        (["--json", tmp_path], "--json"),
    ]:
        code, _, err = bench("scale", *arguments)
        assert code == 2, arguments
        assert err.count("\n") == 1, err
        assert message in err
