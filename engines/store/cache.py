"""Engines on disk: built once, verified each time they are read, whole or absent.

A file (`engines.store.entries`) is replaced atomically under a lock, so that a killed build or a full disk leaves the cache as
it was.
"""

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic

from filelock import FileLock, Timeout

from engines.atomic import UNFINISHED, replacing
from engines.errors import EngineError, MattingError
from engines.store.entries import DIGEST, SUFFIX, Damaged, Engines, Entry, Key, key_of, pack, unpack
from engines.store.private import FOLDER_VARIABLE, check_private, insecurity, make_private

log = logging.getLogger("engines")

CODE = "code"  # a folder of a backend, in which a compiler keeps files of its own
PATIENCE = 5.0  # seconds that another process may build before this one says that it waits: on a CPU it takes less
LOCK = ".lock"  # never removed: a process that waits for a removed lock would not see the next one
LONGEST_HEAD = 10_000  # bytes of the line of JSON

Check = Callable[[Engines], object]  # raises EngineError where engines are off, Outdated where they cannot be loaded


class Outdated(Exception):
    """Cached engines that the installed compiler does not load. They are removed and built anew."""


UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, Damaged)  # of any bytes


def user_folder() -> Path:
    """The user's cache folder of this project."""
    try:
        from platformdirs import user_cache_path
    except ModuleNotFoundError:  # a GPU machine may lack it, and the backend torch does without
        return Path.home() / ".cache/semantic-human-matting"
    return user_cache_path("semantic-human-matting")


