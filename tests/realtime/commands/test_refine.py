"""`shm-refine` as a user meets it, with the weights that ship."""

import json
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest
from PIL import Image

import engines
from realtime.commands.refine import main
from tests.realtime.plain_engine import plain_engine

SAMPLE = Path(__file__).parents[3] / "realtime" / "samples" / "portrait.jpg"


def shm_refine(*arguments: object) -> int:
    """Runs the command and gives its exit code."""
    with patch("sys.argv", ["shm-refine", *map(str, arguments)]), pytest.raises(SystemExit) as exit_:
        main()
    return int(exit_.value.code or 0)


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A photo of a person, smaller, and its matte."""
    photo = tmp_path_factory.mktemp("portrait") / "portrait.png"
    small = cv2.resize(cv2.imread(str(SAMPLE)), (240, 240), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(photo), small)
    engine = engines.load("openvino")
    alpha = engine(np.ascontiguousarray(small[..., ::-1])).alpha
    engine.close()
    return photo, alpha


@pytest.fixture
def folders(portrait: tuple[Path, np.ndarray], tmp_path: Path) -> tuple[Path, Path, Path]:
    """Photos a, b, c; masks of a and b, too large and hard; OUT."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    photo, alpha = portrait
    mask = cv2.dilate((alpha > 0.5).astype(np.uint8), np.ones((9, 9), np.uint8))
    for stem in "abc":
        (images / f"{stem}.png").write_bytes(photo.read_bytes())
        if stem != "c":
            cv2.imwrite(str(masks / f"{stem}.png"), mask * 255)
    return images, masks, tmp_path / "out"


def read(path: Path) -> np.ndarray:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels


def test_a_mask_that_is_too_large_comes_nearer_to_the_matte(
    folders: tuple[Path, Path, Path], portrait: tuple[Path, np.ndarray], capfd: pytest.CaptureFixture[str]
) -> None:
    images, masks, out = folders
    assert shm_refine(images, masks, out) == 0
    assert "2 mattes written, 1 have no mask" in capfd.readouterr().err
    assert {path.name for path in out.iterdir()} == {"a.png", "b.png"}
    before = np.abs(read(masks / "a.png") / 255 - portrait[1]).mean()
    after = np.abs(read(out / "a.png") / 255 - portrait[1]).mean()
    assert after < 0.7 * before


def test_the_mask_says_who_stays(folders: tuple[Path, Path, Path]) -> None:
    images, masks, out = folders
    cv2.imwrite(str(masks / "a.png"), np.zeros((240, 240), np.uint8))
    assert shm_refine(images, masks, out) == 0
    assert read(out / "a.png").mean() < 0.25 * read(out / "b.png").mean()


def test_goes_on_where_it_stopped(folders: tuple[Path, Path, Path], capfd: pytest.CaptureFixture[str]) -> None:
    images, masks, out = folders
    out.mkdir()
    (out / "a.png").write_bytes(b"done before")
    assert shm_refine(images, masks, out) == 0
    assert "1 mattes written, 1 existed already, 1 have no mask" in capfd.readouterr().err
    assert (out / "a.png").read_bytes() == b"done before"
    assert shm_refine(images, masks, out, "--overwrite", "--cut-outs") == 0
    assert read(out / "a.png").shape == (240, 240, 4)


def test_one_photo(folders: tuple[Path, Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    images, masks, _ = folders
    assert shm_refine(images / "c.png", masks / "a.png", tmp_path / "matte.jpg") == 0
    assert read(tmp_path / "matte.jpg").shape == (240, 240)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"{tmp_path / 'matte.jpg'}: 240x240 (openvino ")


def test_pictures_of_a_file_that_are_not_used_are_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As `shm-image` does it."""
    first, second = (Image.new("RGB", (60, 40), colour) for colour in ("black", "white"))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    with plain_engine():
        assert shm_refine(tmp_path / "a.gif", tmp_path / "a.gif", tmp_path / "out.png") == 0
    assert f"{tmp_path / 'a.gif'}: has 2 pictures; only the first is used" in capfd.readouterr().err.splitlines()


def test_a_bad_one_is_reported_and_the_rest_goes_on(
    folders: tuple[Path, Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    images, masks, out = folders
    (masks / "a.png").write_bytes(b"no picture")
    assert shm_refine(images, masks, out) == 2
    error = capfd.readouterr().err
    assert "a.png: is broken" in error
    assert "1 of 2 photos failed" in error
    assert {path.name for path in out.iterdir()} == {"b.png"}


def test_a_bad_annotation_does_not_end_the_folder(
    folders: tuple[Path, Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    images, _, out = folders
    square = [60, 60, 180, 60, 180, 180, 60, 180]
    names = ["a.png", "b.png"]
    content = {
        "images": [{"id": i, "file_name": name, "height": 240, "width": 240} for i, name in enumerate(names)],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [
            {"id": 5, "image_id": 0, "category_id": 1, "segmentation": [[float("inf"), *square[1:]]]},
            {"id": 6, "image_id": 1, "category_id": 1, "segmentation": [square]},
        ],
    }
    (tmp_path / "coco.json").write_text(json.dumps(content))
    assert shm_refine(images, tmp_path / "coco.json", out) == 2
    error = capfd.readouterr().err
    assert "annotation 5 of a.png has a polygon" in error
    assert "1 of 2 photos failed" in error
    assert [path.name for path in out.iterdir()] == ["b.png"]


def test_bad_input(folders: tuple[Path, Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    images, masks, out = folders
    wide = tmp_path / "wide.png"
    cv2.imwrite(str(wide), np.zeros((100, 200), np.uint8))
    only_z = tmp_path / "z"
    only_z.mkdir()
    (only_z / "z.png").write_bytes((masks / "a.png").read_bytes())
    photo, mask = images / "a.png", masks / "a.png"
    cases = [
        ((tmp_path / "nowhere", masks, out), "no such file"),
        ((images, tmp_path / "nowhere", out), "no such file or folder"),
        ((images, only_z, out), "has no mask for any photo"),
        ((images, masks, images), "is a file or the folder of the photos"),
        (("https://host/a.jpg", masks, "out.png"), "https://host/a.jpg: is an address; save what is there as a file"),
        ((images, masks, images / "out.png"), "out.png: is named like a file, and several photos need a folder"),
        ((images, masks, masks), "is the folder of the masks"),
        ((images, mask, out), f"{mask}: is one mask, and {images} a folder of photos; name a folder of masks, or one photo"),
        ((photo, mask, masks), f"{masks}: is a folder; name a picture in it, such as {masks / 'out.png'}"),
        ((photo, mask, photo, "-y"), "is the same file as IMAGES"),
        ((photo, mask, mask, "-y"), "is the same file as MASKS"),
        ((photo, mask, wide), "exists already"),
        ((photo, mask, tmp_path / "a.jpg", "--cut-outs"), ".jpg holds no alpha"),
        ((photo, wide, tmp_path / "new.png"), "its mask has another shape"),
        ((images, masks, out, "--category", "dog"), "--category dog: is of a COCO .json file, which"),
        ((images, masks, out, "--category", "person"), "--category person: is of a COCO .json file, which"),
    ]
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for arguments, message in cases:
        assert shm_refine(*arguments) == 2, message
        error = capfd.readouterr().err
        assert message in error
        assert "Traceback" not in error
        assert error.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
