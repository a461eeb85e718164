"""`shm-eval compare`: picture by picture, and what is told where that cannot be."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from train.commands import evaluate
from train.evaluation.tables import RESAMPLINGS, Comparison

RANDOM = np.random.default_rng(3)


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["shm-eval", "compare", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        evaluate.main()
    return int(caught.value.code or 0)


def write(path: Path, models: dict[str, dict[str, dict[str, float | None]]], name: str = "people") -> Path:
    """Figures as shm-eval writes them; a model's name ends with its precision."""
    rows = [
        {"model": label.rpartition(" ")[0], "precision": label.rpartition(" ")[2], "pictures": pictures}
        for label, pictures in models.items()
    ]
    path.write_text(json.dumps({"sets": [{"set": name, "truths": "alphas", "models": rows}]}))
    return path


def test_the_interval_is_scipys() -> None:
    from scipy.stats import bootstrap  # a second, which every worker would spend on collecting tests

    before, changes = RANDOM.gamma(2, 0.002, 40), RANDOM.normal(-0.0004, 0.001, 40)
    stems = [f"{number:03d}" for number in range(40)]
    after = dict(zip(stems, (before + changes).tolist(), strict=True))
    own = Comparison("people", "ours", dict(zip(stems, before.tolist(), strict=True)), after, "mse").interval()
    (theirs,) = (bootstrap((changes,), np.mean, n_resamples=RESAMPLINGS, method="percentile", rng=5).confidence_interval,)
    np.testing.assert_allclose(own, (theirs.low, theirs.high), atol=0.02 * changes.std())


def test_pictures_are_counted_by_their_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = {"a": {"mse": 0.010, "iou": 0.90}, "b": {"mse": 0.010, "iou": 0.90}, "c": {"mse": 0.010, "iou": 0.99}}
    new = {"a": {"mse": 0.005, "iou": 0.95}, "b": {"mse": 0.0101, "iou": 0.901}, "c": {"mse": 0.012, "iou": 0.989}}
    before = write(tmp_path / "before.json", {"ours fp32": old, "rvm fp32": old})
    after = write(tmp_path / "after.json", {"ours fp32": new | {"d": {"mse": 0.5, "iou": 0.1}}})
    assert run(monkeypatch, before, after) == 0
    (row,) = (" ".join(line.split()) for line in capsys.readouterr().out.splitlines() if "people:" in line)
    assert row == "people: ours fp32 3 10.00 9.03 -5.00 to +2.00 1 1 a: 10.00 -> 5.00"
    assert run(monkeypatch, before, after, "--metric", "iou", "--model", "ours", "--against", "rvm") == 0
    (row,) = (" ".join(line.split()) for line in capsys.readouterr().out.splitlines() if "people:" in line)
    assert row.startswith("people: rvm fp32 -> ours fp32 3 0.9300 ")
    assert row.endswith(" 1 1 a: 0.9000 -> 0.9500")


def test_no_figure_is_cut_off_in_a_narrow_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "a photo of a long name, " * 5 + "as it was"
    file = write(tmp_path / "scores.json", {"ours fp32": {name: {"mse": 0.01}}, "rvm fp32": {name: {"mse": 0.02}}})
    monkeypatch.setenv("COLUMNS", "40")
    assert run(monkeypatch, file, file, "--model", "ours", "--against", "rvm") == 0
    (row,) = (line.split() for line in capsys.readouterr().out.splitlines() if "people:" in line)
    assert " ".join(row) == f"people: rvm fp32 -> ours fp32 1 20.00 10.00 -10.00 to -10.00 1 0 {name}: 20.00 -> 10.00"


def test_pictures_without_the_metric_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "figures.json", {"ours int8": {"a": {"mse": 0.01, "band": None}, "b": {"mse": 0.02, "band": 0.1}}})
    assert run(monkeypatch, path, path, "--metric", "band") == 0
    (row,) = (" ".join(line.split()) for line in capsys.readouterr().out.splitlines() if "people:" in line)
    assert row == "people: ours int8 1 100.00 100.00 +0.00 to +0.00 0 0 b: 100.00 -> 100.00"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.json", "good.json"], "none.json: No such file or directory; name a file"),
        (["good.json", "words.json"], "words.json: is not of shm-eval or bench quality; name a file"),
        (["good.json", "list.json"], "list.json: is not of shm-eval or bench quality; name a file"),
        (["good.json", "other.json"], "have no set with mse of a model in both; compare runs on the same sets"),
        (["good.json", "good.json", "--metric", "gradient"], "have no set with gradient of a model in both"),
        (["good.json", "good.json", "--model", "rvm"], "have no set with mse of the model rvm in both"),
        (["good.json", "good.json", "--against", "rvm"], "--against rvm: needs --model"),
        (["good.json", "good.json", "--metric", "psnr"], "--metric"),
    ],
)
def test_what_cannot_be_compared_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("good.json"), {"ours fp32": {"a": {"mse": 0.01}}})
    write(Path("other.json"), {"ours fp32": {"a": {"mse": 0.01}}}, "portraits")
    Path("words.json").write_text("words")
    Path("list.json").write_text("[1]")
    assert run(monkeypatch, *words) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert len(errors.splitlines()) == 1
