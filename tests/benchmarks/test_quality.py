"""`bench quality`: the command, on pictures whose truth is known."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.quality import CLOSED_FORM
from tests.benchmarks.test_peers import ADAPTER
from tests.train.evaluation.test_trimap import ramp

__all__ = ["ramp"]  # the fixture


@pytest.fixture
def folder(ramp: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> Path:
    for kind, picture in (("images", ramp[0][..., ::-1]), ("alphas", np.rint(255 * ramp[1]).astype(np.uint8))):
        (tmp_path / "discs" / kind).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "discs" / kind / "a.png"), picture)
    return tmp_path / "discs"


def test_the_command(bench, folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = tmp_path / "quality.json"
    (tmp_path / "half.py").write_text(ADAPTER)
    words = ["--adapters", tmp_path, "--peer", "half", "--backend", "openvino", "--precision", "fp32"]
    code, out, err = bench("quality", folder, *words, "--json", result)
    assert code == 0, err
    assert "MPN alone" in out
    report = json.loads(result.read_text())
    [found] = report["sets"]
    models = {each["model"]: each for each in found["models"]}
    assert list(models) == [
        "ours, openvino", "ours, openvino, large", "ours, openvino, large, photo", "ours, MPN alone", "ours, QUN alone",
        "ours, without QUN", "half", CLOSED_FORM,
    ]  # fmt: skip
    assert all(list(each["pictures"]) == ["a"] for each in models.values())
    assert models[CLOSED_FORM]["mean"]["mse"] < 1e-3


def test_bad_input_is_one_line(bench, folder: Path) -> None:  # type: ignore[no-untyped-def]
    for arguments, message in [
        ([folder / "none"], "no such folder"),
        ([folder, folder], "two sets have the same name"),
        ([folder, "--backend", "none"], "leaves nothing to run"),
        ([folder, "--peer", "rvm"], "--peer needs --adapters"),
    ]:
        code, _, err = bench("quality", *arguments)
        assert code == 2, arguments
        assert err.count("\n") == 1, err
        assert message in err
