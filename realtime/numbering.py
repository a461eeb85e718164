"""Numbered files: one name for all, such as frames/%05d.png, with a place for the number."""

import re
from collections import defaultdict
from pathlib import Path

from engines.errors import MediaError

NAME = re.compile(r"([^%]*)%(?:0\d{1,2})?d([^%]*)")  # of all
NUMBER = re.compile(r"(.*?)(\d+)(\D*)", re.ASCII)  # of one, the last number in which may be its own
KINDS = (".bmp", ".dpx", ".exr", ".jpeg", ".jpg", ".png", ".tga", ".tif", ".tiff", ".webp")  # of pictures that are read


def is_numbered(path: Path) -> bool:
    """Whether a name stands for numbered pictures, and not for a file."""
    return NAME.fullmatch(path.name) is not None and not path.exists()


def check_name(path: Path) -> "re.Match[str]":
    """The parts of the name of a sequence. Raises MediaError if it has no place for a number."""
    parts = NAME.fullmatch(path.name)
    if parts is None:
        raise MediaError(f"{path}: names one picture; name a sequence, such as {path.parent / f'%05d{path.suffix}'}")
    return parts


def pictures_of(path: Path, parts: "re.Match[str]", *, however_written: bool = False) -> list[Path]:
    """The files of a sequence that exist, in the order of their numbers. `parts` are those of the name of `path`.

    With `however_written`, also those whose number has other zeros before it: a1.png for a%03d.png.
    """
    numbered = re.compile(rf"{re.escape(parts[1])}(\d+){re.escape(parts[2])}", re.ASCII)
    if not path.parent.is_dir():
        return []
    found = [(int(match[1]), each) for each in path.parent.iterdir() if (match := numbered.fullmatch(each.name))]
    return [each for number, each in sorted(found) if however_written or each.name == path.name % number]


def sequences_in(folder: Path) -> list[Path]:
    """The names of the sequences of two pictures or more that lie in a folder: those by which their files are found."""
    numbers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in sorted(folder.iterdir()):
        match = NUMBER.fullmatch(each.stem)
        if match is not None and each.suffix.lower() in KINDS and not each.name.startswith(".") and "%" not in each.name:
            numbers[match[1], match[3] + each.suffix].append(match[2])
    found = []
    for (before, after), texts in numbers.items():
        width = min(map(len, texts))
        padded = any(text.startswith("0") for text in texts) or width == max(map(len, texts))
        place = f"%0{width}d" if padded and width > 1 else "%d"
        if len(texts) > 1 and all(place % int(text) == text for text in texts):
            found.append(folder / f"{before}{place}{after}")
    return found
