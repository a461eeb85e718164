import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engines.errors import MediaError, TooManyPixels
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


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_labels_of_16_bits(tmp_path: Path, suffix: str) -> None:
    person = rectangle(10, 30, 5, 25)
    assert cv2.imwrite(str(tmp_path / f"a{suffix}"), person.astype(np.uint16))
    assert (open_masks(tmp_path).read(Path("a.jpg")) == person).all()


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
        (tmp_path / "none.json", r"correct annotations\[0\] or take it out: its category_id is None"),
        (coco(tmp_path / "image.json", images=[{"id": 7, "file_name": "a.jpg"}, "b"]), r"images\[1\] .* its id is None"),
        (coco(tmp_path / "name.json", images=[{"id": 7, "file_name": 5}]), r"images\[0\] .* its file_name is 5"),
        (coco(tmp_path / "key.json", categories=[{"id": [], "name": "person"}]), r"categories\[0\] .* its id is \[\]"),
    ]
    for path, message in cases:
        with pytest.raises(MediaError, match=message):
            open_masks(path)
    with pytest.raises(ValueError, match=r"cat: is not a category of .*; use one of dog, person"):
        open_masks(coco(tmp_path / "a.json"), category="cat")
    with pytest.raises(MediaError, match=r"annotation 0 of a\.jpg has a polygon that is not"):
        open_masks(coco(tmp_path / "b.json", [["x"]])).read(Path("a.jpg"))


def test_shapes_outside_reason_never_reach_c(tmp_path: Path) -> None:
    """Each of these crashed the process, took gigabytes, or was drawn in silence as something else."""
    nan, inf = float("nan"), float("inf")
    full = [12 * 20]
    zigzag = [value for turn in range(200_000) for value in (turn % 2 * 40, 0)]
    cases: list[tuple[Any, str]] = [
        ([[0, 0, inf, 0, 5, 5]], "finite numbers"),
        ([[0, 0, nan, 0, 5, 5]], "finite numbers"),
        ([[0, 0, None, 0, 5, 5]], "finite numbers"),
        ([[0, 0, 10**400, 0, 5, 5]], "finite numbers"),
        ([[0, 0, 5, 0, 5, 5, 5]], "finite numbers"),
        ([[0, 0, 5, 5]], "finite numbers"),  # pycocotools takes four numbers for a box
        ([0, 0, 5, 0, 5, 5], "finite numbers"),
        ([[[0, 0], [5, 0], [5, 5]]], "finite numbers"),
        ([[0, 0, 1e9, 0, 5, 5]], "far outside"),
        ([[0, 0, 5, -1e300, 5, 5]], "far outside"),
        ([zigzag], "an outline of more than"),
        (None, "neither polygons nor run lengths"),
        ("abc", "neither polygons nor run lengths"),
        ({}, "another size"),
        ({"size": [13, 20], "counts": [260]}, "another size"),
        ({"size": [60_000, 60_000], "counts": [3_600_000_000]}, "another size"),
        ({"size": [12, 20]}, "not whole numbers"),
        ({"size": [12, 20], "counts": [0, 1e9]}, "not whole numbers"),
        ({"size": [12, 20], "counts": [250, -10]}, "not whole numbers"),
        ({"size": [12, 20], "counts": [239]}, "do not add up"),
        ({"size": [12, 20], "counts": [*full, 2**40]}, "do not add up"),
        ({"size": [12, 20], "counts": "P"}, "damaged"),
        ({"size": [12, 20], "counts": 50 * "o"}, "damaged"),
        ({"size": [12, 20], "counts": "\u20ac"}, "damaged"),
    ]
    for shape, message in cases:
        masks = open_masks(coco(tmp_path / "a.json", [SQUARE], shape))
        with pytest.raises(MediaError, match=rf"annotation 1 of a\.jpg .*{message}") as caught:
            masks.read(Path("a.jpg"))
        assert "\n" not in str(caught.value)
    for height in (inf, nan, -5, 0, None, "12", 12.5, [12], True):
        changed = [{"id": 7, "file_name": "a.jpg", "height": height, "width": 20}]
        with pytest.raises(MediaError, match=r"a\.jpg has a size of 20x"):
            open_masks(coco(tmp_path / "a.json", [SQUARE], images=changed)).read(Path("a.jpg"))
    huge = [{"id": 7, "file_name": "a.jpg", "height": 60_000, "width": 60_000}]
    with pytest.raises(TooManyPixels, match=r"a\.jpg: 60000x60000"):
        open_masks(coco(tmp_path / "a.json", [SQUARE], images=huge)).read(Path("a.jpg"))


