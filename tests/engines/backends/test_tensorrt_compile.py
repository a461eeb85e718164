"""Which engines are taken for a frame, and what is learnt from one build for the next. What is built does not matter here."""

from pathlib import Path
from types import ModuleType

import pytest

from engines.backends.tensorrt.compile import Told, compiler, engines_for, find_engines, timing_key
from engines.errors import MattingError
from engines.graphs.profile import Profile, parse_range
from engines.store.cache import Cache, Engines
from engines.store.keys import model_of, tensorrt_key

TRT = ModuleType("tensorrt_rtx")
TRT.__version__ = "1.0"  # type: ignore[attr-defined]
BACKEND, DEVICE = "tensorrt-rtx", "sm89"
RANGE = parse_range("640x480:1280x720:1920x1080")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


def put(cache: Cache, profile: Profile, content: bytes, device: str = DEVICE) -> None:
    key = tensorrt_key(BACKEND, profile, device=device, compiler=compiler(TRT))
    assert model_of(key) == profile.model
    cache.obtain(key, lambda: {"mpn": content})


def found(cache: Cache, height: int, width: int, model: str = "base") -> Engines | None:
    return find_engines(TRT, BACKEND, Profile.of(height, width, model), device=DEVICE, cache=cache)


def test_engines_for_the_size_come_before_those_for_a_range(cache: Cache) -> None:
    put(cache, RANGE, b"range")
    assert found(cache, 720, 1280) == {"mpn": b"range"}
    put(cache, Profile.of(720, 1280), b"exact")
    assert found(cache, 720, 1280) == {"mpn": b"exact"}
    assert found(cache, 721, 1281) == {"mpn": b"range"}


def test_engines_that_do_not_take_the_frame_are_not_taken(cache: Cache) -> None:
    put(cache, RANGE, b"range")
    put(cache, Profile.of(32, 32), b"other device", device="sm75")
    assert found(cache, 2160, 3840) is None
    assert found(cache, 1000, 800) is None
    assert found(cache, 32, 32) is None


def test_what_was_learnt_by_timing_goes_into_the_next_build(cache: Cache) -> None:
    given: list[bytes] = []

    def build(profile: Profile, timing: bytes, told: Told) -> tuple[Engines, bytes]:
        given.append(timing)
        return {"mpn": b"engine"}, timing + b"learnt "

    for size in ((64, 64), (96, 96), (64, 64)):
        engines_for(TRT, BACKEND, Profile.of(*size), device=DEVICE, build=build, cache=cache)
    assert given == [b"", b"learnt "]
    assert cache.read(timing_key(TRT, DEVICE)) == {"timing": b"learnt learnt "}
    engines_for(TRT, BACKEND, Profile.of(64, 64), device="sm75", build=build, cache=cache)
    assert given[-1] == b""  # another GPU is timed anew


def test_a_build_that_fails_leaves_nothing(cache: Cache) -> None:
    def build(profile: Profile, timing: bytes, told: Told) -> tuple[Engines, bytes]:
        raise MattingError("mpn: refused")

    with pytest.raises(MattingError, match="refused"):
        engines_for(TRT, BACKEND, RANGE, device=DEVICE, build=build, cache=cache)
    assert cache.entries() == []
