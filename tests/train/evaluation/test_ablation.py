"""`shm-eval --table`: the rows are what they say, the figures are drawn, and what cannot be measured is not made up."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import engines
import realtime
from engines.errors import DataError
from engines.geometry import low_resolution
from engines.graphs.glue import refine, shrink
from engines.networks import MPN, MRN, QUN
from tests.train.conftest import figure, scenery, write
from train.commands import evaluate
from train.evaluation import ablation
from train.evaluation.scores import open_set, read_item
from train.learning.checkpoints import save_checkpoint
from train.learning.runs import Sizes
from train.recipe import Recipe

PORTRAIT = Path(realtime.__file__).parent / "samples/portrait.jpg"


@pytest.fixture
def pictures(tmp_path):
    """Two pictures of a figure before waves, one upright."""
    for stem, (height, width), seed in (("a", (96, 128), 1), ("b", (130, 97), 2)):
        colours, back, alpha = scenery(height, width, seed), scenery(height, width, 10 + seed), figure(height, width)
        front = alpha[..., None] / 255.0
        write(tmp_path / f"people/images/{stem}.png", np.round(front * colours + (1 - front) * back).astype(np.uint8))
        write(tmp_path / f"people/alphas/{stem}.png", alpha)
    return tmp_path / "people"


@pytest.fixture
def run_folder(tmp_path):
    return write_run(tmp_path / "run", {})


def write_run(folder, recipe):
    """A run that was stopped before its first step: random weights."""
    torch.manual_seed(1)
    folder.mkdir()
    for name, kind in (("mpn", MPN), ("qun", QUN), ("mrn", MRN)):
        state = dict.fromkeys(("stage", "step", "seconds", "network", "optimizer"), 0)
        save_checkpoint(state | {"recipe": recipe, "average": kind().state_dict()}, folder / f"{name}.pt")
    return folder


def shm_eval(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["shm-eval", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        evaluate.main()
    output = capsys.readouterr()
    return end.value.code or 0, output.out, output.err


def test_the_row_of_all_is_what_the_engine_gives(pictures):
    frame, _ = read_item(open_set(pictures).items[0])
    row = ablation.candidates_of(None, None)["all"](frame)
    engine = engines.load("torch", precision="fp32")
    matte = engine(frame)
    engine.close()
    assert np.abs(row.alpha - matte.alpha).max() < 1e-4
    assert np.abs(row.unified - matte.unified).max() < 1e-4


def test_without_qun_the_coarse_mask_goes_into_mrn():
    frame = cv2.resize(cv2.imread(str(PORTRAIT), cv2.IMREAD_COLOR_RGB), (256, 240))
    rows = ablation.candidates_of(None, None)
    without, whole = rows["without QUN"](frame), rows["all"](frame)
    assert (without.coarse == whole.coarse).all()
    assert (without.unified == without.coarse).all()
    with torch.inference_mode():
        mrn, pixels = ablation.released_networks().mrn, torch.from_numpy(frame)
        alpha, _ = refine(mrn, pixels, shrink(pixels).doubled, torch.from_numpy(without.coarse))
    assert np.abs(alpha.numpy().clip(0, 1) - without.alpha).max() < 1e-4
    assert np.abs(without.alpha - whole.alpha).max() > 1e-3


def test_the_table_has_the_papers_rows_and_no_figure_that_was_not_measured(monkeypatch, capsys, pictures, tmp_path):
    report = tmp_path / "table.json"
    code, out, err = shm_eval(monkeypatch, capsys, pictures, "--table", "--json", report)
    assert code == 0, err
    [line] = [line for line in out.splitlines() if line.strip().startswith("without coarse data")]
    assert line.count("- | ") == 4
    assert "- | 9.9" in line
    rows = json.loads(report.read_text())["sets"][0]["table2"]
    assert list(rows) == list(ablation.PAPER)
    assert rows["without coarse data"]["measured"] is None
    [score] = ablation.score_set(open_set(pictures), [ablation.candidates_of(None, None)["all"]])
    assert rows["all"]["measured"]["sad"] == pytest.approx(score.mean("sad"), rel=1e-4)
    [line] = [line for line in out.splitlines() if line.strip().startswith("all ")]
    assert f"{1e3 * score.mean('sad'):.2f} | 5.8" in line
    assert "--without-coarse" in out
    apart = json.loads(report.read_text())["sets"][0]["masks apart"]
    assert f"{1e3 * apart['before']:.2f}e-3 apart, and {1e3 * apart['after']:.2f}e-3" in out


def test_runs_of_the_user_take_their_rows(monkeypatch, capsys, pictures, run_folder, tmp_path):
    report = tmp_path / "table.json"
    code, _, err = shm_eval(
        monkeypatch, capsys, pictures, "--table", "--without-coarse", run_folder, "--run", run_folder, "--json", report
    )
    assert code == 0, err
    rows = json.loads(report.read_text())["sets"][0]["table2"]
    assert rows["without coarse data"]["measured"] == rows["all"]["measured"]  # the same run
    assert rows["without QUN"]["measured"] != rows["all"]["measured"]
    [released] = ablation.score_set(open_set(pictures), [ablation.candidates_of(None, None)["all"]])
    assert rows["all"]["measured"]["sad"] != pytest.approx(released.mean("sad"), rel=1e-3)


def test_a_run_is_scored_at_the_sizes_it_was_trained_at(pictures, tmp_path):
    recipe = Recipe(low_resolution=(64, 32), mpn_resolution=(96, 64))
    runs = [write_run(tmp_path / name, recipe.as_dict()) for name in ("all", "fine")]
    rows = ablation.candidates_of(*runs)
    wide, upright = (read_item(item) for item in open_set(pictures).items)
    for row in rows.values():
        shapes = []
        row._networks.mpn.register_forward_pre_hook(lambda _, inputs, shapes=shapes: shapes.append(tuple(inputs[0].shape[2:])))
        assert [row(frame).coarse.shape for frame, _ in (wide, upright)] == [(32, 64), (64, 32)]
        assert shapes == [(64, 96), (96, 64)]
    assert ablation.figure6(*upright, rows | {"without QUN": ablation.candidates_of(None, None)["without QUN"]}).size
    before, after = ablation.unification(open_set(pictures), rows["all"])
    assert before > 0 < after


def test_a_checkpoint_without_a_recipe_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"mrn\.pt: is damaged .*; train MRN anew"):
        ablation.candidates_of(write_run(tmp_path / "run", 0), None)


def test_the_pictures_of_figures_3_and_6(monkeypatch, capsys, pictures, tmp_path):
    folder = tmp_path / "figures"
    code, _, err = shm_eval(monkeypatch, capsys, pictures, "--table", "--pictures", folder, "--picture", "b")
    assert code == 0, err
    assert sorted(path.name for path in folder.iterdir()) == ["figure-3-b.jpg", "figure-6-b.jpg"]
    wide, high = round(97 * 480 / 130) + 4, 480 + 26
    shapes = [cv2.imread(str(path)).shape for path in sorted(folder.iterdir())]
    assert shapes == [(3 * high, 3 * wide, 3), (3 * high, 5 * wide, 3)]


def test_the_two_masks_are_of_one_size_and_unequal_quality(pictures):
    frame, truth = read_item(open_set(pictures).items[1])
    good, bad = ablation.mask_pair(frame, truth)
    assert (
        good.shape == bad.shape == low_resolution(*frame.shape[:2]) == tuple(shrink(torch.from_numpy(frame)).image.shape[-2:])
    )
    assert 0.005 < np.abs(good - bad).mean() < 0.2
    assert (ablation.mask_pair(frame, truth)[1] == bad).all()  # the same every time


def test_how_far_masks_are_apart_is_taken_before_and_after_qun(pictures):
    class Half:
        """A QUN that takes each mask halfway to grey."""

        sizes = Sizes()

        def unify(self, frame, mask):
            return 0.5 * mask + 0.25

    before, after = ablation.unification(open_set(pictures), Half())
    pairs = [ablation.mask_pair(*read_item(item)) for item in open_set(pictures).items]
    assert before == pytest.approx(np.mean([np.abs(good - bad).mean() for good, bad in pairs]))
    assert after == pytest.approx(before / 2, rel=1e-5)


def test_a_difference_map_is_white_where_masks_agree():
    one = np.array([[0, 1], [0.25, 0.5]], np.float32)
    other = np.array([[1, 1], [0.5, 0.5]], np.float32)
    assert (ablation.difference(one, other) == np.array([[0, 1], [0.75, 1]], np.float32)).all()


def test_the_hairiest_pictures_come_first(tmp_path):
    for stem, soft in (("a", 4), ("b", 30), ("c", 12)):
        alpha = np.zeros((40, 40), np.uint8)
        alpha[:soft] = 128
        write(tmp_path / f"s/images/{stem}.png", scenery(40, 40, 1))
        write(tmp_path / f"s/alphas/{stem}.png", alpha)
    assert [item.stem for item in ablation.hairiest(open_set(tmp_path / "s"), 2)] == ["b", "c"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table", "--stages"], "--table compares our own"),
        (["--table", "--model", "large"], "leave out --model"),
        (["--table", "--backend", "openvino", "--precision", "bf16"], "leave out --backend, --precision"),
        (["--table", "--threads", "1"], "leave out --threads"),
        (["--table", "--adapters", ".", "--peer-python", "python"], "leave out --adapters, --peer-python"),
        (["--without-coarse", "x"], "are for --table"),
        (["--run", "x"], "are for --table"),
        (["--table", "--run", "nowhere"], "nowhere: no such folder"),
        (["--table", "--without-coarse", "."], "no such checkpoint"),
    ],
)
def test_bad_input_is_one_line(monkeypatch, capsys, pictures, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, _, err = shm_eval(monkeypatch, capsys, pictures, *arguments)
    assert code == 2
    assert err.count("\n") == 1
    assert message in err


def test_masks_are_refused(monkeypatch, capsys, pictures):
    (pictures / "alphas").rename(pictures / "masks")
    code, _, err = shm_eval(monkeypatch, capsys, pictures, "--table")
    assert code == 2
    assert "needs true alphas" in err
