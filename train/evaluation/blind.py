"""Blind comparison: pairs of mattes of unlabelled origin to vote on, and the count of the votes.

Pictures from the wild have no ground truth, so they are compared by eye; and an eye that knows the origin is biased.
"""

import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engines import Engine, Frame, Mask
from engines.atomic import write_text
from engines.errors import DataError
from engines.photos import finest_matte
from train.data.library import pictures
from train.evaluation.peers import Peer
from train.evaluation.pictures import grey, on_green, panel, write_picture
from train.evaluation.scores import SUFFIXES, Prediction, read_frame

KEY = "key.json"  # the side that was ours, by the pair's number; not to be opened before the votes are in
VOTES = "votes.txt"
CHOICES = ("left", "right", "same")
PAIRS_A_SHEET = 3
GAP = 6  # pixels, below each


def pair(number: int, frame: Frame, left: Mask, right: Mask) -> Frame:
    """One row of a sheet: the picture, the person on green by each matte, and each alpha."""
    panels = [panel(f"{number}", frame)]
    for side, alpha in (("left", left), ("right", right)):
        panels.append(panel(side, on_green(frame, Prediction(alpha, math.nan))))
    panels += [panel(side, grey(alpha)) for side, alpha in (("left", left), ("right", right))]
    return np.hstack(panels)


def sheet(rows: list[Frame]) -> Frame:
    """Rows below each other, padded with white to the widest."""
    width = max(row.shape[1] for row in rows)
    padded = (cv2.copyMakeBorder(r, 0, GAP, 0, width - r.shape[1], cv2.BORDER_CONSTANT, value=(255, 255, 255)) for r in rows)
    return np.vstack([*padded]).astype(np.uint8)


@dataclass(frozen=True)
class Votes:
    """The counted votes of a blind comparison: pairs in which ours was better, the same and worse."""

    peer: str
    better: list[str]
    same: list[str]
    worse: list[str]
    pictures: dict[str, str]  # by the pair's number

    def __str__(self) -> str:
        from scipy.stats import binomtest  # takes a second to import

        total = len(self.better) + len(self.same) + len(self.worse)
        good = len(self.better) + len(self.same)
        low, high = binomtest(good, total).proportion_ci(method="wilson")  # 95 % by default
        names = [f"{number} ({self.pictures[number]})" for number in self.worse]
        return (
            f"ours against {self.peer}: better {len(self.better)}, same {len(self.same)}, worse {len(self.worse)}, of {total}\n"
            f"at least as good: {good / total:.0%} (95 %: {low:.0%} to {high:.0%})\n"
            f"worse: {', '.join(names) or 'none'}"
        )


def choose_pictures(paths: Sequence[Path], count: int, rng: random.Random) -> list[Path]:
    """Draw pictures from files and folders of pictures. Raises DataError if one does not exist or holds none."""
    found = sorted({file for path in paths for file in _files(path)})
    return rng.sample(found, min(count, len(found)))


def draw_pairs(
    chosen: Sequence[Path],
    out: Path,
    engine: Engine,
    peer: Peer,
    rng: random.Random,
    advance: Callable[[], None],
) -> None:
    """Write sheets of pairs, ours and the peer's at random sides, the key, and an empty ballot into a new folder.

    Ours is as shm-image makes it. `advance` is called after each pair. Raises DataError if a picture cannot be read.
    """
    out.mkdir(parents=True)
    key: dict[str, str] = {}
    rows: list[Frame] = []
    for number, path in enumerate(chosen, 1):
        frame = read_frame(path)
        both = [finest_matte(frame, engine).alpha, peer(frame)]
        ours = rng.choice(CHOICES[:2])
        key[str(number)] = ours
        rows.append(pair(number, frame, *(both if ours == "left" else both[::-1])))
        if len(rows) == PAIRS_A_SHEET or number == len(chosen):
            write_picture(out / f"sheet-{math.ceil(number / PAIRS_A_SHEET):02d}.jpg", sheet(rows))
            rows.clear()
        advance()
    pictures = {str(number): path.name for number, path in enumerate(chosen, 1)}
    text = json.dumps({"ours": key, "peer": peer.name, "pictures": pictures}, indent=2)
    for name, content in ((VOTES, "".join(f"{number} \n" for number in key)), (KEY, text + "\n")):
        write_text(out / name, content)


def count_votes(folder: Path) -> Votes:
    """Count the votes in a folder of `draw_pairs`. Raises DataError if one is missing or not a vote."""
    try:
        key = json.loads((folder / KEY).read_text(encoding="utf-8"))
        lines = (folder / VOTES).read_text(encoding="utf-8").splitlines()
        ours, peer, pictures = dict(key["ours"]), str(key["peer"]), dict(key["pictures"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{folder}: has no {KEY} and {VOTES} of a blind comparison; name the folder of its pictures") from error
    votes = {parts[0]: parts[1].strip() for line in lines if len(parts := line.split(maxsplit=1)) > 1}
    for number, vote in votes.items():
        if number not in ours or vote not in CHOICES:
            raise DataError(f"{folder / VOTES}: '{number} {vote}' is not a vote; write left, right or same")
    if missing := [number for number in ours if number not in votes]:
        raise DataError(f"{folder / VOTES}: no vote for {', '.join(missing)}; write left, right or same for each")
    better = [n for n, vote in votes.items() if vote == ours[n]]
    same = [n for n, vote in votes.items() if vote == "same"]
    worse = [n for n in votes if n not in better and n not in same]
    return Votes(peer, better, same, worse, pictures)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = pictures(path, SUFFIXES)
        if not files:
            raise DataError(f"{path}: has no pictures; name a folder that has")
        return files
    if not path.is_file():
        raise DataError(f"{path}: no such file or folder; check the name")
    return [path]
