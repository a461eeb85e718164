"""Several videos, a folder of them, or those that a pattern finds, and the files to be made of them."""

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.errors import MediaError
from realtime.choices import OutputKind
from realtime.numbering import sequences_in
from realtime.outputs.formats import CODECS, CONTAINERS, able

# By their names; what FFmpeg makes of one shows when it is opened.
VIDEOS = {
    *(".3g2", ".3gp", ".asf", ".avi", ".dv", ".f4v", ".flv", ".gif", ".m2t", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov", ".mp4"),
    *(".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogv", ".qt", ".ts", ".vob", ".webm", ".wmv", ".y4m"),
}


NAMED = 3  # names that a message lists


@dataclass(frozen=True)
class VideoFiles:
    """What there is to do.

    Attributes:
        jobs: each video, and the file to write.
        left_out: number of files that are no videos by their names.
        closed: folders that there is no permission to look into.
    """

    jobs: list[tuple[Path, Path]]
    left_out: int = 0
    closed: Sequence[Path] = ()


def is_pattern(source: Path) -> bool:
    """Whether a name that the user gave stands for the files that it finds, such as clips/*.mp4."""
    return glob.has_magic(str(source)) and not source.exists()


def video_files(source: Path, target: Path, kind: OutputKind = "composite", codec: str | None = None) -> VideoFiles:
    """Pair each video of a folder, or of those that a pattern finds, with the file to write below the folder `target`.

    Folders below it are mirrored, and `**` in a pattern enters them. A file keeps its name, with another suffix if its own
    cannot hold what is to be shown; see `pairs` for those that would share a name. Hidden files do not count, nor does `target`
    if it is among them. Raises MediaError if there are no videos, two would become one file all the same, one would come to lie
    among the videos, or `target` is a file or the same folder.
    """
    pattern = is_pattern(source)
    root = fixed_part(source) if pattern else source
    if target.exists() and (not target.is_dir() or (root.exists() and target.samefile(root))):
        raise MediaError(f"{target}: is a file or the folder of the videos; name another folder to write to")
    found = inputs(root.glob(str(source.relative_to(root))) if pattern else root.rglob("*"), root, target)
    inside = [path for path in found if path.is_file()]
    videos = [path for path in inside if is_video(path)]
    if not videos:
        pictures = sequences_in(root) if root.is_dir() else []
        if pictures:
            raise MediaError(f"{source}: no video is there, but numbered pictures; name these, {pictures[0]}")
        raise MediaError(f"{source}: no video is there; name a folder of them, or a pattern such as 'clips/*.mp4'")
    jobs = pairs(videos, root, target, lambda path: suffix_for(path.suffix.lower(), kind, codec))
    return VideoFiles(jobs, len(inside) - len(videos), [path for path in found if is_closed(path)])


def named_videos(sources: Sequence[Path], target: Path, kind: OutputKind = "composite", codec: str | None = None) -> VideoFiles:
    """Pair several videos, named one by one, with the files to write, as `video_files` names them, in the folder `target`.

    Raises MediaError as `named_pairs` does.
    """
    return VideoFiles(named_pairs(sources, target, lambda path: suffix_for(path.suffix.lower(), kind, codec), "videos"))


def named_pairs(sources: Iterable[Path], target: Path, suffix: Callable[[Path], str], what: str) -> list[tuple[Path, Path]]:
    """Pair files named one by one with those to write in the folder `target`, of the same stem, with another suffix.

    See `told_apart` for those that would share a name. `what`: the files, in messages. Raises MediaError as it does, and if one
    is a folder, or `target` is a file.
    """
    if target.exists() and not target.is_dir():
        raise MediaError(f"{target}: is a file; for several {what}, name a folder to write to last")
    named = list(dict.fromkeys(sources))
    if folder := next((path for path in named if path.is_dir()), None):
        raise MediaError(f"{folder}: is a folder; name it alone, or {what} alone")
    return told_apart([(path, target / f"{path.stem}{suffix(path)}") for path in named])


def pairs(sources: Iterable[Path], root: Path, target: Path, suffix: Callable[[Path], str]) -> list[tuple[Path, Path]]:
    """Pair files below `root` with those to write at the same place below `target`, of the same stem, with another suffix.

    See `told_apart` for those that would share a name. Raises MediaError as it does, and if one would lie in `root`.
    """
    jobs = told_apart([(path, target / path.relative_to(root).with_suffix(suffix(path))) for path in sources])
    refuse_among_inputs({result: path for path, result in jobs}, root, target)
    return jobs


def told_apart(plain: Sequence[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    """Files and those to write. Files that would share one keep their whole names, each of them: a.jpg becomes a.jpg.png.

    So no later run takes one for another. Raises MediaError if two would become one file all the same.
    """
    shared = {result for result, count in Counter(result for _, result in plain).items() if count > 1}
    jobs: dict[Path, Path] = {}
    for path, result in plain:
        result = result.with_name(f"{path.name}{result.suffix}") if result in shared else result
        if result in jobs:
            raise MediaError(f"{path}: would become {result}, and so would {jobs[result].name}; rename one of them")
        jobs[result] = path
    return [(path, result) for result, path in jobs.items()]


def describe_whole_names(jobs: Iterable[tuple[Path, Path]]) -> str:
    """Which results keep a whole name, and why, in one line; empty if none does."""
    names = [result.name for path, result in jobs if result.name == f"{path.name}{result.suffix}"]
    listed = f"{', '.join(names[:NAMED])}{', ...' * (len(names) > NAMED)}"
    return f"share stems: {len(names)} files, whose results keep their whole names ({listed})" if names else ""


def is_video(path: Path) -> bool:
    """Whether a file is a video by its name, or, of WebP, which may be a photo, by what it holds."""
    if path.suffix.lower() != ".webp":
        return path.suffix.lower() in VIDEOS
    from realtime.inputs.pictures import is_animated_webp  # not before there is work

    return is_animated_webp(path)


def fixed_part(pattern: Path) -> Path:
    """The folder that a pattern searches: its parts before the first with a wildcard."""
    parts: list[str] = []
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            break
        parts.append(part)
    return Path(*parts)


def is_hidden(path: Path, root: Path) -> bool:
    """Whether a file below a folder, or a folder that it is in there, is hidden."""
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def inputs(found: Iterable[Path], root: Path, target: Path) -> list[Path]:
    """What was found below a folder, in order, but hidden files, and the folder `target` of the results if it is below, too."""
    results = place_in(target, root)
    return [
        path
        for path in sorted(found)
        if not is_hidden(path, root) and (results is None or not path.relative_to(root).is_relative_to(results))
    ]


def is_closed(path: Path) -> bool:
    """Whether a file is a folder that there is no permission to look into: searching below it finds nothing, without a word."""
    return path.is_dir() and not os.access(path, os.R_OK | os.X_OK)


def refuse_among_inputs(jobs: Mapping[Path, Path], root: Path, target: Path) -> None:
    """Raise MediaError if a result, of the file beside it, would lie in the folder that is read; that can be below `target`."""
    read = place_in(root, target)
    for result, path in jobs.items():
        if read is not None and result.relative_to(target).is_relative_to(read):
            raise MediaError(f"{path}: would become {result}, in the folder that is read; name another folder to write to")


def place_in(path: Path, folder: Path) -> Path | None:
    """Where a folder lies in another one, whatever links lead to the two; None if it does not."""
    path, folder = path.resolve(), folder.resolve()
    return path.relative_to(folder) if path.is_relative_to(folder) else None


def suffix_for(suffix: str, kind: OutputKind, codec: str | None) -> str:
    """The suffix of the file to write: that of the video if it can hold what is to be shown, else the first that can.

    Raises MediaError if only sequences of pictures can.
    """
    codecs = list(able(kind).values()) if codec is None else [CODECS[codec]]
    fitting = [each for one in codecs for each in one.suffixes if each in CONTAINERS]
    if not fitting:
        raise MediaError(f"{codec}: makes a sequence of pictures of one video; choose another codec for several")
    return suffix if suffix in fitting else fitting[0]
