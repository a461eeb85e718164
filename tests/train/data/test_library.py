"""Reading the layout of train/data/library.py."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from engines.errors import DataError
from tests.train.conftest import figure, make_data, scenery, write
from train.data.library import Library, Subject, check_sets, open_library, read_background, read_subject
from train.recipe import Recipe


def sets(library: Library) -> set[tuple[str, bool, bool, int]]:
    """Each set's name, whether it is fine, whether it is cut out, and its size."""
    counts: dict[tuple[str, bool, bool], int] = {}
    for s in library.subjects:
        counts[s.set, s.fine, s.cutout] = counts.get((s.set, s.fine, s.cutout), 0) + 1
    return {(*key, count) for key, count in counts.items()}


def test_layout(data: Path) -> None:
    library = open_library(data)
    assert sets(library) == {("cutouts", True, True, 4), ("photos", True, False, 3), ("street", False, False, 3)}
    assert not library.validation
    assert [p.name for p in library.backgrounds] == ["0.jpg", "1.jpg", "2.jpg"]
    for subject in library.subjects:
        assert subject.alpha is None or subject.alpha.stem == subject.image.stem
    assert [(s.set, s.image.stem) for s in library.subjects if s.unknown is not None] == [("street", "1")]


def test_the_parent_folder_is_accepted(tmp_path: Path) -> None:
    make_data(tmp_path / "train")
    assert sets(open_library(tmp_path)) == sets(open_library(tmp_path / "train"))


def test_other_files_and_pictures_without_a_truth_are_left_out(tmp_path: Path) -> None:
    data = make_data(tmp_path)
    (data / "fine/cutouts/LICENSE.txt").write_text("free")
    (data / "fine/notes.txt").write_text("a file beside the sets")
    (data / "fine/photos/alphas/1.png").unlink()
    assert sets(open_library(data)) == {("cutouts", True, True, 4), ("photos", True, False, 2), ("street", False, False, 3)}


def test_hidden_files_are_no_pictures(tmp_path: Path) -> None:
    """As macOS leaves beside each file that it copies to another disk."""
    data = make_data(tmp_path)
    for name in (
        "fine/cutouts/._0.png",
        "coarse/street/images/._0.jpg",
        "coarse/street/masks/._0.png",
        "backgrounds/rooms/._0.jpg",
    ):
        (data / name).write_bytes(b"Mac OS X")
    library = open_library(data)
    assert not [each for each in library.names() if "/." in each]


def test_a_mask_of_another_shape_is_refused(tmp_path: Path) -> None:
    """Such as that of a photo that a camera turned: squeezed into the photo it would teach nonsense."""
    data = make_data(tmp_path)
    photo = Subject(data / "coarse/street/images/0.jpg", data / "coarse/street/masks/0.png", "street", fine=False)
    read_subject(photo, 64)
    write(tmp_path / "turned/0.png", figure(81, 100))
    turned = replace(photo, alpha=tmp_path / "turned/0.png")
    with pytest.raises(
        DataError, match=r"turned/0\.png: is 100x81, its picture 81x100: of another shape; turn or crop it alike"
    ):
        read_subject(turned, 64)
    write(tmp_path / "half/0.png", figure(50, 41))
    assert read_subject(replace(photo, alpha=tmp_path / "half/0.png"), 1600).shape == (100, 81, 4)


@pytest.mark.parametrize("label", [1, 15])
def test_a_mask_of_labels_is_refused(tmp_path: Path, label: int) -> None:
    """Read as brightness it has nobody in it, which would be learnt."""
    data = make_data(tmp_path)
    path = data / "coarse/street/masks/0.png"
    write(path, np.asarray((figure(100, 81) > 127) * label, np.uint8))
    photo = Subject(data / "coarse/street/images/0.jpg", path, "street", fine=False)
    with pytest.raises(DataError, match=rf"0\.png: its brightest pixel is {label}, and a person's is 255"):
        read_subject(photo, 64)
    write(tmp_path / "nobody.png", np.zeros((100, 81), np.uint8))
    assert not read_subject(replace(photo, alpha=tmp_path / "nobody.png"), 64)[..., 3].any()


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found no people"):
        open_library(tmp_path)
    write(tmp_path / "fine/cutouts/0.png", scenery(40, 30, 0), figure(40, 30))
    with pytest.raises(DataError, match="found no pictures in backgrounds/"):
        open_library(tmp_path)
    write(tmp_path / "coarse/street/masks/0.png", figure(40, 30))
    with pytest.raises(DataError, match="street: has masks/ but no images/"):
        open_library(tmp_path)


