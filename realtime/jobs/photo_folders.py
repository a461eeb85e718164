"""A folder of photos, or several photos, and the files to be made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.errors import MediaError
from realtime.choices import MAX_PIXELS
from realtime.inputs.photos import READABLE, Photo, read_photo
from realtime.inputs.pictures import check_smallest
from realtime.jobs.video_folders import NAMED, inputs, is_closed, named_pairs, pairs


def read_photo_for_matting(path: Path, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a photo. Raises MediaError if it cannot be read, or is smaller than the networks take."""
    photo = read_photo(path, max_pixels=max_pixels)
    check_smallest(path, *photo.frame.shape[:2])
    return photo


@dataclass(frozen=True)
class PhotoJobs:
    """What there is to do in a folder.

    Attributes:
        jobs: each photo, and the file to write.
        left_out: what is in the folder and no photo: folders that were not entered, and other files.
    """

    jobs: list[tuple[Path, Path]]
    left_out: list[Path]

    def describe_left_out(self) -> str:
        """What was left out, and why, in one line; empty if nothing was."""
        folders = [path.name for path in self.left_out if path.is_dir()]
        others = [path.name for path in self.left_out if not path.is_dir()]
        parts = [
            f"{len(names)} {kind} ({', '.join(names[:NAMED])}{', ...' * (len(names) > NAMED)})"
            for names, kind in (
                (folders, "folders or links to them, which are not entered"),
                (others, "files that are no photos by their names"),
            )
            if names
        ]
        return f"left out: {' and '.join(parts)}" if parts else ""


def photo_jobs(source: Path, target: Path, suffix: str, *, tree: bool = False) -> PhotoJobs:
    """Pair each photo in a folder with the file to write: of the same stem, in the folder `target`.

    With `tree`, folders below it are entered, and mirrored; links to folders are not followed. Hidden files and folders do not
    count, nor does `target` if it is among them. See `pairs` for photos that would share a name. Raises MediaError if there
    are no photos, two would become one file all the same, one would come to lie among the photos, or `target` is a file or the
    same folder.
    """
    if target.exists() and (not target.is_dir() or target.samefile(source)):
        raise MediaError(f"{target}: is a file or the folder of the photos; name another folder to write to")
    found = inputs(source.rglob("*") if tree else source.iterdir(), source, target)
    photos = [path for path in found if path.suffix.lower() in READABLE and not path.is_dir()]
    taken = {*photos}
    entered = {path for path in found if tree and path.is_dir() and not path.is_symlink() and not is_closed(path)}
    left_out = [path for path in found if path not in taken | entered]
    if not photos:
        raise MediaError(f"{source}: has no photo in it; name a folder of {', '.join(sorted(READABLE))} files")
    return PhotoJobs(pairs(photos, source, target, lambda _: suffix), left_out)


def named_photos(photos: Sequence[Path], target: Path, suffix: str) -> PhotoJobs:
    """Pair several photos, named one by one, with the files to write. Raises MediaError as `named_pairs` does."""
    return PhotoJobs(named_pairs(photos, target, lambda _: suffix, "photos"), [])


def make_folder(path: Path, *, parents: bool = False) -> None:
    """Make a folder unless it exists, and with `parents` those that it is in. Raises MediaError if that fails."""
    try:
        path.mkdir(exist_ok=True, parents=parents)
    except FileNotFoundError as error:
        raise MediaError(f"{path}: there is no folder {path.parent}; make it first") from error
    except OSError as error:
        raise MediaError(f"{path}: cannot be made ({error.strerror}); name another folder to write to") from error