def test_shapes_at_the_edge_are_drawn(tmp_path: Path) -> None:
    masks = open_masks(coco(tmp_path / "a.json", [], [[-3, -2, 25, -2, 25, 14, -3, 14]]))
    np.testing.assert_array_equal(masks.read(Path("a.jpg")), rectangle(0, 12, 0, 20))


def test_damaged_and_nested_files_are_refused(tmp_path: Path) -> None:
    nested = 100_000 * "["
    for text in (
        nested,
        f'{{"images": {nested}',
        '{"images": [[]], "categories": [], "annotations": []}',
        "[" + "9" * 5000 + "]",
    ):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(MediaError, match="is not a COCO file"):
            open_masks(tmp_path / "a.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("a.json", "a.png"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(MediaError, match=r"is no plain file|is a device or a pipe"):
            open_masks(tmp_path / name).read(Path("a.jpg"))


def test_of_a_cut_out_the_mask_is_its_alpha(tmp_path: Path) -> None:
    """It was the brightness of its colours."""
    alpha = np.zeros((12, 20), np.uint8)
    alpha[3:9, 2:7] = 255
    colours = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), np.dstack([colours, alpha]))
    np.testing.assert_array_equal(open_masks(tmp_path).read(Path("a.jpg")), rectangle(3, 9, 2, 7))
    levels = np.dstack([alpha] * 3 + [np.full_like(alpha, 255)])  # as some programs save a grey mask
    cv2.imwrite(str(tmp_path / "a.png"), levels)
    np.testing.assert_array_equal(open_masks(tmp_path).read(Path("a.jpg")), rectangle(3, 9, 2, 7))


def test_a_coco_file_without_categories_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"c.json: has no categories; name a COCO file of people$"):
        open_masks(coco(tmp_path / "c.json", categories=[]))


def test_of_pictures_of_one_name_the_folder_decides(tmp_path: Path) -> None:
    """The last one's mask was taken for all."""
    size = {"height": 12, "width": 20}
    images = [{"id": 8, "file_name": "train/a.jpg", **size}, {"id": 7, "file_name": "val/a.jpg", **size}]
    annotations = [{"image_id": key, "category_id": 1, "segmentation": [shape]} for key, shape in ((7, SQUARE), (8, DOG))]
    masks = open_masks(coco(tmp_path / "a.json", images=images, annotations=annotations))
    np.testing.assert_array_equal(masks.read(Path("photos/train/a.jpg")), rectangle(0, 10, 0, 10))
    np.testing.assert_array_equal(masks.read(Path("photos/val/a.jpg")), rectangle(3, 9, 2, 7))
    with pytest.raises(MediaError, match=r"a.json: has 2 pictures of the name a.jpg; rename all but one of them"):
        masks.read(Path("photos/a.jpg"))
    images[0]["file_name"] = images[1]["file_name"] = "a.jpg"
    with pytest.raises(MediaError, match=r"a.json: has 2 pictures of the name a.jpg"):
        open_masks(coco(tmp_path / "a.json", images=images)).read(Path("val/a.jpg"))
    images[0] = {"id": 7, "file_name": "b.jpg", **size}
    with pytest.raises(MediaError, match=r"a.json: images\[0\] has the id 7 of another picture; correct it"):
        open_masks(coco(tmp_path / "a.json", images=images))
