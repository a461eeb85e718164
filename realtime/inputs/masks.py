"""Coarse masks of people from data sets and segmentation methods: a folder of PNG files, or COCO annotations."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from engines.engine import Mask
from engines.errors import MediaError
from realtime.choices import MAX_PIXELS
from realtime.inputs.photos import READABLE, read_photo


class Masks(Protocol):
    """The masks of a folder of photos."""

    def has(self, photo: Path) -> bool:
        """Whether there is a mask for this photo."""
        ...

    def read(self, photo: Path) -> Mask:
        """Read its mask, float32 (h, w) in [0, 1], 1 = person. Raises MediaError if that fails."""
        ...


def open_masks(path: Path, *, category: str = "person", max_pixels: int = MAX_PIXELS) -> Masks:
    """Open a folder of masks, a single mask, or the shapes of one `category` in a COCO JSON file.

    Raises MediaError if there are none, ValueError if the file has no such category.
    """
    if path.suffix.lower() == ".json":
        return CocoMasks(path, category, max_pixels=max_pixels)
    return FolderMasks(path, max_pixels=max_pixels)


class FolderMasks:
    """Pictures with the stems of their photos: grey, 255 = person; or labels, 0 and 1. A single file is any photo's mask."""

    def __init__(self, path: Path, *, max_pixels: int) -> None:
        self._path, self._max_pixels = path, max_pixels
        if not path.exists():
            raise MediaError(f"{path}: no such file or folder; name a folder of masks, or a COCO .json file")
        folder = path.is_dir()
        self._by_stem = {p.stem: p for p in sorted(path.iterdir()) if p.suffix.lower() in READABLE} if folder else {}
        if folder and not self._by_stem:
            raise MediaError(f"{path}: has no mask in it; name a folder of PNG files")

    def has(self, photo: Path) -> bool:
        return not self._path.is_dir() or photo.stem in self._by_stem

    def read(self, photo: Path) -> Mask:
        pixels = read_photo(self._by_stem.get(photo.stem, self._path), max_pixels=self._max_pixels).frame.max(axis=2)
        return np.asarray(pixels / (1 if pixels.max() == 1 else 255), np.float32)


class CocoMasks:
    """COCO annotations: polygons, and run lengths with or without compression; all shapes of the category, joined."""

    def __init__(self, path: Path, category: str, *, max_pixels: int) -> None:
        try:
            from pycocotools import mask
        except ModuleNotFoundError as error:
            command = "pip install 'semantic-human-matting[coco]'"
            raise MediaError(f"{path}: pycocotools, which reads such masks, is not installed; type: {command}") from error
        self._path, self._coco = path, mask
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            names = {c["id"]: str(c["name"]) for c in content["categories"]}
            kinds = {key for key, name in names.items() if name == category}
            self._sizes = {i["id"]: (int(i["height"]), int(i["width"])) for i in content["images"]}
            self._ids = {Path(i["file_name"]).name: i["id"] for i in content["images"]}
            self._shapes: dict[Any, list[Any]] = {}
            for annotation in content["annotations"]:
                if annotation["category_id"] in kinds:
                    self._shapes.setdefault(annotation["image_id"], []).append(annotation["segmentation"])
        except OSError as error:
            raise MediaError(f"{path}: cannot be read ({error.strerror}); name a COCO .json file") from error
        except (ValueError, KeyError, TypeError) as error:
            raise MediaError(f"{path}: is not a COCO file of images, categories and annotations; check it") from error
        if not kinds:
            raise ValueError(f"{category}: is not a category of {path}; use one of {', '.join(sorted(names.values()))}")

    def has(self, photo: Path) -> bool:
        return bool(self._shapes.get(self._ids.get(photo.name)))

    def read(self, photo: Path) -> Mask:
        key = self._ids[photo.name]
        try:
            return self._draw(self._shapes[key], *self._sizes[key])
        except Exception as error:  # pycocotools has no error of its own
            raise MediaError(f"{self._path}: the shapes of {photo.name} cannot be read; check them") from error

    def _draw(self, shapes: Sequence[Any], height: int, width: int) -> Mask:
        drawn = np.zeros((height, width), np.uint8)
        for shape in shapes:
            if isinstance(shape, list):  # polygons
                runs = self._coco.merge(self._coco.frPyObjects(shape, height, width))
            elif isinstance(shape["counts"], list):
                runs = self._coco.frPyObjects(shape, height, width)
            else:
                runs = shape
            drawn |= self._coco.decode(runs)
        return np.asarray(drawn, np.float32)
