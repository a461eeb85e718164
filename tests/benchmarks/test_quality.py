"""`bench quality`: closed form and trimaps on pictures whose truth is known, Table 2 row for row, and the command."""

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.quality import CLOSED_FORM, WITHOUT_QUN, ablated, beside_the_paper, closed_form, trimap
from engines.errors import MattingError
from engines.networks import MPN, MRN, QUN, Networks
from tests.benchmarks.test_peers import ADAPTER
from train.evaluation.metrics import edge_band, mse
from train.learning.checkpoints import save_checkpoint


@pytest.fixture(scope="module")
def ramp() -> tuple[np.ndarray, np.ndarray]:
    """A soft-edged red disc on green, of known alpha."""
    y, x = np.mgrid[:96, :96]
    truth = np.clip((34 - np.hypot(x - 48, y - 48)) / 6 + 0.5, 0, 1).astype(np.float32)
    frame = np.rint(truth[..., None] * (220, 30, 20) + (1 - truth[..., None]) * (20, 180, 60)).astype(np.uint8)
    return frame, truth


@pytest.fixture
def folder(ramp: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> Path:
    for kind, picture in (("images", ramp[0][..., ::-1]), ("alphas", np.rint(255 * ramp[1]).astype(np.uint8))):
        (tmp_path / "discs" / kind).mkdir(parents=True)
        for name in ("a", "b"):
            cv2.imwrite(str(tmp_path / "discs" / kind / f"{name}.png"), picture)
    return tmp_path / "discs"


def test_a_trimap_leaves_open_what_the_edge_band_has(ramp: tuple[np.ndarray, np.ndarray]) -> None:
    known = trimap(ramp[1])
    assert np.array_equal(known == 0.5, edge_band(ramp[1]))
    assert known[48, 48] == 1
    assert known[0, 0] == 0


def test_closed_form_finds_the_alpha_of_plain_colours(ramp: tuple[np.ndarray, np.ndarray]) -> None:
    frame, truth = ramp
    alpha = closed_form(frame, truth)
    assert mse(alpha, truth) < 1e-3 < mse((truth > 0.5).astype(np.float32), truth)
    empty = np.zeros_like(truth)
    assert np.array_equal(closed_form(frame, empty), empty)
    assert "pymatting.alpha.estimate_alpha_sm" not in sys.modules  # Numba would compile that, too, for a minute


def scored(name: str, error: float) -> dict[str, Any]:
    return {"model": name, "mean": dict.fromkeys(("sad", "mse", "gradient", "connectivity", "band", "iou"), error)}


def rows_of(models: list[dict[str, Any]]) -> dict[str, tuple[Any, Any]]:
    return {row["method"]: (row["paper"], row["here"]) for row in beside_the_paper(models, "ours, x")}


def test_table_2_row_for_row() -> None:
    every = [scored("ours, x", 0.1), scored(CLOSED_FORM, 0.2), scored(WITHOUT_QUN, 0.3), scored("rvm", 0.4)]
    rows = rows_of(every)
    assert len(rows) == 7
    assert rows["ours"] == ((0.0058, 0.0026, 0.0016, 0.0054), [0.1] * 4)
    assert rows["Trimap + closed form"][1] == [0.2] * 4
    assert rows["ours, without QUN"][1] == [0.3] * 4
    assert rows["SHM"] == ((0.011, 0.0078, 0.0032, 0.011), None)
    assert rows["ours, without coarse data"][1] is None


def test_ours_without_qun_and_without_coarse_data(tmp_path: Path) -> None:
    assert [each.name for each in ablated(None, None)] == [WITHOUT_QUN]
    for run, fine in ((None, tmp_path / "none"), (tmp_path / "none", None)):
        with pytest.raises(MattingError, match="none: no such folder"):
            ablated(run, fine)


def test_runs_of_equal_length_replace_the_released_weights_in_table_2(tmp_path: Path) -> None:
    networks = Networks(MPN(), QUN(), MRN())
    for name, network in networks._asdict().items():
        state = {"stage": name, "step": 1, "seconds": 0.0, "recipe": {}, "optimizer": {}}
        save_checkpoint(state | {"network": network.state_dict(), "average": network.state_dict()}, tmp_path / f"{name}.pt")
    names = [each.name for each in ablated(tmp_path, tmp_path)]
    assert names == [WITHOUT_QUN, "ablation, without coarse data", "ablation, without QUN", "ablation, all"]
    every = [scored(name, number / 10) for number, name in enumerate(["ours, x", *names])]
    rows = {name: here for name, (_, here) in rows_of(every).items()}
    assert rows["ours, without coarse data"] == [0.2] * 4
    assert rows["ours, without QUN"] == [0.3] * 4
    assert rows["ours"] == [0.4] * 4


def test_the_command(bench, folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = tmp_path / "quality.json"
    (tmp_path / "half.py").write_text(ADAPTER)
    words = ["--adapters", tmp_path, "--peer", "half", "--backend", "openvino", "--precision", "fp32"]
    code, out, err = bench("quality", folder, *words, "--json", result)
    assert code == 0, err
    assert "The data differ" in out
    report = json.loads(result.read_text())
    [found] = report["sets"]
    models = {each["model"]: each for each in found["models"]}
    assert list(models) == [
        "ours, openvino", "ours, openvino, large", "ours, MPN alone", "ours, QUN alone", "ours, without QUN", "half",
        CLOSED_FORM,
    ]  # fmt: skip
    assert all(list(each["pictures"]) == ["a", "b"] for each in models.values())
    assert models[CLOSED_FORM]["mean"]["mse"] < 1e-3
    table = {row["method"]: row for row in report["table_2"]["discs"]}
    assert table["Trimap + closed form"]["here"][1] == models[CLOSED_FORM]["mean"]["mse"]


def test_bad_input_is_one_line(bench, folder: Path) -> None:  # type: ignore[no-untyped-def]
    for arguments, message in [
        ([folder / "none"], "no such folder"),
        ([folder, folder], "two sets have the same name"),
        ([folder, "--backend", "none"], "leaves nothing to score"),
        ([folder, "--without-coarse", folder / "none"], "no such folder"),
        ([folder, "--peer", "rvm"], "--peer needs --adapters"),
    ]:
        code, _, err = bench("quality", *arguments)
        assert code == 2, arguments
        assert err.count("\n") == 1, err
        assert message in err
