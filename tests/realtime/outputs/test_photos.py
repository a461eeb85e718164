"""Files of pictures appear whole, and through symbolic links, as those of videos do (test_video_file.py)."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import pytest
from PIL import Image

from engines.errors import FileAppeared, MediaError
from realtime.inputs.photos import read_photo
from realtime.outputs.photos import write_photo
from realtime.outputs.pictures.formats import FORMATS
from realtime.pixels.depth import Pixels, to_eight_bits
from realtime.pixels.metadata import Metadata
from tests.imports import ROOT

PICTURE = np.full((40, 50, 3), (10, 200, 90), np.uint8)


@pytest.mark.parametrize("absolute", [True, False])
def test_a_symbolic_link_stays_and_its_target_is_replaced(tmp_path: Path, absolute: bool) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    real, link = folder / "real.png", tmp_path / "link.png"
    real.write_bytes(b"old")
    link.symlink_to(real if absolute else "elsewhere/real.png")
    write_photo(link, PICTURE)
    assert link.is_symlink()
    assert (read_photo(real).frame == PICTURE).all()
    assert [path.name for path in folder.iterdir()] == ["real.png"]


def test_a_link_to_a_file_that_is_missing_makes_that_file(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to("real.png")
    write_photo(tmp_path / "link.png", PICTURE)
    assert (tmp_path / "link.png").is_symlink()
    assert (read_photo(tmp_path / "real.png").frame == PICTURE).all()


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with (
        patch("realtime.outputs.pictures.rasters._png_chunk", side_effect=[None, OSError(28, "No space left on device")]),
        pytest.raises(MediaError, match="No space"),
    ):
        write_photo(path, PICTURE)
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    ("name", "alpha", "says"),
    [("a.xyz", False, "unknown kind of picture"), ("a.jpg", True, "holds no alpha"), ("no/a.png", False, "cannot be written")],
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, name: str, alpha: bool, says: str) -> None:
    with pytest.raises(MediaError, match=says):
        write_photo(tmp_path / name, PICTURE, np.ones((40, 50), np.float32) if alpha else None)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_grey_with_alpha_is_written_in_colours(tmp_path: Path, name: str, kind: type) -> None:
    grey: Pixels = np.arange(40 * 50).reshape(40, 50).astype(kind) * (np.iinfo(kind).max // 255)
    write_photo(tmp_path / name, grey, np.full((40, 50), 0.5, np.float32))
    photo = read_photo(tmp_path / name)
    assert photo.alpha is not None
    assert (photo.frame == to_eight_bits(grey)[..., None]).all()


def test_straight_colours_survive_where_alpha_is_zero(tmp_path: Path) -> None:
    alpha = np.zeros((40, 50), np.float32)
    alpha[:20] = 1
    write_photo(tmp_path / "a.png", PICTURE, alpha)
    pixels = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    assert (pixels[..., :3] == PICTURE[..., ::-1]).all()
    assert (pixels[..., 3] == 255 * alpha).all()


def test_without_overwriting_a_picture_that_appeared_stays_and_the_new_one_is_kept_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"first")
    with pytest.raises(FileAppeared, match=r"a\.png: appeared meanwhile.*a-2\.png"):
        write_photo(path, PICTURE, overwrite=False)
    assert path.read_bytes() == b"first"
    assert (read_photo(tmp_path / "a-2.png").frame == PICTURE).all()


def test_the_page_has_the_table_of_formats() -> None:
    page = (ROOT / "docs" / "photos.md").read_text(encoding="utf-8")
    for each in FORMATS:
        alpha, profile, metadata = ("yes" if held else "no" for held in (each.alpha, each.profile, each.metadata))
        bits = "8 or 16" if each.bits == 16 else "8"
        assert f"| {', '.join(each.suffixes)} | {alpha} | {bits} | {profile} | {metadata} |\n" in page


def test_a_picture_larger_than_its_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"a\.webp: 16384x1 is too large for \.webp; write \.png instead"):
        write_photo(tmp_path / "a.webp", np.zeros((1, 16384, 3), np.uint8))
    assert [*tmp_path.iterdir()] == []


def test_metadata_that_a_format_cannot_hold_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"a\.jpg: \.jpg cannot hold this picture"):
        write_photo(tmp_path / "a.jpg", PICTURE, metadata=Metadata(xmp=bytes(70_000)))
    assert [*tmp_path.iterdir()] == []


def test_names_may_be_text(tmp_path: Path) -> None:
    write_photo(str(tmp_path / "a.png"), PICTURE)
    assert (read_photo(str(tmp_path / "a.png")).frame == PICTURE).all()
    with pytest.raises(MediaError, match="no such file"):
        read_photo(str(tmp_path / "b.png"))


@pytest.mark.parametrize(
    ("frame", "alpha", "message"),
    [
        (PICTURE / 255, None, "a picture is uint8 or uint16"),
        (PICTURE[..., :2], None, "a picture is uint8 or uint16"),
        (PICTURE, np.zeros((10, 50), np.float32), r"alpha of this picture is float32 \(40, 50\), not float32 \(10, 50\)"),
        (PICTURE, np.zeros((40, 50), np.uint8), r"alpha of this picture is float32 \(40, 50\), not uint8"),
    ],
)
def test_arrays_of_another_form_are_refused(tmp_path: Path, frame: np.ndarray, alpha: np.ndarray | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_photo(tmp_path / "a.png", frame, alpha)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("frame", "alpha", "told"),
    [
        (Image.new("RGB", (9, 9)), None, "a picture is a NumPy array, not Image"),
        ([[1]], None, "a picture is a NumPy array, not list"),
        (None, None, "a picture is a NumPy array, not NoneType"),
        (np.zeros(9, np.uint8), None, "a picture is uint8 or uint16"),
        (PICTURE, Image.new("L", (50, 40)), "alpha is a NumPy array, not Image"),
    ],
)
def test_pictures_of_another_form_are_refused(tmp_path: Path, frame: Any, alpha: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        write_photo(tmp_path / "out.png", frame, alpha)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [None, "camera", {}])
def test_what_goes_with_a_picture_is_named_if_it_is_of_another_type(tmp_path: Path, wrong: Any) -> None:
    for name in ("profile", "metadata"):
        with pytest.raises(ValueError, match=rf"{name} {wrong!r}: must be "):
            write_photo(tmp_path / "out.png", PICTURE, **{name: wrong})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [2, 255, -1, float("nan")])
def test_alpha_out_of_its_range_is_refused(tmp_path: Path, value: float) -> None:
    """From 0 to 255, all of it was opaque."""
    with pytest.raises(ValueError, match="alpha is from 0 to 1, not from "):
        write_photo(tmp_path / "a.png", PICTURE, np.full(PICTURE.shape[:2], value, np.float32))
    assert list(tmp_path.iterdir()) == []