def test_validation_is_always_the_same(tmp_path: Path) -> None:
    data = make_data(tmp_path)
    for i in range(60):
        (data / f"fine/cutouts/more{i}.png").touch()  # not opened before they are drawn
    one = open_library(data, 0.3)
    assert one == open_library(data, 0.3)
    assert 8 < len(one.validation) < 32
    assert not set(one.validation) & set(one.subjects)
    assert set(one.validation) | set(one.subjects) == set(open_library(data).subjects)
    assert set(one.validation) < set(open_library(data, 0.5).validation)
    (data / "fine/cutouts/more3.png").unlink()  # a picture more or less moves no other
    assert set(open_library(data, 0.3).validation) == {s for s in one.validation if s.image.stem != "more3"}


def test_backgrounds_held_out_are_seen_in_validation_only(tmp_path: Path) -> None:
    data = make_data(tmp_path)
    for i in range(60):
        (data / f"backgrounds/rooms/more{i}.jpg").touch()
    every, library = set(open_library(data).backgrounds), open_library(data, 0.3, 0.2)
    kept, trained = set(library.validation_backgrounds), set(library.backgrounds)
    assert 4 < len(kept) < 24
    assert kept | trained == every
    assert not kept & trained
    assert set(library.held_out().backgrounds) == kept
    assert set(open_library(data).held_out().backgrounds) == every  # a small library may have none to spare


