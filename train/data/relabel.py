"""The masks of photos drawn anew by a trained model, which knows outlines more finely, and what belongs to a person.

Sets of masks disagree: in some, hats, bags and rackets are not person, and outlines err by several pixels. Where the mask and
the model agree, the edge becomes the model's. Where the model misses somebody, the mask is right. Where it is sure of more than
the mask has, such as a hat, the new mask is unknown, and MPN learns nothing there. Photos without a mask get that of the model,
unknown where it doubts.
"""

import shutil
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.atomic import filling
from engines.engine import Engine, Frame, Mask
from engines.errors import DataError
from train.data.library import Picture, Subject, parts_of, pictures, read_rgb, read_truth, root_of, unlabelled

OUTLINE = 0.012  # of the longer side: how far outlines of coarse masks may err
SURE = 0.7  # alpha from which the model is sure of more than the mask has
DOUBT = (0.15, 0.85)  # alpha between them over more than an outline's width, of a photo without a mask
LEAST, MOST_DOUBT = 0.01, 0.15  # shares of a photo without a mask: of people, and of doubt, with which it is of use

Shape = NDArray[np.bool_]
Labelled = tuple[Picture, Picture]  # mask in 256 levels, and where it is unknown: 255


def _disc(radius: int) -> Picture:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)


def _grown(mask: Shape, radius: int) -> Shape:
    return cv2.dilate(mask.astype(np.uint8), _disc(radius)) > 0


def _shrunk(mask: Shape, radius: int) -> Shape:
    return cv2.erode(mask.astype(np.uint8), _disc(radius), borderValue=1) > 0


def _levels(mask: Shape | Mask, unknown: Shape) -> Labelled:
    return np.asarray(mask * 255 + 0.5, np.uint8), np.asarray(unknown, np.uint8) * np.uint8(255)


def _outline(mask: Picture | Mask) -> int:
    return max(3, int(OUTLINE * max(mask.shape) + 0.5))


def redrawn(truth: Picture, alpha: Mask) -> Labelled:
    """A coarse mask uint8 (h, w), 255 = person, and a model's alpha of the same photo in one."""
    person, width = truth > 127, _outline(truth)
    inner, outer = _shrunk(person, width), _grown(person, width)
    near = outer & ~inner
    # A thin arm, or somebody far away, has no inside: missed is, too, whom the model shows nothing near.
    missed = _grown((alpha < 0.5) & inner, 2 * width) | _grown(person & ~_grown(alpha > 0.5, width), width)
    more = _grown((alpha > SURE) & ~outer, 2 * width) & ~inner
    mask = np.where(near & ~missed, alpha, person)
    return _levels(mask, more & (near | (alpha > DOUBT[0])))


def labelled(alpha: Mask) -> Labelled | None:
    """The mask of a photo that has none, from a model's alpha; None where it shows too few people or too much doubt."""
    width, (low, high) = _outline(alpha), DOUBT
    doubt = np.asarray((alpha > low) & (alpha < high), np.uint8)
    unknown = _grown(cv2.morphologyEx(doubt, cv2.MORPH_OPEN, _disc(width)) > 0, width)
    return _levels(alpha, unknown) if (alpha > 0.5).mean() >= LEAST and unknown.mean() <= MOST_DOUBT else None


def alpha_of(engine: Engine, frame: Frame) -> Mask:
    """The mean of a model's alpha of a frame and that of its mirror image, which errs elsewhere."""
    mirrored = engine(np.ascontiguousarray(frame[:, ::-1])).alpha[:, ::-1]
    return np.asarray((engine(frame).alpha + mirrored) / 2, np.float32)


@dataclass(frozen=True)
class Photo:
    """A photo, the mask that it has, if any, and the folder of its set in the new data."""

    image: Path
    truth: Path | None
    folder: Path

    def read_truth(self, side: int) -> Picture:
        """Its mask, of its size, if that is at most `side`."""
        return read_truth(Subject(self.image, self.truth, self.folder.name, fine=False), side)


