"""Coarse masks of people from data sets and segmentation methods: a folder of PNG files, or COCO annotations."""

import json
import reprlib
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engines.engine import Mask
from engines.errors import MediaError
from realtime.choices import MAX_PIXELS
from realtime.inputs.photos import READABLE, read_photo
from realtime.inputs.pictures import check_pixels, is_openexr

LINEAR = {".exr"}  # read_photo gives its levels sRGB's curve
PERSON = "person"  # COCO's category of people
READ = {
    "categories": ("id", "name"),
    "images": ("id", "file_name"),
    "annotations": ("image_id", "category_id"),
}  # of each entry
LONGEST_OUTLINE = 4_000_000  # px of a polygon: pycocotools takes memory for each of them


class Masks(Protocol):
    """The masks of a folder of photos."""

    def has(self, photo: Path) -> bool:
        """Whether there is a mask for this photo."""
        ...

    def read(self, photo: Path) -> Mask:
        """Read its mask, float32 (h, w) in [0, 1], 1 = person. Raises MediaError if that fails."""
        ...


def open_masks(path: Path, *, category: str | None = None, max_pixels: int = MAX_PIXELS) -> Masks:
    """Open a folder of masks, a single mask, or the shapes of one `category`, by default people, in a COCO JSON file.

    Raises MediaError if there are none; ValueError if the file has no such category, or there is no COCO file to have one.
    """
    if path.suffix.lower() == ".json":
        return CocoMasks(path, PERSON if category is None else category, max_pixels=max_pixels)
    if category is not None:
        raise ValueError(f"{category}: is of a COCO .json file, which {path} is not; leave it out")
    return FolderMasks(path, max_pixels=max_pixels)


class FolderMasks:
    """Pictures with the stems of their photos: grey, 255 = person; or labels, 0 and 1. A single file is any photo's mask.

    Of a cut-out, or another picture that is clear somewhere, the mask is its alpha.
    """

    def __init__(self, path: Path, *, max_pixels: int) -> None:
        self._path, self._max_pixels = path, max_pixels
        if not path.exists():
            raise MediaError(f"{path}: no such file or folder; name a folder of masks, or a COCO .json file")
        folder = path.is_dir()
        if is_openexr(path):
            raise MediaError(f"{path}: holds linear light, of which the levels of masks are not; save it as a PNG")
        self._by_stem = {p.stem: p for p in sorted(path.iterdir()) if p.suffix.lower() in READABLE - LINEAR} if folder else {}
        if folder and not self._by_stem:
            raise MediaError(f"{path}: has no mask in it; name a folder of PNG files")

    def has(self, photo: Path) -> bool:
        return not self._path.is_dir() or photo.stem in self._by_stem

    def read(self, photo: Path) -> Mask:
        picture = read_photo(self._by_stem.get(photo.stem, self._path), max_pixels=self._max_pixels)
        if picture.alpha is not None and picture.alpha.min() < 1:
            return picture.alpha
        stored = picture.frame if picture.stored is None else picture.stored  # uint16 may be labels, which 8 bits do not keep
        if stored.max() == 1:
            return np.asarray(stored.max(axis=2), np.float32)
        return np.asarray(picture.frame.max(axis=2) / 255, np.float32)


