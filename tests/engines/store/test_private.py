"""Who may write to the cache changes mattes: it is the user's alone, or refused. What is in it is never fatal."""

import json
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from engines.backends.openvino import OpenVINOEngine
from engines.engine import Mask
from engines.errors import EngineError
from engines.store.cache import Cache
from engines.store.entries import Damaged, Engines, Key, unpack
from engines.store.private import insecurity

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX modes")

FRAME = np.full((64, 64, 3), 90, np.uint8)
KEY = Key("openvino", "a CPU", "800x800", "fp32", "openvino 1", "weights", "graphs")
ENGINES = {"mpn": b"one", "qun": b"two", "mrn": b"three"}


@pytest.fixture(autouse=True)
def friendly_umask() -> Iterator[None]:
    """The one under which others of the group may write to what a user makes."""
    before = os.umask(0o002)
    yield
    os.umask(before)


def test_it_is_made_for_the_user_alone(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "a" / "cache")
    cache.obtain(KEY, lambda: ENGINES)
    for folder in (tmp_path / "a", cache.folder, cache.folder / "openvino"):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert cache.path(KEY).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o775, 0o777, 0o757])
@pytest.mark.parametrize("below", ["", "openvino"])
def test_one_that_others_may_write_to_is_refused_with_the_remedy(tmp_path: Path, mode: int, below: str) -> None:
    Cache(tmp_path / "cache").obtain(KEY, lambda: ENGINES)
    folder = tmp_path / "cache" / below
    folder.chmod(mode)
    with pytest.raises(EngineError, match=f"{folder}: others may write to it.*chmod go-w {folder}, or name .*SHM_CACHE"):
        Cache(tmp_path / "cache").obtain(KEY, lambda: {})
    folder.chmod(0o755)
    assert Cache(tmp_path / "cache").obtain(KEY, lambda: {}) == ENGINES


def test_a_folder_for_everybody_is_refused_without_closing_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    with pytest.raises(EngineError, match=r"others may write to it, so .*; name a folder of your own"):
        Cache(tmp_path)


def test_one_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o755)
    owner = 4321
    facts = list(tmp_path.stat())
    facts[4] = owner  # st_uid
    assert insecurity(os.stat_result(facts)) == "belongs to another user"
    if os.geteuid() == 0:
        os.chown(tmp_path, owner, owner)
        with pytest.raises(EngineError, match="belongs to another user"):
            Cache(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: owner)
    assert insecurity(os.stat_result(facts)) == ""
    facts[4] = 0
    assert insecurity(os.stat_result(facts)) == ""  # the administrator's


def test_a_file_that_others_may_write_to_is_built_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    cache.obtain(KEY, lambda: ENGINES)
    cache.path(KEY).chmod(0o664)
    assert cache.read(KEY) is None
    assert cache.obtain(KEY, lambda: ENGINES) == ENGINES
    assert cache.read(KEY) == ENGINES


def signed(head: bytes) -> bytes:
    return sha256(head).hexdigest().encode() + b"\n" + head


@pytest.mark.parametrize(
    "head",
    [
        *(b"", b"\n", b"\xff\xfe\n", b"[]\n", b"[" * 100_000 + b"\n"),
        *(b'{"key": 1}\n', b'{"key": {}, "lengths": []}\n', b'{"key": {}, "lengths": {"mpn": "x"}}\n'),
        b'{"key": {"backend": 1}, "lengths": {}}\n',
    ],
)
def test_a_file_with_a_right_digest_and_a_foreign_head_is_damaged(tmp_path: Path, head: bytes) -> None:
    cache = Cache(tmp_path / "cache")
    cache.obtain(KEY, lambda: ENGINES)
    cache.path(KEY).write_bytes(signed(head))
    assert cache.keys("openvino") == []
    [entry] = cache.entries()
    assert entry.damage
    assert cache.obtain(KEY, lambda: ENGINES) == ENGINES


@pytest.mark.parametrize("lengths", [{"mpn": 1}, {"mpn": 5}, {"mpn": -1, "qun": 4}, {"mpn": 2, "qun": 2}, {}])
def test_engines_have_the_lengths_written(lengths: dict[str, int]) -> None:
    head = json.dumps({"key": KEY.__dict__, "lengths": lengths}).encode() + b"\n"
    with pytest.raises(Damaged, match="lengths"):
        unpack(signed(head + b"abc"))


def test_keys_are_texts() -> None:
    head = json.dumps({"key": {**KEY.__dict__, "shapes": 5}, "lengths": {}}).encode() + b"\n"
    with pytest.raises(Damaged):
        unpack(signed(head))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Key, Engines, Mask]:
    """What is compiled for frames of 64x64, and the alpha of FRAME."""
    cache = Cache(tmp_path_factory.mktemp("compiled") / "cache")
    with OpenVINOEngine(precision="fp32", cache=cache) as engine:
        alpha, key = engine(FRAME).alpha, engine.key(64, 64)
    engines = cache.read(key)
    assert engines is not None
    return key, engines, alpha


@pytest.mark.parametrize("blob", [b"", b"\xff" * 1000, b"\x80\x81 not an engine" * 50, "swapped"])
def test_a_foreign_blob_is_compiled_again(tmp_path: Path, compiled: tuple[Key, Engines, Mask], blob: bytes | str) -> None:
    key, engines, expected = compiled
    foreign = (
        engines | {"qun": engines["mrn-features"], "mrn-features": engines["qun"]}
        if blob == "swapped"
        else dict.fromkeys(engines, blob)
    )
    cache = Cache(tmp_path / "cache")
    assert cache.obtain(key, lambda: foreign) == foreign  # type: ignore[arg-type,return-value]
    with OpenVINOEngine(precision="fp32", cache=cache) as engine:
        assert np.array_equal(engine(FRAME).alpha, expected)
    assert cache.read(key) not in (None, foreign)