def coarse_sets(data: Path) -> list[Path]:
    """The folders of the sets in coarse/."""
    return [each for part in parts_of(data) for each in sorted(part.glob("coarse/*/"))]


def check_kept(data: Path, keep: Sequence[str]) -> None:
    """Raise DataError unless each name in `keep` is that of a set in coarse/."""
    there = {each.name for each in coarse_sets(data)}
    if unknown := set(keep) - there:
        raise DataError(f"{data}: has no set {min(unknown)} in coarse/; it has {', '.join(sorted(there)) or 'none'}")


def check_copy(data: Path, out: Path, keep: Sequence[str]) -> None:
    """Raise DataError where `relabelled` would, before it reads a picture: OUT is there, or in the data, or a set is not."""
    if out.exists():
        raise DataError(f"{out}: exists already; name a new folder")
    if root_of(data).resolve() in out.resolve().parents:
        raise DataError(f"{out}: lies in the data; name a folder beside it")
    check_kept(data, keep)


def photos_of(data: Path, copy: Path, keep: Sequence[str]) -> list[Photo]:
    """The photos to draw masks for, of a data folder and its copy: of the sets in coarse/ but `keep`, and in unlabelled/."""
    parts = parts_of(copy)
    photos = []
    for folder in coarse_sets(copy):
        truths = {path.stem: path for path in pictures(folder / "masks")}
        if folder.name not in keep:
            photos += [Photo(path, truths[path.stem], folder) for path in pictures(folder / "images") if path.stem in truths]
    for path in unlabelled(data):
        part = copy / path.parents[2].relative_to(root_of(data))
        photos.append(Photo(path, None, (part if part in parts else parts[0]) / "coarse" / path.parent.name))
    return photos


def draw(photo: Photo, engine: Engine) -> None:
    """Write the new mask of a photo into the folder of its set, unless it had none and `labelled` gives none."""
    frame = read_rgb(photo.image)
    alpha = alpha_of(engine, frame)
    found = labelled(alpha) if photo.truth is None else redrawn(photo.read_truth(max(alpha.shape)), alpha)
    if found is None:
        return
    if photo.truth is None:
        (photo.folder / "images").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(photo.image, photo.folder / "images" / photo.image.name)
    else:
        photo.truth.unlink()
    for name, picture in zip(("masks", "unknown"), found, strict=True):
        if name == "masks" or picture.any():
            (photo.folder / name).mkdir(exist_ok=True)
            path = photo.folder / name / f"{photo.image.stem}.png"
            if not cv2.imwrite(str(path), picture):
                raise DataError(f"{path}: cannot be written; make room on the disk")


def relabelled(data: Path, out: Path, engine: Engine, keep: Sequence[str] = ()) -> Iterator[tuple[int, int]]:
    """Write a copy of a data folder whose coarse masks are drawn anew: after each photo, how many are done, and of how many.

    The masks of the sets `keep` stay, and so do the fine mattes. OUT appears when it is complete. Raises DataError as
    `check_copy` does, or for a picture that cannot be read.
    """
    check_copy(data, out, keep)
    places = {root_of(data), *parts_of(data)}

    def leave_out_unlabelled(folder: str, names: list[str]) -> set[str]:
        return {"unlabelled"} & set(names) if Path(folder) in places else set()  # elsewhere a set may be called so

    out.parent.mkdir(parents=True, exist_ok=True)
    with filling(out / "data") as beside:
        shutil.copytree(root_of(data), beside, ignore=leave_out_unlabelled, copy_function=shutil.copyfile, dirs_exist_ok=True)
        for folder in (beside, *(each for each in beside.rglob("*") if each.is_dir())):  # those of the data may be read-only
            folder.chmod(folder.stat().st_mode | stat.S_IRWXU)
        photos = photos_of(data, beside, keep)
        with ThreadPoolExecutor(engine.at_once) as pool:
            for done, _ in enumerate(pool.map(partial(draw, engine=engine), photos), 1):
                yield done, len(photos)