class CocoMasks:
    """COCO annotations: polygons, and run lengths with or without compression; all shapes of the category, joined.

    Every number is checked before pycocotools, written in C, sees it. A bad shape fails its own photo only.
    """

    def __init__(self, path: Path, category: str, *, max_pixels: int) -> None:
        try:
            from pycocotools import mask
        except ModuleNotFoundError as error:
            command = "pip install 'semantic-human-matting[coco]'"
            raise MediaError(f"{path}: pycocotools, which reads such masks, is not installed; type: {command}") from error
        self._path, self._coco, self._max_pixels = path, mask, max_pixels
        if path.exists() and not path.is_file():
            raise MediaError(f"{path}: is no plain file; name a COCO .json file")
        content = None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            names = {c["id"]: str(c["name"]) for c in content["categories"]}
            kinds = {key for key, name in names.items() if name == category}
            self._sizes = {i["id"]: (i.get("height"), i.get("width")) for i in content["images"]}
            named = {i["id"]: Path(i["file_name"]) for i in content["images"]}
            self._ids: dict[str, dict[Any, Path]] = {}  # of the pictures of a name
            for key, name in named.items():
                self._ids.setdefault(name.name, {})[key] = name
            self._shapes: dict[Any, list[tuple[Any, Any]]] = {}  # of each picture: the annotation's id, and its shape
            for number, annotation in enumerate(content["annotations"]):
                if annotation["category_id"] in kinds:
                    shape = annotation.get("id", number), annotation.get("segmentation")
                    self._shapes.setdefault(annotation["image_id"], []).append(shape)
        except OSError as error:
            raise MediaError(f"{path}: cannot be read ({error.strerror}); name a COCO .json file") from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            fault = first_fault(content) or "check it"
            raise MediaError(f"{path}: is not a COCO file of images, categories and annotations; {fault}") from error
        for number, image in enumerate(content["images"]):
            if named[image["id"]] != Path(image["file_name"]):
                raise MediaError(f"{path}: images[{number}] has the id {image['id']} of another picture; correct it")
        if not names:
            raise MediaError(f"{path}: has no categories; name a COCO file of people")
        if not kinds:
            raise ValueError(f"{category}: is not a category of {path}; use one of {', '.join(sorted(names.values()))}")

    def has(self, photo: Path) -> bool:
        return any(self._shapes.get(key) for key in self._ids.get(photo.name, {}))

    def read(self, photo: Path) -> Mask:
        key = self._key(photo)
        height, width = self._sizes[key]
        if not (type(height) is type(width) is int and min(height, width) > 0):
            size = f"{reprlib.repr(width)}x{reprlib.repr(height)}"
            raise MediaError(f"{self._path}: {photo.name} has a size of {size}; correct it")
        check_pixels(f"{self._path}: {photo.name}", height, width, self._max_pixels)
        drawn = np.zeros((height, width), np.uint8)
        for identity, shape in self._shapes[key]:
            try:
                if isinstance(shape, dict):
                    drawn |= draw_run_lengths(shape, height, width)
                else:
                    for polygon in polygons(shape, height, width):
                        drawn |= self._coco.decode(self._coco.frPyObjects([polygon], height, width))[..., 0]
            except ValueError as error:
                where = f"annotation {reprlib.repr(identity)} of {photo.name}"
                raise MediaError(f"{self._path}: {where} {error}; correct it or take it out") from error
        return np.asarray(drawn, np.float32)

    def _key(self, photo: Path) -> Any:
        """The id of a photo's picture; of several of its name, that whose folders are the photo's."""
        found = self._ids[photo.name]
        if len(found) > 1:
            parts = photo.absolute().parts
            same = [key for key, name in found.items() if len(name.parts) > 1 and parts[-len(name.parts) :] == name.parts]
            if len(same) != 1:
                remedy = "rename all but one of them, or take them out"
                raise MediaError(f"{self._path}: has {len(found)} pictures of the name {photo.name}; {remedy}")
            return same[0]
        return next(iter(found))


def first_fault(content: Any) -> str:
    """Which entry of a COCO file lacks what is read of each, and the remedy; empty if none does, or if there are no entries."""
    for table, names in READ.items():
        entries = content.get(table) if isinstance(content, dict) else None
        if not isinstance(entries, list):
            return ""
        for number, entry in enumerate(entries):
            for name in names:
                value = entry.get(name) if isinstance(entry, dict) else None
                if not isinstance(value, str if name == "file_name" else (str, int, float)):
                    return f"correct {table}[{number}] or take it out: its {name} is {reprlib.repr(value)}"
    return ""


def polygons(shape: Any, height: int, width: int) -> list[list[float]]:
    """The polygons of a COCO segmentation, x and y in turn. Raises ValueError if one is none, or reaches far outside."""
    if not isinstance(shape, list):
        raise ValueError("is neither polygons nor run lengths")
    found = []
    for each in shape:
        try:
            points = np.asarray(each, np.float64)
        except (TypeError, ValueError, OverflowError):
            points = np.empty(0)
        if points.ndim != 1 or points.size < 6 or points.size % 2 or not np.isfinite(points).all():
            raise ValueError("has a polygon that is not three or more points of finite numbers")
        corners, size = points.reshape(-1, 2), np.array([width, height])
        if (corners < -size).any() or (corners > 2 * size).any():
            raise ValueError("has a polygon that reaches far outside the picture")
        if np.abs(corners - np.roll(corners, 1, axis=0)).max(axis=1).sum() > LONGEST_OUTLINE:
            raise ValueError(f"has an outline of more than {LONGEST_OUTLINE} pixels")
        found.append(points.tolist())
    return found


def draw_run_lengths(shape: dict[str, Any], height: int, width: int) -> NDArray[np.uint8]:
    """The mask, uint8 (height, width) of 0 and 1, of COCO run lengths. Raises ValueError if they are of another size."""
    if shape.get("size") != [height, width]:
        raise ValueError(f"has run lengths of another size than the picture's, {width}x{height}")
    counts = shape.get("counts")
    if isinstance(counts, str):
        counts = decompress(counts)
    if not isinstance(counts, list) or any(type(count) is not int or count < 0 for count in counts):
        raise ValueError("has run lengths that are not whole numbers")
    if sum(counts) != height * width:
        raise ValueError(f"has run lengths that do not add up to {width}x{height}")
    values = np.arange(len(counts), dtype=np.int64).astype(np.uint8) & 1
    return np.repeat(values, counts).reshape(width, height).T


def decompress(text: str) -> list[int]:
    """COCO's compressed run lengths: five bits a character, the lowest first; from the fourth on, less the last but one."""
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError("has damaged run lengths")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError("has damaged run lengths")
    return counts
