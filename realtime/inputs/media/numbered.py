"""Numbered pictures as a video: frames/%05d.png."""

import os
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from engines.arguments import check_above_zero
from engines.errors import MediaError, TooManyPixels
from realtime.choices import MAX_PIXELS
from realtime.inputs.containers import decoder_limit
from realtime.inputs.formats import shortfall
from realtime.inputs.media.files import Media
from realtime.inputs.pictures import open_picture
from realtime.numbering import KINDS, check_name, pictures_of, sequences_in

RATE = Fraction(25)  # pictures a second, as FFmpeg takes it, too
MOST_RATE = Fraction(1000)
LAST = 2**31 - 1  # the largest number that FFmpeg counts to


class NumberedPictures(Media):
    """A picture for each frame, numbered one after the other from any number on, shown at an even rate.

        with VideoSource(NumberedPictures("frames/%05d.png", rate=Fraction(24))) as source:

    Attributes:
        rate: pictures a second.

    Args:
        path: the name of all pictures, with a place for the number; a kind of picture in `KINDS`.
        rate: pictures a second.

    Raises:
        MediaError: if there are no such pictures, one is missing between others, or something there is no plain file.
        ValueError: for a rate out of range.
    """

    def __init__(self, path: str | os.PathLike[str], *, rate: Fraction = RATE) -> None:
        super().__init__(path)
        check_above_zero("rate", rate, "25")
        if rate > MOST_RATE:
            raise ValueError(f"a rate of {float(rate):g} pictures a second is out of range; give one up to {MOST_RATE}")
        self.rate = rate
        parts = check_name(self.path)
        if self.path.suffix.lower() not in KINDS:
            kinds = ", ".join(KINDS)
            what = f"a sequence of {self.path.suffix or 'such'} files is not read"
            raise MediaError(f"{self.path}: no such file, and {what}; check the name, or take {kinds}")
        self._files = self._find(parts)

    def _find(self, parts: "re.Match[str]") -> list[Path]:
        path = self.path
        try:
            found = pictures_of(path, parts)
        except OSError as error:
            raise MediaError(f"{path}: its folder cannot be read ({error.strerror}); check its permissions") from error
        if not found:
            other = next(iter(sequences_in(path.parent)), None) if path.parent.is_dir() else None
            remedy = "check the name" if other is None else f"there is {other}"
            raise MediaError(f"{path}: there are no such pictures; {remedy}")
        self._first, last = number_of(found[0], parts), number_of(found[-1], parts)
        if last > LAST:
            raise MediaError(f"{found[-1]}: its number is over {LAST}; number the pictures anew")
        missing = last - self._first + 1 - len(found)
        if missing:
            numbers = enumerate((number_of(each, parts) for each in found), self._first)
            gap = path.name % next(due for due, number in numbers if number != due)
            more = f", and {missing - 1} more up to {found[-1].name}" if missing > 1 else ""
            raise MediaError(f"{path}: {gap} is missing{more}; add it, or number the pictures without a gap")
        for each in found:
            if not each.is_file():
                raise MediaError(f"{each}: is no plain file; remove it from the sequence")
            if not each.stat().st_size:  # where FFmpeg would end, without a word
                raise MediaError(f"{each}: is empty; write it again")
        return found

    @property
    def files(self) -> Sequence[Path]:
        """The pictures, in their order."""
        return self._files

    def open(self, *, max_pixels: int | None = MAX_PIXELS) -> InputContainer:
        """Open them anew. Raises MediaError if FFmpeg cannot."""
        path = self.path.absolute()  # so that FFmpeg does not mistake part of a name for a protocol
        pattern = Path(str(path.parent).replace("%", "%%"), path.name)
        options = {
            "framerate": str(self.rate),
            "start_number": str(self._first),
            "pattern_type": "sequence",
            "format_whitelist": "image2",
            "protocol_whitelist": "file",
            **decoder_limit(max_pixels),
        }
        try:
            return av.open(str(pattern), format="image2", options=options)
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"{self._files[0]}: cannot be read ({error.strerror}); check the file") from error

    def video(self, container: InputContainer) -> VideoStream:
        """The stream of pictures."""
        return container.streams.video[0]

    def shortfall(self, last: Fraction) -> str | None:
        """A line that says so if the last pictures are damaged, or have been emptied meanwhile."""
        end, length = last + 1 / self.rate, len(self._files) / self.rate
        return shortfall(str(self.path), end, length) if end < length else None

    def _check_unknown_size(self, max_pixels: int) -> None:
        """Raise MediaError, or TooManyPixels where Pillow knows the size: FFmpeg has decoded none of the first pictures."""
        first = self._files[0]
        try:
            with open_picture(first, max_pixels=max_pixels):
                pass
        except TooManyPixels:
            raise
        except Exception:  # Pillow has no error of its own, and does not know all kinds
            limit = f"of more than {max_pixels // 1_000_000} megapixels"
            raise MediaError(f"{first}: is damaged, no picture of its kind, or {limit}; check the file") from None


def number_of(file: Path, parts: "re.Match[str]") -> int:
    """The number in the name of a file of a sequence, of whose own name these are the parts."""
    return int(file.name[len(parts[1]) : len(file.name) - len(parts[2])])
