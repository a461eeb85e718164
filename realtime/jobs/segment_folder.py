"""The folder beside a file to write, OUT.unfinished, in which its segments outlive an interruption.

A segment is a video of its own, of so many frames. Beside each is where it begins, and beside the last one what the filters
remembered at its end. These are written first: a segment that is there is complete.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.atomic import replacing, write_text
from engines.errors import MediaError, OtherSegments
from realtime.jobs.joining import Segment

RUN, END = "run.json", "end.json"  # what the segments are of; how many there will be
ENDS = 1 << 20  # bytes of a file at its beginning and end by which it is known again

Memories = list[dict[str, NDArray[Any]]]  # one of each filter


class SegmentFolder:
    """The segments of the file `target`, of files that end in `suffix`."""

    def __init__(self, target: Path, suffix: str) -> None:
        self.path = target.parent / f"{target.name}.unfinished"  # also of ".", which is no file, as is said elsewhere
        self._suffix = suffix

    @property
    def is_there(self) -> bool:
        """Whether there are segments; there are none where the name would be too long for a file."""
        try:
            return self.path.is_dir()
        except OSError:
            return False

    def file(self, number: int) -> Path:
        """Where a segment lies."""
        return self.path / f"{number:05d}{self._suffix}"

    def check(self, run: Mapping[str, Any], *, partly: bool = False) -> None:
        """Raise OtherSegments if the folder is there, and its segments are of another run. `partly`: of which not all is known.

        Raises MediaError if that cannot be found out.
        """
        try:
            before = json.loads((self.path / RUN).read_text(encoding="utf-8"))
            names = {*run} if partly else {*run, *before}
            other = sorted(name for name in names if run.get(name) != before.get(name))
        except FileNotFoundError:
            return
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise self._damaged(error) from error
        if other:
            raise OtherSegments(
                f"{self.path}: holds the segments of another run ({', '.join(other)} differ); "
                "repeat that run, or remove the folder"
            )

    def claim(self, run: Mapping[str, Any]) -> None:
        """Make the folder, or take the one that is there. Raises MediaError as `check` does, or if it cannot be written."""
        try:
            self.path.mkdir(exist_ok=True)
            self.check(run)
            write_text(self.path / RUN, json.dumps(run, indent=2))
        except OSError as error:
            raise self._damaged(error) from error

    def complete(self, first: int = 0, last: int | None = None) -> list[Segment]:
        """The segments that are there from number `first` on, up to the first that is not, or before number `last`."""
        found: list[Segment] = []
        while first + len(found) != last and (file := self.file(first + len(found))).exists():
            try:
                facts = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
                found.append(Segment(file, Fraction(facts["begin"]), int(facts["frames"])))
            except FileNotFoundError:  # another process has joined the segments and removes them
                break
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise self._damaged(error) from error
        return found

    def write_end(self, segments: int, end: Fraction | None) -> None:
        """Write down how many segments there will be, and the time at which the sound ends, if that is cut. Raises OSError."""
        facts = {"segments": segments, "end": None if end is None else str(end)}
        write_text(self.path / END, json.dumps(facts))

    def end(self) -> tuple[int, Fraction | None] | None:
        """What `write_end` wrote, if it did."""
        try:
            facts = json.loads((self.path / END).read_text(encoding="utf-8"))
            return int(facts["segments"]), None if facts["end"] is None else Fraction(facts["end"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._damaged(error) from error

    def describe(self, segment: Segment, memories: Memories) -> None:
        """Write what is beside a segment that is about to be complete. Raises OSError."""
        with replacing(segment.path.with_suffix(".npz")) as temporary:
            arrays = {f"{number}.{name}": each for number, memory in enumerate(memories) for name, each in memory.items()}
            np.savez_compressed(temporary, allow_pickle=False, **arrays)
        facts = {"begin": str(segment.begin), "frames": segment.frames}
        write_text(segment.path.with_suffix(".json"), json.dumps(facts))

    def memories(self, number: int, filters: int) -> Memories | None:
        """What so many filters remembered at the end of a segment; None if that is not there."""
        memories: Memories = [{} for _ in range(filters)]
        try:
            with np.load(self.file(number).with_suffix(".npz"), allow_pickle=False) as stored:
                for key in stored.files:
                    filter_number, _, name = key.partition(".")
                    memories[int(filter_number)][name] = stored[key]
        except FileNotFoundError:
            return None
        except Exception as error:  # NumPy's are of many types
            raise self._damaged(error) from error
        return memories

    def forget(self, segment: Segment) -> None:
        """Remove what the filters remembered at the end of a segment: another one is complete."""
        with suppress(OSError):
            segment.path.with_suffix(".npz").unlink()

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)

    def remove_unused(self) -> None:
        """Remove the folder, unless other processes have written to it, or are about to."""
        with suppress(OSError):
            if [each.name for each in self.path.iterdir()] == [RUN]:
                self.remove()

    def _damaged(self, error: Exception) -> MediaError:
        if isinstance(error, OSError) and error.strerror:  # what is done may be whole
            remedy = "give OUT a shorter name" if error.errno == errno.ENAMETOOLONG else "check its disk and permissions"
            return MediaError(f"{self.path}: cannot be used ({error.strerror}); {remedy}")
        return MediaError(f"{self.path}: cannot be used (damaged); remove the folder to start again")


def fingerprint(path: Path, *others: Path) -> dict[str, Any]:
    """What a file is known by: its size, when it was changed, and a digest of its two ends; of others the first two facts."""
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(ENDS))
        facts = os.fstat(file.fileno())
        file.seek(max(0, facts.st_size - ENDS))
        digest.update(file.read(ENDS))
    size, changed = facts.st_size, facts.st_mtime_ns
    for facts in map(os.stat, others):
        digest.update(f"{facts.st_size} {facts.st_mtime_ns} ".encode())
    return {"bytes": size, "changed": changed, "ends": digest.hexdigest()}
