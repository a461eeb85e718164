import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engines.errors import MediaError
from realtime.inputs.masks import open_masks

pytest.importorskip("pycocotools", reason="needs pycocotools: pip install 'semantic-human-matting[coco]'")
SQUARE = [2, 3, 7, 3, 7, 9, 2, 9]  # x, y, ...: columns 2 to 6, rows 3 to 8
DOG = [0, 0, 10, 0, 10, 10, 0, 10]


def coco(path: Path, *segmentations: Any, **changed: Any) -> Path:
    annotations = [{"image_id": 7, "category_id": 1, "segmentation": s} for s in segmentations]
    annotations.append({"image_id": 7, "category_id": 18, "segmentation": [DOG]})
    content = {
        "images": [
            {"id": 7, "file_name": "some/a.jpg", "height": 12, "width": 20},
            {"id": 8, "file_name": "b.jpg", "height": 9, "width": 9},
        ],
        "categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}],
        "annotations": annotations,
        **changed,
    }
    path.write_text(json.dumps(content))
    return path


def rectangle(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    mask = np.zeros((12, 20), np.float32)
    mask[top:bottom, left:right] = 1
    return mask


def run_lengths(mask: np.ndarray) -> list[int]:
    """As COCO counts: down the columns, beginning with zeros."""
    counts, value = [0], 0.0
    for pixel in mask.ravel(order="F"):
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


def test_polygons_of_people_are_joined(tmp_path: Path) -> None:
    masks = open_masks(coco(tmp_path / "a.json", [SQUARE, [10, 0, 15, 0, 15, 4, 10, 4]], [[16, 5, 19, 5, 19, 8, 16, 8]]))
    expected = rectangle(3, 9, 2, 7) + rectangle(0, 4, 10, 15) + rectangle(5, 8, 16, 19)
    assert masks.has(Path("photos/a.jpg"))
    assert not masks.has(Path("b.jpg"))  # nobody in it
    assert not masks.has(Path("c.jpg"))
    read = masks.read(Path("photos/a.jpg"))
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, expected)


def test_run_lengths_with_and_without_compression(tmp_path: Path) -> None:
    from pycocotools import mask as tool

    first, second = rectangle(3, 9, 2, 7), rectangle(0, 12, 19, 20)
    plain = {"size": [12, 20], "counts": run_lengths(first)}
    packed = tool.encode(np.asfortranarray(second.astype(np.uint8)))
    packed["counts"] = packed["counts"].decode()
    masks = open_masks(coco(tmp_path / "a.json", plain, packed))
    np.testing.assert_array_equal(masks.read(Path("a.jpg")), first + second)


def test_another_category(tmp_path: Path) -> None:
    masks = open_masks(coco(tmp_path / "a.json"), category="dog")
    np.testing.assert_array_equal(masks.read(Path("a.jpg")), rectangle(0, 10, 0, 10))


def test_a_folder_of_masks_and_of_labels(tmp_path: Path) -> None:
    mask = rectangle(3, 9, 2, 7)
    cv2.imwrite(str(tmp_path / "a.png"), mask * 255)
    cv2.imwrite(str(tmp_path / "labels.png"), mask.astype(np.uint8))
    cv2.imwrite(str(tmp_path / "soft.png"), mask * 51)
    masks = open_masks(tmp_path)
    assert masks.has(Path("b/a.jpg"))
    assert not masks.has(Path("b/c.jpg"))
    np.testing.assert_array_equal(masks.read(Path("a.jpg")), mask)
    np.testing.assert_array_equal(masks.read(Path("labels.jpg")), mask)
    np.testing.assert_allclose(masks.read(Path("soft.jpg")), mask / 5)
    np.testing.assert_array_equal(open_masks(tmp_path / "a.png").read(Path("any.jpg")), mask)


def test_bad_masks(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.json").write_text("no JSON")
    (tmp_path / "list.json").write_text("[]")
    cases = [
        (tmp_path / "nowhere", "no such file or folder"),
        (tmp_path / "empty", "has no mask in it"),
        (tmp_path / "nowhere.json", "cannot be read"),
        (tmp_path / "text.json", "is not a COCO file"),
        (tmp_path / "list.json", "is not a COCO file"),
        (coco(tmp_path / "none.json", annotations=[{"image_id": 7}]), "is not a COCO file"),
    ]
    for path, message in cases:
        with pytest.raises(MediaError, match=message):
            open_masks(path)
    with pytest.raises(ValueError, match=r"cat: is not a category of .*; use one of dog, person"):
        open_masks(coco(tmp_path / "a.json"), category="cat")
    with pytest.raises(MediaError, match=r"the shapes of a\.jpg cannot be read"):
        open_masks(coco(tmp_path / "b.json", [["x"]])).read(Path("a.jpg"))
