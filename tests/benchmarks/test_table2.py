"""`bench table2`: the table, its file and its pictures from runs that are there, and the rows that are not."""

import json
from pathlib import Path

import pytest
from torch.utils.tensorboard import SummaryWriter

from benchmarks.table2 import paper_table
from tests.train.conftest import figure, scenery, write
from tests.train.evaluation.test_table2 import write_runs


@pytest.fixture
def people(tmp_path: Path) -> Path:
    write(tmp_path / "people/images/a.png", scenery(96, 80, 1))
    write(tmp_path / "people/alphas/a.png", figure(96, 80))
    return tmp_path / "people"


def test_the_command(bench, people: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    runs = write_runs(tmp_path / "runs", ["deeplab/deeplab", "all/mpn", "all/qun", "all/mrn", "without-qun/mrn"])
    result, pictures = tmp_path / "table2.json", tmp_path / "figures"
    words = ["--runs", runs, "--no-closed-form", "--json", result, "--pictures", pictures]
    for run, logs in (("deeplab", {"validation/loss": [(1, 0.5), (2, 0.4)]}), ("all", {})):
        with SummaryWriter(str(runs / run / "logs/deeplab")) as log:  # "all" was stopped before anything was logged
            for tag, curve in logs.items():
                for step, value in curve:
                    log.add_scalar(tag, value, step)
    code, out, err = bench("table2", people, *words)
    assert code == 0, err
    report = json.loads(result.read_text())
    [found] = report["sets"]
    assert [model["model"] for model in found["models"]] == ["DeepLab", "ours, without QUN", "ours"]
    assert set(found["masks_apart"]) == {"before QUN", "after QUN"}
    assert report["steps"] == dict.fromkeys(("deeplab/deeplab", "all/mpn", "all/qun", "without-qun/mrn", "all/mrn"), 7)
    lines = {line.split(" | ")[0]: line for line in paper_table(report).splitlines()}
    error = found["models"][0]["mean"]["sad"]
    assert lines["| DeepLab"].startswith(f"| DeepLab | 28.0 | {1e3 * error:.1f} | 23.0 |")
    assert lines["| SHM"] == "| SHM | 11.0 |  | 7.8 |  | 3.2 |  | 11.0 |  |"
    for row in ("Trimap + DIM", "SHM", "ours, without coarse data"):
        assert f"{row}: not measured, as there is no" in out
    assert "The data differ" in out
    names = ["curves.png", "figure-3-a.jpg", "figure-5-people-a.jpg", "figure-6-a.jpg"]
    assert sorted(path.name for path in pictures.iterdir()) == names


def test_bad_input_is_one_line(bench, people: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    runs = write_runs(tmp_path / "runs", ["deeplab/deeplab"])
    for arguments, message in [
        ([people, "--runs", tmp_path / "none"], "none: no such folder"),
        ([people, people, "--runs", runs], "two sets have the same name"),
        ([people, "--runs", people, "--no-closed-form"], "holds no run of Table 2"),
        ([people, "--runs", runs, "--pictures", runs], "has files already"),
        ([people / "images", "--runs", runs], "a set is a folder with images/"),
    ]:
        code, _, err = bench("table2", *arguments)
        assert code == 2, arguments
        assert err.count("\n") == 1, err
        assert message in err
