"""What the commands check before any work, and how they report it."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from engines.commands.running import UsageError
from engines.errors import MattingError, MediaError, TooManyPixels
from realtime.addresses import address_shown
from realtime.choices import Fit
from realtime.jobs.video_folders import VIDEOS, describe_whole_names
from realtime.numbering import NAME, pictures_of


def notify(line: str) -> None:
    """Print a line to standard error, from any thread. If its terminal or its reader has gone, the work goes on without."""
    with suppress(OSError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def tell_whole_names(jobs: Iterable[tuple[Path, Path]]) -> None:
    """Say which results keep a whole name, as others share their stems."""
    if line := describe_whole_names(jobs):
        notify(line)


def interlaced(path: str | Path) -> str:
    """The line about a video whose frames consist of two fields."""
    return f"{path}: is interlaced; each pair of fields becomes one picture"


@contextmanager
def blaming(option: str, *values: str) -> Iterator[None]:
    """Turn an error about the value of an option, or one of its values, into a UsageError that names the option."""
    try:
        yield
    except (MediaError, ValueError) as error:
        joint = " " if str(error).startswith(tuple(f"{value}:" for value in values)) else ": "
        raise UsageError(f"{option}{joint}{in_options(error)}") from error


@contextmanager
def naming_options() -> Iterator[None]:
    """Turn an error that an option would have averted into a UsageError that names the option."""
    try:
        yield
    except TooManyPixels as error:
        raise UsageError(in_options(error)) from error


def in_options(error: MattingError | ValueError) -> str:
    """The message of an error, with the option that averts it."""
    return f"{error} with --max-megapixels {error.megapixels}" if isinstance(error, TooManyPixels) else str(error)


def refuse_without_background(*, fit: Fit, light_wrap: float = 0) -> None:
    """Raise UsageError for an option of the background, where there is none. Their defaults pass."""
    for option in [name for name, given in (("--fit", fit != "cover"), ("--light-wrap", light_wrap)) if given]:
        raise UsageError(f"{option} is for --bg; leave it out, or add --bg")


def refuse_address(path: Path) -> None:
    """Raise UsageError if a file to read is the address of one on a server, or of a stream."""
    if (address := address_shown(str(path))) is not None and not path.exists():
        raise UsageError(f"{address}: is an address; save what is there as a file, and name that; shm-live reads streams")


def refuse_file_as_folder(target: Path, what: str, *, bg: bool = True) -> None:
    """Raise UsageError if the folder for several files would be new, and have the name of a picture, a video or an address.

    As where --bg was forgotten before a background. `what`: the files. `bg`: whether the command has that option.
    """
    from realtime.inputs.photos import READABLE  # not before there is work

    if target.exists():
        return
    if (address := address_shown(str(target))) is not None:
        raise UsageError(f"{address}: is an address, and only files are written; name a folder")
    if target.suffix.lower() in READABLE | VIDEOS:
        remedy = "make that folder first, name another" + (", or write --bg before a background" if bg else "")
        raise UsageError(f"{target}: is named like a file, and several {what} need a folder; {remedy}")


def refuse_inputs(target: Path, inputs: Mapping[str, Path]) -> None:
    """Raise UsageError if writing `target` would replace a file that is read, through links too. Keys name its role."""
    for role, path in inputs.items():
        try:
            same = target.samefile(path)
        except OSError:  # one of the two is missing, which is reported where it is opened
            continue
        if same:
            raise UsageError(f"{target}: is the same file as {role} {path}; name another file to write")


def refuse_pictures(target: Path, source: Path) -> None:
    """Raise UsageError if writing a sequence of pictures would replace one that is read. Both are names with a place."""
    try:
        same_folder = target.parent.samefile(source.parent)
    except OSError:  # one of the two is missing
        return
    names = [
        {each.name for each in pictures_of(path, parts, however_written=True)}
        for path in (target, source)
        if (parts := NAME.fullmatch(path.name))
    ]
    if same_folder and set.intersection(*names):
        raise UsageError(f"{target}: has pictures of IN; write to another folder")


def refuse_existing_pictures(target: Path, *, overwrite: bool) -> None:
    """Raise UsageError if a picture of a sequence exists and must not be replaced. `target` is a name with a place."""
    parts = NAME.fullmatch(target.name)
    if parts is not None and not overwrite and (there := pictures_of(target, parts)):
        raise UsageError(f"{there[0]}: exists already; use --overwrite to replace all of {target}")


def refuse_existing(target: Path, *, overwrite: bool) -> None:
    """Raise UsageError if a file exists and must not be replaced."""
    if target.is_file() and not overwrite:
        raise UsageError(f"{target}: exists already; use --overwrite to replace it")
