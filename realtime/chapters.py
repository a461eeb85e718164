"""Chapters of a video file."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from av.container import InputContainer, OutputContainer

TICK = Fraction(1, 1000)


class Chapter(NamedTuple):
    """A chapter; `begin` and `end` are times of frames, in seconds."""

    title: str
    begin: Fraction
    end: Fraction


def chapters_of(container: InputContainer, origin: Fraction, length: Fraction | None) -> tuple[Chapter, ...]:
    """The chapters of a file whose frames begin at `origin`, by the file's own times, and last for `length`, if that is known.

    Those of which nothing is within it are left out.
    """
    found = []
    for chapter in container.chapters():
        unit = chapter["time_base"] or TICK
        begin, end = (max(Fraction(0), chapter[which] * unit - origin) for which in ("start", "end"))
        if length is not None:
            end = min(end, length)
        if begin < end:
            found.append(Chapter(chapter["metadata"].get("title", ""), begin, end))
    return tuple(found)


def add_chapters(container: OutputContainer, chapters: Sequence[Chapter]) -> None:
    """Give chapters to a file whose writing has not started."""
    container.set_chapters(
        [
            {
                "id": number,
                "start": round(chapter.begin / TICK),
                "end": round(chapter.end / TICK),
                "time_base": TICK,
                "metadata": {"title": chapter.title} if chapter.title else {},
            }
            for number, chapter in enumerate(chapters, 1)
        ]
    )
