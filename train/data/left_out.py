"""What lies in a data folder and is not learnt from: a picture with no mask beside it, a folder of another name."""

from collections.abc import Collection, Iterator
from pathlib import Path

from train.data.library import SUFFIXES, parts_of, pictures

KINDS = ("fine", "coarse", "backgrounds", "unlabelled")
OTHER_SUFFIXES = {".avif", ".bmp", ".gif", ".heic", ".heif", ".jxl", ".tif", ".tiff"}
OTHER_SUFFIXES |= {".arw", ".cr2", ".cr3", ".dng", ".nef"} | {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".webm"}
NAMED = 3


def _names(names: Collection[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(sorted(names)[:NAMED]) + more


def _folders(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))


def _other_formats(folder: Path) -> Iterator[str]:
    names = [p.name for p in folder.iterdir() if p.suffix.lower() in OTHER_SUFFIXES and not p.name.startswith(".")]
    if names:
        yield f"{folder}: no JPEG, PNG or WebP, and left out: {_names(names)}"


def _pairs(folder: Path, truths: str) -> Iterator[str]:
    """Of a set with images/ and alphas/ or masks/."""
    there = _folders(folder)
    if lacking := [name for name in ("images", truths) if name not in there]:
        yield f"{folder}: has no {' and no '.join(f'{name}/' for name in lacking)} ({_names(there) or 'no folders'}): left out"
        return
    for name in ("images", truths):
        yield from _other_formats(folder / name)
    images, masks = ({path.stem for path in pictures(folder / name)} for name in ("images", truths))
    if images - masks:
        yield f"{folder}: left out, as {truths}/ has no picture of the same name: {_names(images - masks)}"
    if masks - images:
        yield f"{folder}: left out, as images/ has no picture of the same name: {_names(masks - images)}"


def left_out(data: Path) -> Iterator[str]:
    """A line for each thing in a data folder that looks as if it was meant to be learnt from, and is not."""
    for part in parts_of(data):
        if others := [name for name in _folders(part) if name not in KINDS]:
            yield f"{part}: learnt from are {', '.join(f'{kind}/' for kind in KINDS)}, and not {_names(others)}"
        for kind in KINDS:
            if not (part / kind).is_dir():
                continue
            if loose := [path.name for path in (part / kind).iterdir() if path.suffix.lower() in SUFFIXES | OTHER_SUFFIXES]:
                yield f"{part / kind}: left out, as they lie in no set, a folder in it: {_names(loose)}"
            for name in _folders(part / kind):
                folder = part / kind / name
                if kind == "coarse" or (kind == "fine" and {"images", "masks", "alphas"} & set(_folders(folder))):
                    yield from _pairs(folder, "masks" if kind == "coarse" else "alphas")
                else:
                    yield from _other_formats(folder)
