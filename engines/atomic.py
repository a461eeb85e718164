"""Files that appear only when they are complete."""

import glob
import hashlib
import itertools
import os
import shutil
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engines.errors import FileAppeared

UNFINISHED = ".unfinished-"  # begins the name of a file that is being written
_ours: set[Path] = set()  # unfinished files and folders of this process


@contextmanager
def replacing(path: Path, *, overwrite: bool = True, keep: bool = False, alone: bool = False) -> Iterator[Path]:
    """Yield a hidden, empty file beside `path`, with its suffix; what is written there replaces `path` at the end.

    After an error nothing is left of it. A process that is killed leaves the old file or the new one, whole, and an unfinished
    file that is removed when `path` is written the next time. A symbolic link at `path` stays, and the file that it leads to is
    replaced.

    Without `overwrite` no file is replaced: one that appears meanwhile stays, and what was written is kept beside it. Raises
    FileAppeared for that, and at the start if another process is writing `path`; OSError for a loop of links.

    With `alone`, FileAppeared is raised for another process also where it may be replaced: for what both would do in one place.

    With `keep`, for a file that is of use before it is complete, the unfinished one is not hidden, and no later process removes
    what a killed one left: see `left_behind`.
    """
    target = _target(path).absolute()  # the program may go to another folder meanwhile
    with _unfinished(path, target, alone=alone or not overwrite, keep=keep) as temporary:
        yield temporary
        if overwrite:
            temporary.replace(target)
        else:
            _place(path, target, temporary)


