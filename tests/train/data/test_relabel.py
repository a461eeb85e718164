"""Masks drawn anew: edges are the model's, people it misses stay, what it adds is unknown."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engines.engine import Frame, Mask, Matte
from engines.errors import DataError
from tests.train.conftest import figure, make_data, scenery, write
from train.data.library import Picture, open_library, read_subject
from train.data.relabel import labelled, redrawn, relabelled

SIZE = (200, 160)


def box(rows: slice, columns: slice, level: float = 1.0) -> Mask:
    mask = np.zeros(SIZE, np.float32)
    mask[rows, columns] = level
    return mask


def as_truth(mask: Mask) -> Picture:
    return np.asarray(mask * 255, np.uint8)


PERSON = box(slice(60, 200), slice(50, 110))


def test_an_edge_becomes_the_models() -> None:
    alpha = cv2.GaussianBlur(box(slice(59, 200), slice(51, 111)), (3, 3), 0)
    mask, unknown = redrawn(as_truth(PERSON), np.asarray(alpha, np.float32))
    assert np.abs(mask / 255 - alpha).max() < 0.01
    assert not unknown.any()


def test_somebody_whom_the_model_misses_stays() -> None:
    both = np.maximum(PERSON, box(slice(100, 160), slice(125, 155)))
    mask, unknown = redrawn(as_truth(both), PERSON)
    np.testing.assert_array_equal(mask, as_truth(both))
    assert not unknown.any()


@pytest.mark.parametrize("small", [(slice(100, 103), slice(110, 150)), (slice(20, 28), slice(130, 133))])
def test_so_does_a_thin_arm_or_somebody_far_away(small: tuple[slice, slice]) -> None:
    both = np.maximum(PERSON, box(*small))
    mask, unknown = redrawn(as_truth(both), PERSON)
    np.testing.assert_array_equal(mask[:, 114:], as_truth(both)[:, 114:])
    assert not unknown.any()


def test_what_the_model_adds_is_unknown() -> None:
    """A hat, which COCO's masks leave out."""
    hat = box(slice(20, 60), slice(60, 100))
    mask, unknown = redrawn(as_truth(PERSON), np.maximum(PERSON, hat))
    assert (unknown[hat > 0] == 255).all()
    assert not unknown[PERSON > 0][200:].any()
    known = unknown == 0
    np.testing.assert_array_equal(mask[known], as_truth(PERSON)[known])
    doubted, nowhere = redrawn(as_truth(PERSON), np.maximum(PERSON, 0.6 * hat))
    assert not nowhere.any()
    assert not doubted[20:55].any()


@given(
    arrays(np.uint8, (24, 32), elements=st.sampled_from([0, 255])),
    arrays(np.float32, (24, 32), elements=st.floats(0, 1, width=32)),
)
def test_any_mask_gives_levels(truth: Picture, alpha: Mask) -> None:
    mask, unknown = redrawn(truth, alpha)
    assert mask.dtype == unknown.dtype == np.uint8
    assert mask.shape == unknown.shape == truth.shape
    assert set(np.unique(unknown)) <= {0, 255}


def test_a_photo_without_a_mask_is_unknown_where_the_model_is_in_doubt() -> None:
    found = labelled(np.maximum(PERSON, box(slice(20, 50), slice(10, 40), 0.5)))
    assert found is not None
    mask, unknown = found
    assert (unknown[25:45, 15:35] == 255).all()
    assert not unknown[PERSON > 0].any()
    assert (mask[PERSON > 0] == 255).all()


def test_a_photo_of_nobody_or_of_much_doubt_is_of_no_use() -> None:
    assert labelled(np.zeros(SIZE, np.float32)) is None
    assert labelled(np.maximum(PERSON, box(slice(0, 200), slice(110, 160), 0.5))) is None


class Painter:
    """An engine that takes the same figure for a person in each frame."""

    at_once = 2

    def __call__(self, frame: Frame) -> Matte:
        alpha = figure(*frame.shape[:2], 0.2).astype(np.float32) / 255
        return Matte(alpha, frame, alpha, alpha)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    made = make_data(tmp_path / "data")
    write(made / "unlabelled/parties/7.jpg", scenery(90, 70, 3))
    return made


def run(data: Path, out: Path, keep: list[str]) -> list[tuple[int, int]]:
    steps: Iterator[tuple[int, int]] = relabelled(data, out, Painter(), keep)  # type: ignore[arg-type]
    return list(steps)


def test_the_copy_has_new_masks_and_all_else(data: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    assert run(data, tmp_path / "new", []) == [(number, 4) for number in range(1, 5)]
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before
    old, new = open_library(data), open_library(tmp_path / "new")
    assert set(new.names()) == {*old.names(), "parties/7.jpg"}
    for subject in new.subjects:
        alpha = read_subject(subject, 400)[..., 3]
        if subject.fine:
            (same,) = (each for each in old.subjects if (each.set, each.image.name) == (subject.set, subject.image.name))
            np.testing.assert_array_equal(alpha, read_subject(same, 400)[..., 3])
        else:  # soft edges, as the engine's
            assert len(np.unique(alpha)) > 20


def test_what_a_killed_run_left_is_removed(data: Path, tmp_path: Path) -> None:
    steps = relabelled(data, tmp_path / "new", Painter())  # type: ignore[arg-type]
    next(steps)
    [unfinished] = tmp_path.glob(".*")
    shutil.copytree(unfinished, tmp_path / "left")
    steps.close()  # type: ignore[attr-defined]
    (tmp_path / "left").rename(unfinished.with_name(unfinished.name.replace(str(os.getpid()), "1")))
    run(data, tmp_path / "new", [])
    assert {path.name for path in tmp_path.iterdir()} == {"data", "new"}


def test_data_may_be_read_only(data: Path, tmp_path: Path) -> None:
    for path in (data, *data.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    run(data, tmp_path / "new", [])
    assert all(path.stat().st_mode & 0o200 for path in (tmp_path / "new").rglob("*"))


def test_sets_to_keep_are_kept(data: Path, tmp_path: Path) -> None:
    assert len(run(data, tmp_path / "new", ["street"])) == 1
    for path in (data / "coarse/street").rglob("*.*"):
        assert (tmp_path / "new" / path.relative_to(data)).read_bytes() == path.read_bytes()


def test_photos_without_masks_may_lie_beside_parts_and_a_set_may_be_called_so(data: Path, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    for part in ("1", "2"):
        make_data(parts / part)
    (data / "unlabelled").rename(parts / "unlabelled")
    (parts / "2/coarse/street").rename(parts / "2/coarse/unlabelled")
    assert len(run(parts, tmp_path / "new", [])) == 3 + 3 + 1
    new = open_library(tmp_path / "new")
    assert {s.set for s in new.subjects if not s.fine} == {"street", "unlabelled", "parties"}
    assert not (tmp_path / "new/unlabelled").exists()


def test_nothing_is_left_of_what_fails(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no set beaches"):
        run(data, tmp_path / "new", ["beaches"])
    (data / "coarse/street/images/2.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match="cannot be read as a picture"):
        run(data, tmp_path / "new", [])
    with pytest.raises(DataError, match="lies in the data"):
        run(data, data / "new", [])
    with pytest.raises(DataError, match="exists already"):
        run(data, data, [])
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