def last_use(path: Path) -> float:
    """When a file of engines was written or read, in seconds since 1970; 0 if another process has removed it meanwhile."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


class Cache:
    """The engines in a folder: the user's cache folder, or the one that the variable SHM_CACHE names; it may begin with ~.

    Raises EngineError if the folder, or one in it that is used, belongs to another user, or others may write to it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        chosen = os.environ.get(FOLDER_VARIABLE)
        self.folder = folder or (Path(chosen).expanduser().absolute() if chosen else user_folder() / "engines")
        check_private(self.folder)

    def path(self, key: Key) -> Path:
        """The file of a key."""
        return self.folder / key.backend / key.file

    def code_folder(self, backend: str) -> Path:
        """The folder for the files of a backend's own compiler, which verifies them itself."""
        return self.folder / backend / CODE

    def read(self, key: Key) -> Engines | None:
        """The engines of a key, or None if they are absent, or damaged, which is logged."""
        path = self.path(key)
        check_private(path.parent)
        try:
            with path.open("rb") as file:
                if reason := insecurity(os.fstat(file.fileno())):
                    raise Damaged(reason)
                found, engines = unpack(file.read())
        except (FileNotFoundError, NotADirectoryError):  # in a cache that is a file nothing is damaged
            return None
        except UNREADABLE as error:
            log.warning("%s: is damaged (%s); it is built again", path, error)
            return None
        if found != key:
            log.warning("%s: is of another key; it is built again", path)
            return None
        with suppress(OSError):  # a cache that belongs to another user is read-only
            os.utime(path)  # `store` drops the least recently used
        return engines

    def store(self, key: Key, engines: Engines, keep: int | None = None) -> None:
        """Write engines. With `keep`, drop all but so many of the backend, the least recently used first.

        To be called under `locked`. Raises EngineError, and leaves the cache as it was, if the disk does not take them.
        """
        path = self.path(key)
        try:
            for left in path.parent.glob(f"{UNFINISHED}*"):  # by a process that was killed: the lock is ours
                left.unlink()
            with replacing(path) as temporary, temporary.open("wb") as file:
                temporary.chmod(0o600)
                file.writelines(pack(key, engines))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            remedy = f"free some space, or name another folder in the variable {FOLDER_VARIABLE}"
            raise EngineError(f"{path}: cannot be written ({error.strerror}); {remedy}") from error
        if keep is not None:
            for oldest in sorted(path.parent.glob(f"[!.]*{SUFFIX}"), key=last_use)[:-keep]:
                with suppress(OSError):
                    oldest.unlink()

    @contextmanager
    def locked(self, backend: str) -> Iterator[None]:
        """Keep other processes from building or storing engines of a backend. Raises EngineError if the folder is read-only."""
        folder = self.folder / backend
        try:
            make_private(folder)
            lock = FileLock(folder / LOCK)
            try:
                lock.acquire(timeout=PATIENCE)
            except Timeout:
                log.warning("another process builds engines for %s; waiting for it", backend)
                lock.acquire()
        except OSError as error:
            remedy = f"name another folder in the variable {FOLDER_VARIABLE}"
            raise EngineError(f"{folder}: cannot be written ({error.strerror}); {remedy}") from error
        try:
            yield
        finally:
            lock.release()

    def obtain(
        self,
        key: Key,
        build: Callable[[], Engines],
        *,
        check: Check | None = None,
        must_keep: bool = False,
        keep: int | None = None,
    ) -> Engines:
        """The engines of a key, from the cache or else from `build`, which one process at a time calls.

        `check` gets either. If it raises EngineError they are not kept, nor left in the cache; if it raises Outdated they are
        built anew. If the cache cannot be written, that is logged and what was built is used all the same; with `must_keep`
        EngineError is raised instead. `keep`: see `store`.
        """
        found = self._checked(key, check)
        if found is not None:
            return found
        with ExitStack() as stack:
            locked = True
            try:
                stack.enter_context(self.locked(key.backend))
            except EngineError as error:
                if must_keep:
                    raise
                log.warning("%s; what is built is not kept", error)
                locked = False
            if locked:
                found = self._checked(key, check)  # another process may have built it meanwhile
                if found is not None:
                    return found
            began = monotonic()
            engines = build()
            log.info("%s %s: built in %.1f s", key.backend, key.shapes, monotonic() - began)
            if check is not None:
                check(engines)
            if locked:
                try:
                    self.store(key, engines, keep)
                except EngineError as error:
                    if must_keep:
                        raise
                    log.warning("%s; what was built is not kept", error)
            return engines

    def _checked(self, key: Key, check: Check | None) -> Engines | None:
        engines = self.read(key)
        if engines is not None and check is not None:
            try:
                check(engines)
            except Outdated as error:
                log.warning("%s: cannot be loaded (%s); it is built again", self.path(key), error)
                self.discard(key)
                return None
            except MattingError:
                self.discard(key)
                raise
        return engines

    def discard(self, key: Key) -> None:
        """Remove the engines of a key if possible: a cache that belongs to another user is read-only."""
        with suppress(OSError):
            self.path(key).unlink()

    def keys(self, backend: str) -> list[Key]:
        """The keys of the engines of a backend, by the heads of their files: what follows is verified when it is read."""
        found = []
        for path in sorted((self.folder / backend).glob(f"[!.]*{SUFFIX}")):
            with suppress(*UNREADABLE), path.open("rb") as file:
                file.seek(DIGEST + 1)
                found.append(key_of(json.loads(file.readline(LONGEST_HEAD))))
        return found

    def entries(self) -> list[Entry]:
        """All files of the cache, damaged ones too."""
        found = []
        for path in sorted(self.folder.glob(f"*/[!.]*{SUFFIX}")):
            try:
                key, engines = unpack(path.read_bytes())
                found.append(Entry(path, key, {name: len(engine) for name, engine in engines.items()}))
            except FileNotFoundError:  # cleared meanwhile
                continue
            except UNREADABLE as error:
                found.append(Entry(path, None, damage=str(error)))
        return found

    def clear(self) -> list[Path]:
        """Remove every engine, after waiting for builds in progress. Returns the removed files, and folders of code."""
        removed = []
        found = {path.parent for pattern in (f"[!.]*{SUFFIX}", CODE) for path in self.folder.glob(f"*/{pattern}")}
        for folder in sorted(found):
            with self.locked(folder.name):
                if (code := self.code_folder(folder.name)).is_dir():
                    shutil.rmtree(code, ignore_errors=True)
                    removed.append(code)
                for path in sorted(folder.glob(f"[!.]*{SUFFIX}")):
                    try:
                        path.unlink(missing_ok=True)
                    except OSError as error:
                        raise EngineError(f"{path}: cannot be removed ({error.strerror}); remove it by hand") from error
                    removed.append(path)
        return removed
