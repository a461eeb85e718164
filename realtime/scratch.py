"""Folders for temporary files, which are not left for ever where the process is killed."""

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp

from engines.atomic import lock
from engines.errors import MediaError
from realtime.closing import Closing

PREFIX = "shm-run-"  # begins their names


class Scratch(Closing):
    """A folder in the system's folder for temporary files, locked by this process for as long as it is in use.

    A process that is killed leaves it, without its lock, and `remove_left` finds it.
    """

    def __init__(self) -> None:
        self._path: Path | None = None
        self._held: int | None = None  # the open folder, which holds the lock
        self._making = threading.Lock()

    def path(self) -> Path:
        """The folder, from any thread. It is made when it is first asked for, and anew where the system has tidied it up."""
        with self._making:
            while self._path is None or not self._is_there(self._path):
                self._release()
                self._make()
            return self._path

    def close(self) -> None:
        """Remove the folder with what is in it."""
        with self._making:
            if self._path is not None and self._is_there(self._path):
                shutil.rmtree(self._path, ignore_errors=True)
            self._release()

    def _make(self) -> None:
        path = Path(mkdtemp(prefix=PREFIX))
        with suppress(FileNotFoundError, BlockingIOError):  # by a process that just starts, and took it for left
            self._held = _open_locked(path)
            self._path = path

    def _is_there(self, path: Path) -> bool:
        if self._held is None:
            return path.is_dir()
        with suppress(OSError):
            return os.path.samestat(os.fstat(self._held), path.lstat())
        return False

    def _release(self) -> None:
        if self._held is not None:
            os.close(self._held)
        self._path = self._held = None


@contextmanager
def temporary_errors() -> Iterator[None]:
    """Turn an error of the system in the block, which writes temporary files, into a MediaError that names their folder."""
    try:
        yield
    except OSError as error:
        try:
            folder = gettempdir()
        except OSError:  # it looks for one that can be written
            raise MediaError("there is no folder for temporary files that can be written; name one in TMPDIR") from error
        reason = f"{folder}: temporary files cannot be written there ({error.strerror})"
        raise MediaError(f"{reason}; make room, or name another folder in TMPDIR") from error


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for temporary files, which is there as long as the block lasts."""
    with Scratch() as scratch:
        yield scratch.path()


def remove_left() -> None:
    """Remove the folders that processes of this user have left that run no more. Links are not followed.

    Windows, and file systems without locks, do not tell whether a folder is still in use; there all stay.
    """
    if sys.platform == "win32":
        return
    for path in list(Path(gettempdir()).glob(f"{PREFIX}*")):
        with suppress(OSError):  # a link, no folder, locked, or gone meanwhile
            folder = _open_folder(path)
            try:
                if os.fstat(folder).st_uid == os.geteuid():
                    lock(folder)
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(folder)


def _open_locked(path: Path) -> int | None:
    """Open a folder and lock it, where there are locks. Raises BlockingIOError if another process has locked it."""
    if sys.platform == "win32":
        return None
    folder = _open_folder(path)
    try:
        lock(folder)
    except BlockingIOError:
        os.close(folder)
        raise
    except OSError:
        pass
    return folder


def _open_folder(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
