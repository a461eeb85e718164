"""Work that is spread over processes which know nothing of one another but their number."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engines.errors import MediaError

Item = TypeVar("Item")

SLURM = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_COUNT")
SLURM_LAST = "SLURM_ARRAY_TASK_MAX"
AWS_BATCH = ("AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE")
KUBERNETES = "JOB_COMPLETION_INDEX"


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` parts of the work: number `index`, from 1."""

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise ValueError(f"shard {self.index} of {self.count} does not exist; they are numbered from 1 to {self.count}")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def of(self, items: Sequence[Item]) -> Sequence[Item]:
        """Those of the items, in the same order for all shards, that belong to this one."""
        return items[self.index - 1 :: self.count]


def parse_shard(text: str, environment: Mapping[str, str]) -> Shard:
    """The shard that a text names: "3/16", or by the variables of a Slurm array or an AWS Batch array job, "auto".

    A Kubernetes job does not tell how many there are: "auto/16". Raises ValueError for another text, or missing variables.
    """
    match = re.fullmatch(r"(auto|\d{1,6})(?:/(\d{1,6}))?", text)
    if match is None or (match[1] != "auto" and match[2] is None):
        raise ValueError(f"{text}: is not a shard; give its number and how many there are, such as 3/16, or auto")
    count = None if match[2] is None else int(match[2])
    if match[1] != "auto":
        return Shard(int(match[1]), count or 0)
    index, found = array_task(environment)
    if index is None:
        names = f"{SLURM[0]}, {AWS_BATCH[0]} or {KUBERNETES}"
        raise ValueError(f"{text}: none of the variables {names} is set; give the number, such as 3/16")
    if count is None and found is None:
        raise ValueError(f"{text}: {KUBERNETES} does not say how many shards there are; give their number, such as auto/16")
    return Shard(index, count or found or 0)


def array_task(environment: Mapping[str, str]) -> tuple[int | None, int | None]:
    """The number of this task, from 1, and how many there are, as far as the variables of a scheduler say so.

    Raises ValueError if they make no sense, or the tasks of a Slurm array are not numbered one after the other.
    """
    values = {name: environment[name] for name in (*SLURM, SLURM_LAST, *AWS_BATCH, KUBERNETES) if name in environment}
    for name, value in values.items():
        if not value.isdecimal():
            raise ValueError(f"{name} is {value!r}, not a number; unset it, or give a shard such as 3/16")
    number = {name: int(value) for name, value in values.items()}
    if all(name in number for name in SLURM):
        task, first, count = (number[name] for name in SLURM)
        if number.get(SLURM_LAST, first + count - 1) != first + count - 1:
            raise ValueError("the tasks of this Slurm array leave numbers out; take an array such as 1-16")
        return task - first + 1, count
    if AWS_BATCH[0] in number:
        return number[AWS_BATCH[0]] + 1, number.get(AWS_BATCH[1])
    return (number[KUBERNETES] + 1 if KUBERNETES in number else None), None


def known_length(path: Path, frames: int | None) -> int:
    """The number of frames of a video that is to be cut into shards. Raises MediaError if it is not known, None."""
    if frames is None:
        raise MediaError(
            f"{path}: does not say how many frames it has, so no shards can be made of it; convert it to MP4 first"
        )
    return frames


def stamp(path: Path) -> int | None:
    """When a file was changed, in ns; None if it is not there."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
