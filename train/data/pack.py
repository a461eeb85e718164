"""A data folder made small enough to move: pictures at the size that training can use, in parts of a few megabytes.

    OUT/1/fine/SET/...  OUT/1/coarse/SET/...  OUT/1/backgrounds/SET/...  OUT/1/unlabelled/SET/...
    OUT/2/...

Each part is a data folder of its own and a fair sample of all sets; `open_library(OUT)` reads all of them as one.
"""

import os
import random
import shutil
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engines.errors import DataError
from train.data.foregrounds import foreground_of
from train.data.library import Library, Picture, Subject, read_background, read_subject, read_unknown

COARSE_SIDE = 640  # pixels, longest side: few of the photos are larger
FINE_SIDE = 832  # MRN sees crops of frames of up to 1280, which people rarely fill
BACKGROUND_SIDE = 640
QUALITY = 82  # of WebP
AHEAD = 64  # units that are packed before they are written: no more are in memory

File = tuple[Path, bytes]  # where in a part, and what


@dataclass(frozen=True)
class Part:
    """A part that was written."""

    path: Path
    pictures: int
    bytes: int


def _webp(picture: Picture) -> bytes:
    """Of RGB or RGBA (h, w, n)."""
    bgr = np.ascontiguousarray(picture[..., [2, 1, 0, 3][: picture.shape[2]]])
    return np.asarray(cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])[1]).tobytes()


def _png(mask: Picture) -> bytes:
    options = [cv2.IMWRITE_PNG_BILEVEL, 1] if set(np.unique(mask)) <= {0, 255} else []
    return np.asarray(cv2.imencode(".png", mask, options)[1]).tobytes()


def pack_subject(subject: Subject) -> list[File]:
    """The files of one annotated picture. A fine photo comes with its foreground, whose estimation takes long."""
    side = FINE_SIDE if subject.fine else COARSE_SIDE
    rgba = read_subject(subject, side)
    folder = Path("fine" if subject.fine else "coarse") / subject.set
    name = subject.image.stem
    if subject.cutout:
        return [(folder / f"{name}.webp", _webp(rgba))]
    truths = "alphas" if subject.fine else "masks"
    files = [
        (folder / "images" / f"{name}.webp", _webp(rgba[..., :3])),
        (folder / truths / f"{name}.png", _png(np.ascontiguousarray(rgba[..., 3]))),
    ]
    if subject.unknown is not None:
        files.append((folder / "unknown" / f"{name}.png", _png(read_unknown(subject.unknown, side))))
    if subject.fine:
        files.append((folder / "foregrounds" / f"{name}.webp", _webp(foreground_of(subject, side)[..., :3])))
    return files


def pack_picture(path: Path) -> list[File]:
    """The file of one background, or of a photo in unlabelled/."""
    kind, set_name = path.parts[-3:-1]
    rgb = read_background(path, BACKGROUND_SIDE if kind == "backgrounds" else COARSE_SIDE)
    return [(Path(kind) / set_name / f"{path.stem}.webp", _webp(rgb))]


def packed(library: Library, photos: Sequence[Path]) -> Iterator[list[File]]:
    """All of a library, and photos in unlabelled/, in a random order that is always the same; files that belong together in
    one list.
    """
    backgrounds = [*library.backgrounds, *library.validation_backgrounds]
    units: list[Subject | Path] = [*library.subjects, *library.validation, *backgrounds, *photos]
    random.Random(1).shuffle(units)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # OpenCV works outside of Python's lock
        waiting = deque[Future[list[File]]]()
        for unit in units:
            waiting.append(pool.submit(pack_subject, unit) if isinstance(unit, Subject) else pool.submit(pack_picture, unit))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def write_parts(units: Iterable[list[File]], out: Path, part_bytes: int) -> list[Part]:
    """Write files into the parts OUT/1, OUT/2, ..., each of at most `part_bytes`.

    A part appears when it is complete. Raises DataError where OUT holds anything already or one unit is larger than a part.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: exists already; name a new folder")
    out.mkdir(parents=True, exist_ok=True)
    parts: list[Part] = []
    beside = out / f".{os.getpid()}.part"
    full = pictures = 0

    def finish() -> None:
        nonlocal full, pictures
        if pictures:
            place = out / str(len(parts) + 1)
            beside.rename(place)
            parts.append(Part(place, pictures, full))
        full = pictures = 0

    try:
        for unit in units:
            size = sum(len(content) for _, content in unit)
            if size > part_bytes:
                raise DataError(f"{unit[0][0]}: takes {size / 1e6:.1f} MB, more than a part; make parts larger")
            # Names lose their suffixes: rooms/1.jpg and rooms/1.png must not get into one part.
            if full + size > part_bytes or any((beside / place).exists() for place, _ in unit):
                finish()
            for place, content in unit:
                (beside / place).parent.mkdir(parents=True, exist_ok=True)
                (beside / place).write_bytes(content)
            full, pictures = full + size, pictures + 1
        finish()
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return parts
