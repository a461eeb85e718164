"""Photos that are held out: that a recipe's training never sees them, and that the set has them as they are."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.train.commands.test_evaluate import shm_eval
from tests.train.conftest import figure, scenery, write
from train.data.library import open_library
from train.evaluation.scores import open_set, read_item


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Two sets of forty photos with masks, of which one is half the size of its photo, and what a library needs beside them."""
    for number in range(40):
        for name in ("street", "home"):
            write(tmp_path / f"data/coarse/{name}/images/{number}.png", scenery(60, 48, number))
            write(tmp_path / f"data/coarse/{name}/masks/{number}.png", np.asarray((figure(60, 48) > 127) * 255, np.uint8))
    write(tmp_path / "data/backgrounds/rooms/0.jpg", scenery(60, 80, 1))
    return tmp_path / "data"


def test_the_set_has_what_training_does_not_see(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], many: Path, tmp_path: Path
) -> None:
    library = open_library(many, 0.2)
    unknown = next(each for each in library.validation if each.set == "home")
    write(many / f"coarse/home/unknown/{unknown.image.stem}.png", np.full((60, 48), 255, np.uint8))
    first = next(each for each in library.validation if each.set == "street")
    assert first.alpha is not None
    write(first.alpha, np.asarray((figure(30, 24) > 127) * 255, np.uint8))

    code, _, err = shm_eval(monkeypatch, capsys, "held-out", tmp_path / "scenes", "--data", many, "--share", "0.2")
    assert code == 0
    expected = {f"{each.set}-{each.image.stem}": each for each in library.validation if each.image != unknown.image}
    assert f"{len(expected)} photos of 2 sets in {tmp_path / 'scenes'}" in err
    made = open_set(tmp_path / "scenes")
    assert made.truths == "masks"
    assert {item.stem for item in made.items} == set(expected)
    assert not {each.image for each in expected.values()} & {each.image for each in library.subjects}
    for item in made.items:
        frame, truth = read_item(item)
        assert item.image.read_bytes() == expected[item.stem].image.read_bytes()
        assert truth.shape == frame.shape[:2]
        if item.stem != f"street-{first.image.stem}":
            assert np.array_equal(truth > 0.5, cv2.imread(str(expected[item.stem].alpha), cv2.IMREAD_GRAYSCALE) > 127)


def test_nothing_to_write_or_something_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], many: Path, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "scenes").mkdir()
    code, _, err = shm_eval(monkeypatch, capsys, "held-out", tmp_path / "scenes", "--data", many, "--share", "0.5")
    assert code == 2
    assert f"{tmp_path / 'scenes'}: exists; name another folder" in err
    code, _, err = shm_eval(monkeypatch, capsys, "held-out", tmp_path / "none", "--data", data, "--share", "0.001")
    assert code == 2
    assert f"{data}: no photo of coarse/ is held out; it has too few, or give a larger share" in err
    assert not (tmp_path / "none").exists()
