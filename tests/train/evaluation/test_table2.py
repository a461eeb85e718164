"""The rows of Table 2: what each method gives, and which are missing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from engines.errors import DataError
from tests.train.conftest import figure, scenery, write
from train.evaluation.scores import TestSet, open_set, read_item
from train.evaluation.table2 import (
    KINDS,
    ROWS,
    Ours,
    ablated_of,
    deeplab_matting,
    figure5,
    lacking,
    open_row,
    open_rows,
    score_methods,
    shm_matting,
)
from train.evaluation.trimap import trimap
from train.learning.checkpoints import save_checkpoint
from train.learning.runs import Sizes
from train.recipe import Recipe, load_recipe

CLOSED_FORM = 1  # its place among the rows


def write_runs(folder: Path, names: list[str], recipe: Recipe | None = None) -> Path:
    """Checkpoints RUN/NETWORK of networks that were not trained."""
    torch.manual_seed(1)
    settings = {} if recipe is None else recipe.as_dict()
    for name in names:
        weights = KINDS[name.split("/")[1]]().state_dict()
        state = {"stage": name, "step": 7, "seconds": 0.0, "recipe": settings, "optimizer": {}, "network": weights}
        save_checkpoint(state | {"average": weights}, folder / f"{name}.pt")
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All runs of the table."""
    names = list(dict.fromkeys(name for row in ROWS for name in row.checkpoints))
    return write_runs(tmp_path_factory.mktemp("table2"), [*names, "all/mrn", "fine/mrn"])


@pytest.fixture(scope="module", params=["alphas", "masks"])
def people(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TestSet:
    """A figure of an odd size before waves, with its alpha or a mask of it."""
    folder, alpha = tmp_path_factory.mktemp("sets") / request.param, figure(131, 97)
    front = alpha[..., None] / 255.0
    picture = np.round(front * scenery(131, 97, 1) + (1 - front) * scenery(131, 97, 11)).astype(np.uint8)
    write(folder / "images/a.png", picture)
    truth = alpha if request.param == "alphas" else np.asarray((alpha > 127) * 255, np.uint8)
    write(folder / request.param / "a.png", truth)
    return open_set(folder)


def test_the_rows_are_those_of_the_paper() -> None:
    assert [row.name for row in ROWS] == [
        "DeepLab", "Trimap + closed form", "Trimap + DIM", "SHM",
        "ours, without coarse data", "ours, without QUN", "ours",
    ]  # fmt: skip
    assert ROWS[0].paper == (0.028, 0.023, 0.012, 0.028)
    assert ROWS[-1].paper == (0.0058, 0.0026, 0.0016, 0.0054)


def test_every_row_is_scored_where_its_trimap_can_be_made(runs: Path, people: TestSet) -> None:
    methods, missing = open_rows(runs, with_closed_form=False)
    assert missing == []
    assert [method.row for method in methods] == [row for row in ROWS if row.checkpoints]
    scores = score_methods(people, methods)
    expected = [row.name for row in ROWS if row.checkpoints and not (row.trimap and people.truths == "masks")]
    assert list(scores) == expected
    for score in scores.values():
        assert set(score.pictures["a"]) == set(people.metrics)
        assert 0 < score.mean("sad") < 1
    assert methods[1].steps == {"dim/dim_joint": 7}


def test_dim_keeps_what_the_trimap_knows(runs: Path) -> None:
    truth = np.asarray(figure(131, 97) / 255, np.float32)
    with torch.inference_mode():
        alpha = open_row(ROWS[2], runs).matting(scenery(131, 97, 3), truth)
    known = trimap(truth)
    assert np.array_equal(alpha[known != 0.5], known[known != 0.5])
    assert 0 < (known == 0.5).mean() < 1
    assert not np.isin(alpha[known == 0.5], (0.0, 0.5, 1.0)).all()


def test_the_row_without_qun_has_an_mrn_of_its_own(runs: Path) -> None:
    frame, truth = scenery(96, 80, 3), np.zeros((96, 80), np.float32)
    methods = [open_row(row, runs) for row in ROWS[-2:]]
    own = ablated_of(methods)
    assert list(own) == ["without QUN", "all"]
    for name, method in zip(own, methods, strict=True):
        assert isinstance(method.matting, Ours)
        assert np.array_equal(method.matting(frame, truth), own[name](frame).alpha)
    without, whole = (each(frame) for each in own.values())
    assert without.unified is not None
    assert without.coarse is not None
    assert whole.coarse is not None
    assert np.array_equal(without.unified, without.coarse)
    assert np.array_equal(without.coarse, whole.coarse)  # the same MPN
    assert not np.array_equal(without.alpha, whole.alpha)


def test_each_method_sees_frames_at_the_sizes_it_was_trained_at(tmp_path: Path) -> None:
    recipe = Recipe(low_resolution=(64, 32), mpn_resolution=(96, 64))
    runs = write_runs(tmp_path, ["all/mpn", "all/qun", "all/mrn"], recipe)
    [method], _ = open_rows(runs, with_closed_form=False)
    assert ablated_of([method])["all"].sizes == Sizes((64, 32), (96, 64))
    shapes: list[tuple[int, ...]] = []

    def record(image: Tensor, *_: Tensor) -> Tensor:
        shapes.append(tuple(image.shape[2:]))
        raise StopIteration

    frame, truth = scenery(96, 128, 3), np.zeros((96, 128), np.float32)
    for opens in (deeplab_matting, shm_matting):
        with pytest.raises(StopIteration):
            opens(record, Sizes((64, 32), (96, 64)))(frame, truth)  # type: ignore[operator]
    assert shapes == [(64, 96), (32, 64)]


@pytest.mark.parametrize("name", ["table2-fine", "table2-without-qun"])
def test_all_rows_are_of_the_same_sizes(name: str) -> None:
    ours, whole = load_recipe(name), load_recipe("table2")
    assert Sizes(ours.low_resolution, ours.seen) == Sizes(whole.low_resolution, whole.seen)
    assert ours.mrn.crop == whole.mrn.crop


def test_figure_5_shows_the_methods_side_by_side(runs: Path, people: TestSet) -> None:
    frame, _ = read_item(people.items[0])
    sheet = figure5(people.items[0], [open_row(row, runs) for row in (ROWS[0], ROWS[3])])
    assert sheet.shape == (480 + 26, 4 * (round(frame.shape[1] * 480 / frame.shape[0]) + 4), 3)


def test_a_row_without_its_run_is_named_with_what_makes_it(tmp_path: Path) -> None:
    folder = write_runs(tmp_path, ["deeplab/deeplab"])
    methods, missing = open_rows(folder, with_closed_form=False)
    assert [method.row.name for method in methods] == ["DeepLab"]
    assert len(missing) == 5
    assert f"Trimap + DIM: not measured, as there is no {folder}/dim/dim_joint.pt" in missing[0]
    assert missing[0].endswith(f"type: shm-train dim --recipe table2 --data DATA --out {folder}/dim")
    assert missing[3].endswith(
        f"shm-train mrn --recipe table2-without-qun --on {folder}/all --data DATA --out {folder}/without-qun"
    )
    assert lacking(ROWS[CLOSED_FORM], folder) == ""


def test_runs_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none: no such folder"):
        open_rows(tmp_path / "none")
    with pytest.raises(DataError, match="holds no run of Table 2"):
        open_rows(tmp_path, with_closed_form=False)
    (tmp_path / "shm").mkdir()
    (tmp_path / "shm/shm.pt").write_bytes(b"junk")
    with pytest.raises(DataError, match=r"shm\.pt: not a readable checkpoint"):
        open_rows(tmp_path)
