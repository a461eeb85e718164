"""A folder of photos, and the files to be made of them."""

from pathlib import Path

from engines.errors import MediaError
from engines.geometry import SMALLEST
from realtime.choices import MAX_PIXELS
from realtime.inputs.photos import READABLE, Photo, read_photo


def read_photo_for_matting(path: Path, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a photo. Raises MediaError if it cannot be read, or is smaller than the networks take."""
    photo = read_photo(path, max_pixels=max_pixels)
    height, width = photo.frame.shape[:2]
    if min(height, width) < SMALLEST:
        raise MediaError(f"{path}: {width}x{height} is too small; each side needs at least {SMALLEST} pixels")
    return photo


def photo_jobs(source: Path, target: Path, suffix: str) -> list[tuple[Path, Path]]:
    """Pair each photo in a folder with the file to write: of the same stem, in the folder `target`.

    Raises MediaError if there are no photos, two would become one file, or `target` is a file or the same folder.
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
    """Make a folder unless it exists. Raises MediaError if that fails."""
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise MediaError(f"{path}: cannot be made ({error.strerror}); make that folder first") from error
