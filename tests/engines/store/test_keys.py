"""The keys of FP16 engines cover every source that shapes them."""

from pathlib import Path

import pytest

from engines.graphs.profile import Profile
from engines.store import keys
from engines.store.keys import FP16_SOURCES, fp16_digest, tensorrt_key
from tests.imports import ROOT, import_graph, reachable

BUILDERS = {
    "onnx": ("engines.graphs.fp16", "engines.backends.tensorrt.build"),
    "torch": ("engines.backends.torch_lane.networks",),
    "torch-tensorrt": ("engines.backends.tensorrt.torch_tensorrt",),
}
# What a builder imports that shapes no engine: errors, types, the table of backends, requests, and how engines are stored.
HARMLESS = {
    "engines.atomic",
    "engines.backends",
    "engines.backends.ahead",
    "engines.backends.gpu",
    "engines.backends.gpu.cuda",
    "engines.backends.gpu.streams",
    "engines.engine",
    "engines.errors",
    "engines.store.cache",
    "engines.store.entries",
    "engines.store.private",
}


def file_of(module: str) -> str:
    path = ROOT / module.replace(".", "/")
    return str((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).relative_to(ROOT / "engines"))


@pytest.mark.parametrize("via", FP16_SOURCES)
def test_every_module_that_makes_fp16_engines_is_in_their_key(via: str) -> None:
    needed = set(BUILDERS[via]).union(*(reachable(module) for module in BUILDERS[via])) - HARMLESS
    if via == "torch-tensorrt":  # of build.py it has the types only
        needed -= {"engines.backends.tensorrt.build"}
    assert set(FP16_SOURCES[via]) == {file_of(module) for module in needed}


def test_what_is_left_out_exists() -> None:
    assert set(import_graph()) >= HARMLESS


@pytest.mark.parametrize("name", FP16_SOURCES["onnx"])
def test_a_change_in_a_source_changes_the_key(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fp16_digest("base", "onnx")
    for each in FP16_SOURCES["onnx"]:
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / each).write_bytes((ROOT / "engines" / each).read_bytes() + (b"\n" if each == name else b""))
    monkeypatch.setattr(keys, "ENGINES", tmp_path)
    assert fp16_digest("base", "onnx") != before


def test_the_ways_to_build_have_different_keys() -> None:
    size = Profile.of(64, 64)
    ways = {tensorrt_key("tensorrt", size, device="d", compiler="c", via=via).file for via in FP16_SOURCES}
    assert len(ways) == len(FP16_SOURCES)
