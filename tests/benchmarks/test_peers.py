"""`bench peers`, with a peer whose alpha is known."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers import check_models
from engines.commands.running import UsageError

ADAPTER = "import numpy as np\ndef load():\n    return lambda rgb: np.full(rgb.shape[:2], 0.5, 'f4')\n"


def test_nobody_to_compare_with_or_two_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "ours.py").write_text(ADAPTER)
    with pytest.raises(UsageError, match="nobody to compare with"):
        check_models(["base"], tmp_path, [])
    with pytest.raises(UsageError, match="two of the models have this name"):
        check_models(["base"], tmp_path, ["ours"])
    check_models(["large"], tmp_path, ["ours"])


def test_times_and_ratios(bench, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters/half.py").write_text(ADAPTER)
    result = tmp_path / "peers.json"
    code, out, err = bench(
        "peers", "--size", "96x64", "--runs", 3, "--threads", 1, "--backend", "openvino", "--precision", "fp32",
        "--model", "base", "--model", "large",
        "--adapters", tmp_path / "adapters", "--peer", "half", "--json", result,
    )  # fmt: skip
    assert code == 0, err
    assert "ratio to ours" in out.splitlines()[0]
    report = json.loads(result.read_text())
    assert [row["name"] for row in report["timings"]] == ["ours", "ours, large", "half"]
    for row in report["timings"]:
        pairs = zip(row["stages"]["whole"], report["timings"][0]["stages"]["whole"], strict=True)
        assert row["ratio"]["value"] == pytest.approx(np.median([a / b for a, b in pairs]), rel=1e-3)


def test_bad_input_is_one_line(bench, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "half.py").write_text(ADAPTER)
    for arguments, message in [
        ([], "nobody to compare with"),
        (["--peer", "rvm"], "--peer needs --adapters"),
        (["--adapters", tmp_path, "--peer", "x"], "has no x.py"),
        (["--model", "huge"], "--model huge: is not one of 'base', 'large'"),
    ]:
        code, _, err = bench("peers", *arguments)
        assert code == 2, arguments
        assert err.count("\n") == 1, err
        assert message in err