def test_a_cutout_needs_alpha(tmp_path: Path) -> None:
    for name, rgb in (("rgb", scenery(40, 30, 0)), ("grey", figure(40, 30))):
        write(tmp_path / f"{name}.png", rgb)
        with pytest.raises(DataError, match=rf"{name}\.png: a cut-out needs an alpha channel"):
            read_subject(Subject(tmp_path / f"{name}.png", None, "a", True), 192)


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_broken_picture(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.png: cannot be read as a picture"):
        read_subject(Subject(path, None, "a", True), 192)
    with pytest.raises(DataError, match=r"broken\.png: cannot be read as a picture"):
        read_background(path, 192)


def test_values_sizes_and_channel_order(tmp_path: Path) -> None:
    rgb, alpha = scenery(90, 61, 3), figure(90, 61)
    write(tmp_path / "image.png", rgb)
    write(tmp_path / "alpha.png", alpha)
    subject = Subject(tmp_path / "image.png", tmp_path / "alpha.png", "a", True)
    np.testing.assert_array_equal(read_subject(subject, 90), np.dstack([rgb, alpha]))
    np.testing.assert_array_equal(read_background(tmp_path / "image.png", 1000), rgb)
    assert read_subject(subject, 45).shape == (45, 30, 4)
    assert read_background(tmp_path / "image.png", 45).shape == (45, 30, 3)
    assert np.abs(read_subject(subject, 45).mean((0, 1)) - np.dstack([rgb, alpha]).mean((0, 1))).max() < 2


def test_a_mask_of_another_size_is_fitted(tmp_path: Path) -> None:
    write(tmp_path / "image.png", scenery(80, 60, 3))
    write(tmp_path / "mask.png", figure(40, 30))
    picture = read_subject(Subject(tmp_path / "image.png", tmp_path / "mask.png", "a", False), 192)
    assert picture.shape == (80, 60, 4)
    assert np.abs(picture[..., 3].astype(int) - figure(80, 60)).mean() < 3


def test_a_grey_truth_may_be_stored_in_any_way(tmp_path: Path) -> None:
    mask = np.asarray((figure(80, 60) > 127) * 255, np.uint8)
    write(tmp_path / "image.png", scenery(80, 60, 3))
    stored = {"bilevel": Image.fromarray(mask).convert("1"), "rgb": Image.fromarray(mask).convert("RGB")}
    stored["palette"] = Image.fromarray(mask // 255)
    stored["palette"].putpalette([0, 0, 0, 255, 255, 255])
    stored["opaque"] = Image.fromarray(mask).convert("RGBA")
    stored["deep"] = Image.fromarray(mask.astype(np.uint16) * 257)
    for name, picture in stored.items():
        picture.save(tmp_path / f"{name}.png")
        found = read_subject(Subject(tmp_path / "image.png", tmp_path / f"{name}.png", "a", False), 192)
        np.testing.assert_array_equal(found[..., 3], mask, name)


def test_colours_and_alpha_are_not_taken_for_a_mask(tmp_path: Path) -> None:
    """People were 38 of 255 in the palette's dark red, and as bright as their own colours in a cut-out."""
    mask, rgb = figure(80, 60), scenery(80, 60, 3)
    write(tmp_path / "image.png", rgb)
    write(tmp_path / "cut.png", rgb, mask)
    write(tmp_path / "white.png", np.full_like(rgb, 255), np.maximum(mask, 1))
    Image.fromarray(np.dstack([np.full_like(mask, 255), mask])).save(tmp_path / "grey.png")
    labels = Image.fromarray(np.asarray(mask > 127, np.uint8))
    labels.putpalette([0, 0, 0, 128, 0, 0])
    labels.save(tmp_path / "labels.png")
    for name, told in {
        "cut": "alpha of its own",
        "white": "alpha of its own",
        "grey": "alpha of its own",
        "labels": "colours",
    }.items():
        with pytest.raises(DataError, match=rf"{name}\.png: has {told}; a truth is a grey picture"):
            read_subject(Subject(tmp_path / "image.png", tmp_path / f"{name}.png", "a", False), 192)


def test_16_bit_cutout(tmp_path: Path) -> None:
    rgba = np.dstack([scenery(40, 30, 0)[..., ::-1], np.full((40, 30), 255, np.uint8)])
    assert cv2.imwrite(str(tmp_path / "deep.png"), rgba.astype(np.uint16) * 257)
    picture = read_subject(Subject(tmp_path / "deep.png", None, "a", True), 192)
    np.testing.assert_array_equal(picture[..., [2, 1, 0, 3]], rgba)


@pytest.mark.parametrize("long_side", [300, 192, 90])
def test_the_edges_of_a_cutout_do_not_go_black(tmp_path: Path, long_side: int) -> None:
    height, width = 300, 200
    colour = np.array([200, 120, 60], np.uint8)
    write(tmp_path / "a.png", np.tile(colour, (height, width, 1)), figure(height, width))
    picture = read_subject(Subject(tmp_path / "a.png", None, "a", True), long_side)
    # also just outside, where enlarging takes its share of the neighbours
    near = cv2.dilate((picture[..., 3] > 8).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert near.sum() > (picture[..., 3] > 8).sum()
    assert np.abs(picture[near][:, :3].astype(int) - colour).max() <= 4


def test_a_missing_set_is_refused(library: Library) -> None:
    assert check_sets(Recipe(sets={"photos": 1, "street": 0}, fine_sets={"cutouts": 2}), "own.toml", library) == []
    wrong = [
        (Recipe(sets={"steet": 0.0}), r"own\.toml, \[sets\]: the data has no set 'steet'; it has cutouts, photos, street"),
        (Recipe(composed={"photo": 0.5}), r"\[composed\]: the data has no set 'photo'"),
        (Recipe(fine_sets={"cutout": 1.0}), r"\[fine_sets\]: the data has no set 'cutout'; it has cutouts, photos$"),
        (Recipe(fine_sets={"street": 1.0}), r"\[fine_sets\]: 'street' has masks only; sets of fine/ are cutouts, photos$"),
    ]
    for recipe, message in wrong:
        with pytest.raises(DataError, match=message):
            check_sets(recipe, "own.toml", library)


def test_a_builtin_recipe_may_name_sets_that_other_data_lacks(library: Library) -> None:
    assert check_sets(Recipe(sets={"studio": 1, "street": 0}, fine_sets={"cutouts_pose": 2}), "all-192", library) == [
        "cutouts_pose",
        "studio",
    ]


def test_estimating_colours_keeps_the_number_of_threads() -> None:
    """In a process of its own: importing Numba changes it, once."""
    code = """
import numpy, torch
torch.set_num_threads(1)
from train.data.foregrounds import estimate_foreground
estimate_foreground(numpy.zeros((32, 32, 3), numpy.uint8), numpy.ones((32, 32)))
print(torch.get_num_threads())
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"
