"""Files that appear when they are complete."""

from pathlib import Path

import pytest

from train.in_place import in_place


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_text("old")
    with in_place(path) as beside:
        beside.write_text("new")
        assert path.read_text() == "old"
        assert beside.suffix == ".png"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    path.write_text("old")

    def stopped() -> None:
        with in_place(path) as beside:
            beside.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
