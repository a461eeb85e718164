"""Which cached engines serve a frame, and how the timing cache passes from one build to the next."""

from pathlib import Path
from types import ModuleType

import pytest

from engines.backends.ahead import OnProgress
from engines.backends.tensorrt import plans
from engines.backends.tensorrt.build import Build, Built
from engines.backends.tensorrt.plans import compilers, find_plans, obtain_plans, plan_key, timing_cache_key
from engines.errors import EngineError
from engines.graphs.profile import Profile, parse_range
from engines.store import cache as store
from engines.store.cache import Cache
from engines.store.entries import Engines, Key, unpack
from engines.store.keys import model_of

TRT = ModuleType("tensorrt_rtx")
TRT.__version__ = "1.0"  # type: ignore[attr-defined]
BACKEND, DEVICE = "tensorrt-rtx", "sm89"
RANGE = parse_range("640x480:1280x720:1920x1080")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


def put(cache: Cache, profile: Profile, content: bytes, device: str = DEVICE, via: str = "onnx") -> None:
    key = plan_key(TRT, BACKEND, profile, device=device, via=via)
    assert model_of(key) == profile.model
    cache.obtain(key, lambda: {"mpn": content})


def found(cache: Cache, height: int, width: int, model: str = "base") -> Engines | None:
    return find_plans(TRT, BACKEND, Profile.of(height, width, model), device=DEVICE, cache=cache)


def obtain(cache: Cache, profile: Profile, build: Build, device: str = DEVICE) -> Engines:
    return obtain_plans(TRT, plan_key(TRT, BACKEND, profile, device=device), profile, build=build, cache=cache)


def test_engines_for_the_size_come_before_those_for_a_range(cache: Cache) -> None:
    put(cache, RANGE, b"range")
    assert found(cache, 720, 1280) == {"mpn": b"range"}
    put(cache, Profile.of(720, 1280), b"exact")
    assert found(cache, 720, 1280) == {"mpn": b"exact"}
    assert found(cache, 721, 1281) == {"mpn": b"range"}


def test_engines_for_other_sizes_or_devices_are_not_used(cache: Cache) -> None:
    put(cache, RANGE, b"range")
    put(cache, Profile.of(32, 32), b"other device", device="sm75")
    assert found(cache, 2160, 3840) is None
    assert found(cache, 1000, 800) is None
    assert found(cache, 32, 32) is None


def test_the_timing_cache_goes_into_the_next_build(cache: Cache) -> None:
    given: list[bytes] = []

    def build(profile: Profile, timing_cache: bytes, on_progress: OnProgress) -> Built:
        given.append(timing_cache)
        return Built({"mpn": b"engine"}, timing_cache + b"timing ")

    for size in ((64, 64), (96, 96), (64, 64)):
        obtain(cache, Profile.of(*size), build)
    assert given == [b"", b"timing "]
    assert cache.read(timing_cache_key(TRT, DEVICE)) == {"timing": b"timing timing "}
    obtain(cache, Profile.of(64, 64), build, "sm75")
    assert given[-1] == b""  # another GPU is timed anew


def test_a_failed_build_leaves_nothing(cache: Cache) -> None:
    def build(profile: Profile, timing_cache: bytes, on_progress: OnProgress) -> Built:
        raise EngineError("mpn: refused")

    with pytest.raises(EngineError, match="refused"):
        obtain(cache, RANGE, build)
    assert cache.entries() == []


def test_engines_built_via_torch_tensorrt_have_a_key_of_their_own_and_come_first(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = Profile.of(720, 1280)
    assert list(compilers(TRT)) == ["onnx"]  # it is not installed
    monkeypatch.setattr(plans, "version", {"torch-tensorrt": "2.13.0"}.__getitem__)
    keys = [plan_key(TRT, BACKEND, size, device=DEVICE, via=via) for via in compilers(TRT)]
    assert [key.compiler for key in keys] == ["torch_tensorrt 2.13.0, tensorrt_rtx 1.0", "tensorrt_rtx 1.0"]
    assert keys[0].graphs != keys[1].graphs
    put(cache, size, b"onnx")
    assert found(cache, 720, 1280) == {"mpn": b"onnx"}
    put(cache, size, b"torch", via="torch-tensorrt")
    assert [cache.read(key) for key in keys] == [{"mpn": b"torch"}, {"mpn": b"onnx"}]
    assert found(cache, 720, 1280) == {"mpn": b"torch"}


def test_a_new_frame_size_reads_the_engines_that_it_takes_and_no_others(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    put(cache, RANGE, b"range")
    for side in range(32, 40):
        put(cache, Profile.of(side, side), b"other")
    (cache.folder / BACKEND / "damaged.engines").write_bytes(b"x")
    unpacked: list[Key] = []

    def recorded(content: bytes) -> tuple[Key, Engines]:
        key, engines = unpack(content)
        unpacked.append(key)
        return key, engines

    monkeypatch.setattr(store, "unpack", recorded)
    assert found(cache, 721, 1281) == {"mpn": b"range"}
    assert unpacked == [plan_key(TRT, BACKEND, RANGE, device=DEVICE)]
