"""Sets whose masks are wrong all together are named before a run learns from them."""

from pathlib import Path

import numpy as np
import pytest

from tests.train.conftest import figure, make_data, write
from train.data.doubtful import doubtful


def test_nothing_is_said_of_masks_as_they_should_be(data: Path, tmp_path: Path) -> None:
    assert list(doubtful(data)) == []
    (tmp_path / "coarse/ours/masks").mkdir(parents=True)
    assert list(doubtful(tmp_path)) == []


@pytest.mark.parametrize("place", ["coarse/street/masks", "fine/photos/alphas"])
def test_inverted_and_black_masks_are_named(tmp_path: Path, place: str) -> None:
    folder = make_data(tmp_path) / place
    person, black = figure(100, 80), np.zeros((100, 80), np.uint8)
    write(folder / "0.png", 255 - person)
    write(folder / "2.png", black)
    assert list(doubtful(tmp_path)) == []  # most are as they should be
    write(folder / "1.png", 255 - person)
    assert list(doubtful(tmp_path)) == [
        f"{folder}: is white in the upper corners, where people hardly ever are; a person is 255, and all else 0"
    ]
    for number in range(3):
        write(folder / f"{number}.png", black)
    told = f"{folder}: is black; a person is 255, and pictures of nobody belong into backgrounds/"
    assert list(doubtful(tmp_path)) == [told]
    (folder / "0.png").write_bytes(b"no picture")
    assert list(doubtful(tmp_path)) == [told]