def write_text(path: Path, text: str) -> None:
    """Replace a file by a text in UTF-8, as `replacing` does."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def left_behind(path: Path) -> list[Path]:
    """The unfinished files that killed processes left when they wrote `path` with `keep`."""
    target = _target(path)
    found = target.parent.glob(f"{glob.escape(target.stem + UNFINISHED)}*{glob.escape(target.suffix)}")
    return sorted(each for each in found if not _in_use(each))


@contextmanager
def filling(pattern: Path, *, replaced: Collection[str] = ()) -> Iterator[Path]:
    """Yield a hidden, empty folder for files of a name such as out/%05d.png. At the end they are moved to their folder, out.

    The folder is made if there is none. Files in it whose names are `replaced` give way to the new ones. After an error nothing
    is left of these. What a process leaves that is killed is removed when `pattern` is written the next time.

    Raises FileAppeared at the start if another process is writing `pattern`; at the end if a file of the same name has appeared
    meanwhile: it stays, and what was written is in a folder beside.
    """
    folder = pattern.parent.absolute()
    new = not folder.exists()
    name = f"{UNFINISHED}{hashlib.sha256(os.fsencode(Path(folder.name, pattern.name))).hexdigest()[:12]}-0"
    temporary = folder.with_name(name) if new else folder / name
    locked = _create_folder(temporary, pattern)
    _ours.add(temporary)
    try:
        yield temporary
        if new and not folder.exists():
            temporary.rename(folder)
            return
        written = sorted(temporary.iterdir())
        if any((folder / each.name).exists() for each in written if each.name not in replaced):
            place = next(each for n in itertools.count(2) if not (each := folder.with_name(f"{folder.name}-{n}")).exists())
            shutil.move(temporary, place)
            raise FileAppeared(f"{folder}: files appeared in it meanwhile, and stay as they are; the result is in {place}")
        for old in replaced:
            (folder / old).unlink(missing_ok=True)
        for each in written:
            each.rename(folder / each.name)
    finally:
        _ours.discard(temporary)
        shutil.rmtree(temporary, ignore_errors=True)
        if locked is not None:
            os.close(locked)


def _create_folder(temporary: Path, pattern: Path) -> int | None:
    """Create a folder in place of one that a killed process left, and lock it, where the system can."""
    if sys.platform == "win32":
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        return None
    with suppress(FileNotFoundError):
        left = os.open(temporary, os.O_RDONLY)
        try:
            lock(left)
        except BlockingIOError as error:
            raise _being_written(pattern, temporary) from error
        except OSError:  # a network share may have no locks
            pass
        finally:
            os.close(left)
        shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    locked = os.open(temporary, os.O_RDONLY)
    with suppress(OSError):
        lock(locked)
    return locked


def _being_written(path: Path, temporary: Path, otherwise: str = "") -> FileAppeared:
    """The error of a file that is being written: by another process, or, as where a cell of a notebook runs again, this one."""
    if temporary in _ours:
        return FileAppeared(f"{path}: this program is writing it already; close that first, or choose another name")
    return FileAppeared(f"{path}: another process is writing it; wait for it, or choose another name{otherwise}")


def _target(path: Path) -> Path:
    if path.is_symlink():
        with suppress(FileNotFoundError):
            path.stat()
        return path.resolve()
    return path


@contextmanager
def _unfinished(path: Path, target: Path, *, alone: bool, keep: bool) -> Iterator[Path]:
    """Create the file that becomes `target`. While it is in use it is locked; at the end it is removed unless it was moved."""
    name = f"{UNFINISHED}{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:12]}-"
    if keep:
        name = target.stem + UNFINISHED
    for number in itertools.count():
        temporary = target.with_name(f"{name}{number}{target.suffix}")
        if keep and temporary.exists() and not _in_use(temporary):
            continue
        with suppress(FileExistsError):
            file = _create(temporary)
            break
        if alone:
            raise _being_written(path, temporary, f"; if there is none, remove {temporary}")
    _ours.add(temporary)
    try:
        yield temporary
    finally:
        _ours.discard(temporary)
        _remove(temporary, file)
        if file is not None:
            os.close(file)


def _create(temporary: Path) -> int | None:
    """Create a file, in place of one that a killed process left, and lock it. Raises FileExistsError if one is in use."""
    _remove_left(temporary)
    file = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    if sys.platform == "win32":  # which removes no open file: the writer's own handle is the lock
        os.close(file)
        return None
    with suppress(OSError):  # a network share may have no locks
        lock(file)
    return file


def _in_use(temporary: Path) -> bool:
    if sys.platform == "win32":
        return False
    with suppress(OSError):
        file = os.open(temporary, os.O_RDWR)
        try:
            lock(file)
        finally:
            os.close(file)
        return False
    return True


def _remove_left(temporary: Path) -> None:
    with suppress(OSError):
        if sys.platform == "win32":
            temporary.unlink()
            return
        file = os.open(temporary, os.O_RDWR)
        try:
            lock(file)
            _remove(temporary, file)
        finally:
            os.close(file)


def _remove(temporary: Path, file: int | None) -> None:
    """Remove a file that is open, but not another that has got its name after it was moved into place."""
    with suppress(OSError):
        if file is None or os.fstat(file).st_ino == temporary.stat().st_ino:
            temporary.unlink()


def lock(file: int) -> None:
    """Lock an open file, or a folder, until it is closed; not on Windows. Raises BlockingIOError if another process has it."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _place(path: Path, target: Path, temporary: Path) -> None:
    """Move a file to `target`; if that exists, beside it, and raise FileAppeared."""
    for number in itertools.count(1):
        place = target if number == 1 else target.with_stem(f"{target.stem}-{number}")
        with suppress(FileExistsError):
            _move(temporary, place)
            break
    if place != target:
        raise FileAppeared(f"{path}: appeared meanwhile, and stays as it is; the result is {place}")


def _move(temporary: Path, place: Path) -> None:
    """Rename a file. Raises FileExistsError if the new name is taken."""
    if sys.platform == "win32":
        temporary.rename(place)
        return
    try:
        place.hardlink_to(temporary)
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError:  # a file system without hard links, such as exFAT, or with no room for one
        try:
            os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            raise
        except OSError:  # renaming needs no room
            if place.exists():
                raise
        temporary.replace(place)
    else:
        temporary.unlink()
