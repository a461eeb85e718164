"""What a data folder has and training does not learn from is said."""

from pathlib import Path

import pytest

from tests.train.conftest import figure, make_data, scenery, write
from train.data.left_out import left_out


def test_nothing_is_said_of_what_is_as_it_should_be(tmp_path: Path) -> None:
    make_data(tmp_path)
    (tmp_path / "fine/cutouts/LICENSE.txt").write_text("free")
    (tmp_path / "coarse/sources.tsv").write_text("a file beside the sets")
    for name in (".DS_Store", "Thumbs.db", "._0.jpg"):
        (tmp_path / "coarse/street/images" / name).touch()
    (tmp_path / "coarse/.thumbnails").mkdir()
    write(tmp_path / "unlabelled/more/0.jpg", scenery(40, 30, 1))
    assert list(left_out(tmp_path)) == []


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ("Backgrounds/rooms/0.jpg", "{data}: learnt from are fine/, coarse/, backgrounds/, unlabelled/, and not Backgrounds"),
        ("backgrounds/0.jpg", "{data}/backgrounds: left out, as they lie in no set, a folder in it: 0.jpg"),
        ("backgrounds/rooms/a.HEIC", "{data}/backgrounds/rooms: no JPEG, PNG or WebP, and left out: a.HEIC"),
        ("coarse/street/masks/a.MP4", "{data}/coarse/street/masks: no JPEG, PNG or WebP, and left out: a.MP4"),
        ("unlabelled/a.dng", "{data}/unlabelled: left out, as they lie in no set, a folder in it: a.dng"),
        ("coarse/street/images/a.tif", "{data}/coarse/street/images: no JPEG, PNG or WebP, and left out: a.tif"),
        ("coarse/ours/images/a.jpg", "{data}/coarse/ours: has no masks/ (images): left out"),
        ("coarse/ours/a.jpg", "{data}/coarse/ours: has no images/ and no masks/ (no folders): left out"),
        ("fine/ours/images/a.jpg", "{data}/fine/ours: has no alphas/ (images): left out"),
        ("coarse/street/images/a.jpg", "{data}/coarse/street: left out, as masks/ has no picture of the same name: a"),
        ("coarse/street/masks/a.png", "{data}/coarse/street: left out, as images/ has no picture of the same name: a"),
        ("fine/photos/images/é.jpg", "{data}/fine/photos: left out, as alphas/ has no picture of the same name: é"),
    ],
)
def test_a_line_names_it(tmp_path: Path, made: str, told: str) -> None:
    data = make_data(tmp_path)
    (data / made).parent.mkdir(parents=True, exist_ok=True)
    (data / made).touch()
    assert list(left_out(data)) == [told.format(data=data)]


def test_many_are_counted(tmp_path: Path) -> None:
    data = make_data(tmp_path)
    for number in range(9):
        write(data / f"coarse/street/masks/{number}_mask.png", figure(40, 30))
    assert [line.rpartition(": ")[2] for line in left_out(data)] == ["0_mask, 1_mask, 2_mask and 6 more"]


def test_each_part_is_looked_at(tmp_path: Path) -> None:
    make_data(tmp_path / "1")
    make_data(tmp_path / "2")
    (tmp_path / "2/coarse/street/masks/0.png").unlink()
    street = tmp_path / "2/coarse/street"
    assert list(left_out(tmp_path)) == [f"{street}: left out, as masks/ has no picture of the same name: 0"]
