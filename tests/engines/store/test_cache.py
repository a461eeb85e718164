"""The cache of engines: whatever happens to a process or a disk, it returns what was stored, or nothing."""

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from unittest.mock import patch

import pytest

from engines.atomic import UNFINISHED
from engines.errors import EngineError
from engines.store.cache import Cache, Outdated
from engines.store.entries import SUFFIX, Damaged, Key, pack, unpack

KEY = Key("openvino", "a CPU", "800x800", "fp32", "openvino 1", "weights", "graphs")
ENGINES = {"mpn": os.urandom(300_000), "qun": b"", "mrn": b"\n\n" + os.urandom(1000)}


def never() -> dict[str, bytes]:
    raise AssertionError("it is in the cache")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_stored_engines_are_read_back(cache: Cache) -> None:
    assert cache.read(KEY) is None
    assert cache.obtain(KEY, lambda: ENGINES) == ENGINES
    assert Cache(cache.folder).obtain(KEY, never) == ENGINES
    [entry] = cache.entries()
    assert entry.key == KEY
    assert entry.lengths == {"mpn": 300_000, "qun": 0, "mrn": 1002}


def test_a_damaged_file_may_go_while_it_is_listed(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size was asked for after that, and `shm-compile --list` ended with an error."""
    cache.obtain(KEY, lambda: ENGINES)

    def removed_meanwhile(_: bytes) -> None:
        cache.path(KEY).unlink()
        raise Damaged("in a test")

    monkeypatch.setattr("engines.store.cache.unpack", removed_meanwhile)
    assert [(entry.key, entry.damage) for entry in cache.entries()] == [(None, "in a test")]


@pytest.mark.parametrize("field", [field.name for field in fields(Key)])
def test_another_key_is_another_engine(cache: Cache, field: str) -> None:
    cache.obtain(KEY, lambda: ENGINES)
    assert cache.read(replace(KEY, **{field: "another"})) is None


def test_an_engine_under_the_name_of_another_is_not_used(cache: Cache) -> None:
    cache.obtain(KEY, lambda: ENGINES)
    other = replace(KEY, weights="others")
    cache.path(KEY).rename(cache.path(other))
    assert cache.read(other) is None


@pytest.mark.parametrize("place", [0, 10, 64, 70, 200, 500, 150_000, -1])
def test_a_flipped_bit_anywhere_is_detected_and_the_engine_built_again(cache: Cache, place: int) -> None:
    cache.obtain(KEY, lambda: ENGINES)
    content = bytearray(cache.path(KEY).read_bytes())
    content[place] ^= 1
    cache.path(KEY).write_bytes(content)
    assert cache.read(KEY) is None
    assert cache.entries()[0].key is None
    assert "SHA-256" in cache.entries()[0].damage
    assert cache.obtain(KEY, lambda: ENGINES) == ENGINES
    assert cache.read(KEY) == ENGINES


@pytest.mark.parametrize("length", [0, 1, 64, 65, 100, 300_000])
def test_a_truncated_file_is_detected(length: int) -> None:
    with pytest.raises(Damaged):
        unpack(b"".join(pack(KEY, ENGINES))[:length])


PROGRAM = """
import sys, time
from pathlib import Path
from engines.store.cache import Cache
from tests.engines.store.test_cache import KEY, ENGINES
folder, log = Path(sys.argv[1]), Path(sys.argv[2])

def build():
    with log.open("a") as file:
        file.write("began\\n")
    time.sleep(float(sys.argv[3]))
    with log.open("a") as file:
        file.write("ended\\n")
    return {"mpn": b"theirs", "qun": b"", "mrn": b""}

assert Cache(folder).obtain(KEY, build)["mpn"] == b"theirs"
"""


def start(folder: Path, log: Path, seconds: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder), str(log), str(seconds)])


def wait_for(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.02)


def test_two_processes_at_once_build_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    processes = [start(tmp_path / "cache", log, 0.5) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert log.read_text() == "began\nended\n"


def test_a_killed_build_leaves_nothing_and_blocks_nobody(tmp_path: Path) -> None:
    log, cache = tmp_path / "log", Cache(tmp_path / "cache")
    process = start(cache.folder, log, 600)
    wait_for(log.exists)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert cache.entries() == []
    assert cache.obtain(KEY, lambda: ENGINES) == ENGINES
    assert cache.read(KEY) == ENGINES


def store_slowly(folder: Path) -> None:
    """Store an engine, and stop when half of it is on the disk."""

    def parts(key: Key, engines: dict[str, bytes]) -> Iterator[bytes]:
        whole = b"".join(pack(key, engines))
        yield whole[: len(whole) // 2]
        (folder / "partial").touch()
        time.sleep(600)

    with patch("engines.store.cache.pack", parts):
        Cache(folder / "cache").obtain(KEY, lambda: ENGINES)


def test_a_process_killed_while_it_writes_leaves_no_partial_engine(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    process = multiprocessing.get_context("fork").Process(target=store_slowly, args=(tmp_path,))
    process.start()
    wait_for((tmp_path / "partial").exists)
    process.kill()
    process.join()
    folder = cache.path(KEY).parent
    assert list(folder.glob(f"{UNFINISHED}*"))
    assert cache.entries() == []
    assert cache.read(KEY) is None
    cache.obtain(KEY, lambda: ENGINES)
    assert cache.read(KEY) == ENGINES
    assert not list(folder.glob(f"{UNFINISHED}*"))


def on_a_full_disk(folder: Path, must_keep: bool) -> str:
    """The output of a process that may write at most 100 kB to a file: whether it got its engine, and what it logs."""
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from pathlib import Path; from engines import EngineError; from engines.store.cache import Cache\n"
        "from tests.engines.store.test_cache import KEY, ENGINES\n"
        "try: print(Cache(Path(sys.argv[1])).obtain(KEY, lambda: ENGINES, must_keep=sys.argv[2] == 'True') == ENGINES)\n"
        "except EngineError as error: print(error)"
    )
    words = [sys.executable, "-c", program, str(folder), str(must_keep)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def test_a_cache_that_is_a_file_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It was said, too, that an engine in it were damaged."""
    (tmp_path / "file").write_bytes(b"")
    engines = Cache(tmp_path / "file").obtain(KEY, lambda: {"mpn": b"engine"})
    assert engines == {"mpn": b"engine"}
    warnings = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "cannot be written" in warnings[0]
    assert "name another folder in the variable" in warnings[0]


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="there are no resource limits")
def test_on_a_full_disk_an_engine_is_used_but_not_stored_and_the_others_stay(cache: Cache) -> None:
    small = replace(KEY, shapes="64x64")
    cache.obtain(small, lambda: {"mpn": b"small"})
    said = on_a_full_disk(cache.folder, must_keep=False)
    assert "True" in said
    assert "what was built is not kept" in said
    said = on_a_full_disk(cache.folder, must_keep=True)
    assert "cannot be written" in said
    assert "free some space" in said
    assert said.count("\n") == 1
    assert cache.read(small) == {"mpn": b"small"}
    assert [path.name for path in cache.path(KEY).parent.iterdir() if path.name.startswith(UNFINISHED)] == []
    assert len(cache.entries()) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", tmp_path], capture_output=True).returncode:
        pytest.skip("mounting is not allowed")
    try:
        cache = Cache(tmp_path / "cache")
        assert cache.obtain(KEY, lambda: ENGINES) == ENGINES
        assert cache.entries() == []
        with pytest.raises(EngineError, match="No space left on device"):
            cache.obtain(KEY, lambda: ENGINES, must_keep=True)
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_without_a_folder_the_engine_is_used_but_not_stored(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = Cache(tmp_path / "file" / "cache")
    assert cache.obtain(KEY, lambda: ENGINES) == ENGINES
    with pytest.raises(EngineError, match="SHM_CACHE"):
        cache.obtain(KEY, lambda: ENGINES, must_keep=True)


def test_an_inaccurate_engine_is_not_stored_and_a_stored_one_is_removed(cache: Cache) -> None:
    def off(engines: dict[str, bytes]) -> None:
        raise EngineError("off")

    with pytest.raises(EngineError, match="off"):
        cache.obtain(KEY, lambda: ENGINES, check=off)
    assert cache.entries() == []
    cache.obtain(KEY, lambda: ENGINES)
    with pytest.raises(EngineError, match="off"):
        cache.obtain(KEY, never, check=off)
    assert cache.entries() == []


def test_without_a_lock_a_build_is_still_checked(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = Cache(tmp_path / "file" / "cache")
    seen: list[dict[str, bytes]] = []
    assert cache.obtain(KEY, lambda: ENGINES, check=seen.append) == ENGINES
    assert seen == [ENGINES]

    def off(engines: dict[str, bytes]) -> None:
        raise EngineError("off")

    with pytest.raises(EngineError, match="off"):
        cache.obtain(KEY, lambda: ENGINES, check=off)


def test_outdated_engines_are_removed_and_the_new_build_is_checked(cache: Cache) -> None:
    cache.obtain(KEY, lambda: {"mpn": b"old"})
    checked: list[dict[str, bytes]] = []

    def check(engines: dict[str, bytes]) -> None:
        if engines == {"mpn": b"old"}:
            raise Outdated("of another version")
        checked.append(engines)

    assert cache.obtain(KEY, lambda: ENGINES, check=check) == ENGINES
    assert checked == [ENGINES]
    assert cache.read(KEY) == ENGINES


def test_keys_are_read_without_the_engines(cache: Cache) -> None:
    cache.obtain(KEY, lambda: ENGINES)
    other = replace(KEY, shapes="64x64")
    cache.obtain(other, lambda: ENGINES)
    cache.obtain(replace(KEY, backend="tensorrt"), lambda: ENGINES)
    (cache.folder / "openvino" / "cut.engines").write_bytes(b"short")
    with patch("engines.store.cache.unpack", side_effect=AssertionError("it reads them whole")):
        assert sorted(key.shapes for key in cache.keys("openvino")) == ["64x64", "800x800"]


def test_a_symbolic_link_to_an_entry_stays(cache: Cache, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.engines"
    cache.obtain(KEY, lambda: ENGINES)
    cache.path(KEY).rename(elsewhere)
    cache.path(KEY).symlink_to(elsewhere)
    cache.store(KEY, {"mpn": b"new"})
    assert cache.path(KEY).is_symlink()
    assert unpack(elsewhere.read_bytes()) == (KEY, {"mpn": b"new"})


def test_the_least_recently_used_engines_are_dropped(cache: Cache) -> None:
    keys = [replace(KEY, shapes=f"{side}x{side}") for side in (64, 128, 256, 512)]
    for age, key in enumerate(keys[:3]):
        cache.obtain(key, lambda: {"mpn": b"x"})
        os.utime(cache.path(key), (1000 + age, 1000 + age))
    cache.read(keys[0])  # it is used, and so the second is now the oldest
    cache.obtain(keys[3], lambda: {"mpn": b"x"}, keep=3)
    assert [cache.read(key) is not None for key in keys] == [True, False, True, True]


def test_an_entry_that_another_process_removes_holds_up_no_dropping(cache: Cache) -> None:
    """As what `discard` removes without the lock; here a link that leads nowhere."""
    cache.obtain(KEY, lambda: ENGINES)
    gone = cache.path(KEY).with_name(f"gone{SUFFIX}")
    gone.symlink_to("nowhere")
    newer = replace(KEY, shapes="64x64")
    assert cache.obtain(newer, lambda: ENGINES, keep=1) == ENGINES
    assert cache.keys(KEY.backend) == [newer]


def test_clearing_removes_every_engine(cache: Cache) -> None:
    cache.obtain(KEY, lambda: ENGINES)
    cache.obtain(replace(KEY, backend="tensorrt-rtx"), lambda: ENGINES)
    assert len(cache.clear()) == 2
    assert cache.entries() == []
    assert cache.clear() == []


def test_the_folder_is_the_users_cache_or_the_one_of_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHM_CACHE", str(tmp_path))
    assert Cache().folder == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHM_CACHE", "~/engines")  # as from a file of variables, which no shell expands
    assert Cache().folder == tmp_path / "engines"
    monkeypatch.delenv("SHM_CACHE")
    assert "semantic-human-matting" in str(Cache().folder)


@pytest.mark.parametrize(("patience", "told"), [(60.0, 0), (0.05, 1)])
def test_a_long_wait_for_another_process_is_told_and_a_short_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, patience: float, told: int
) -> None:
    monkeypatch.setattr("engines.store.cache.PATIENCE", patience)
    cache = Cache(tmp_path)
    entered = threading.Event()

    def wait() -> None:
        with cache.locked("openvino"):
            entered.set()

    waiting = threading.Thread(target=wait)
    with cache.locked("openvino"):
        waiting.start()
        assert not entered.wait(0.5)
    waiting.join(60)
    assert entered.is_set()
    assert caplog.messages == ["another process builds engines for openvino; waiting for it"] * told
