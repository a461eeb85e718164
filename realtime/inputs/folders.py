"""A folder of photos, one after the other."""

from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from engines.errors import MattingError, MediaError
from engines.geometry import SMALLEST
from realtime.inputs.photos import READABLE, Photo, read_photo

console = Console(stderr=True, highlight=False, soft_wrap=True)


def open_photo(path: Path) -> Photo:
    """Reads a photo that is large enough. Raises MediaError for one that is not, or cannot be read."""
    photo = read_photo(path)
    height, width = photo.frame.shape[:2]
    if min(height, width) < SMALLEST:
        raise MediaError(f"{path}: {width}x{height} is too small; at least {SMALLEST} px each way are needed")
    return photo


def folder_jobs(source: Path, target: Path, suffix: str) -> list[tuple[Path, Path]]:
    """The photos of a folder, each with the picture to write: of the same stem, in the folder `target`.

    Raises MediaError where there are no photos, two would become one, or `target` is a file or the same folder.
    """
    photos = sorted(path for path in source.iterdir() if path.suffix.lower() in READABLE and not path.name.startswith("."))
    if not photos:
        raise MediaError(f"{source}: has no photo in it; name a folder of {', '.join(sorted(READABLE))} files")
    if target.exists() and (not target.is_dir() or target.samefile(source)):
        raise MediaError(f"{target}: is a file or the folder of the photos; name another folder to write to")
    jobs: dict[Path, Path] = {}
    for photo in photos:
        picture = target / f"{photo.stem}{suffix}"
        if picture in jobs:
            raise MediaError(f"{photo}: would become {picture}, and so would {jobs[picture].name}; rename one of them")
        jobs[picture] = photo
    return [(photo, picture) for picture, photo in jobs.items()]


def make_folder(path: Path) -> None:
    """Makes a folder where there is none. Raises MediaError where it cannot be made."""
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise MediaError(f"{path}: cannot be made ({error.strerror}); make that folder first") from error


def do_each(jobs: list[tuple[Path, Path]], work: Callable[[Path, Path], object], description: str) -> int:
    """Does `work(photo, target)` for each, with a bar; a bad one is told and the rest goes on. Returns how many were bad."""
    bad = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        for photo, target in progress.track(jobs, description=description):
            try:
                work(photo, target)
            except MattingError as error:
                bad += 1
                console.print(f"error: {error}", markup=False)
    return bad
