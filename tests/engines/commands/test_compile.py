"""`shm-compile`, run as a user runs it."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from rich.console import Console

import engines
from engines.backends import Backend, nvidia
from engines.commands.compile import main
from engines.errors import BackendUnavailable, EngineError
from engines.store.cache import Cache, Outdated
from engines.store.entries import unpack
from engines.store.keys import openvino_key
from engines.store.parity import MatteOf, check_parity
from engines.weights import PARTS

NO_GPU = pytest.mark.skipif(not nvidia.driver_missing(), reason="this machine has a GPU")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setenv("SHM_CACHE", str(tmp_path))
    return Cache()


def shm_compile(monkeypatch: pytest.MonkeyPatch, words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["shm-compile", *words.split()])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_engines_for_a_gpu_elsewhere(cache: Cache, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorrt_rtx")
    words = "--backend tensorrt-rtx --target sm89 --size 800x800 --size 1920x1080"
    assert shm_compile(monkeypatch, words) == 0
    assert [Path(line).exists() for line in capsys.readouterr().out.splitlines()] == [True, True]
    keys = [entry.key for entry in cache.entries()]
    assert {(key.backend, key.device, key.shapes, key.precision) for key in keys if key} == {
        ("tensorrt-rtx", "sm89", "800x800", "fp16"),
        ("tensorrt-rtx", "sm89", "1920x1080", "fp16"),
    }
    assert all(list(entry.lengths) == ["mpn", "qun", "mrn"] for entry in cache.entries())

    assert shm_compile(monkeypatch, "--list") == 0
    table = capsys.readouterr().out
    assert table.count("sm89") == table.count("ready") == 2
    assert "800x800" in table
    assert "1920x1080" in table

    content = [entry.path.read_bytes() for entry in cache.entries()]
    assert shm_compile(monkeypatch, f"{words} --check") == 0
    said = capsys.readouterr().err
    assert "no check: an engine for sm89 cannot run on this machine" in said
    assert content == [entry.path.read_bytes() for entry in cache.entries()]  # it is not built again

    cache.entries()[0].path.write_bytes(b"no engine")
    assert shm_compile(monkeypatch, "--list") == 0
    assert "damaged" in capsys.readouterr().out
    assert shm_compile(monkeypatch, words) == 0
    assert all(entry.key for entry in cache.entries())

    assert shm_compile(monkeypatch, "--clear") == 0
    assert "removed 2 files" in capsys.readouterr().out
    assert cache.entries() == []


def test_the_list_has_the_size_of_each_network(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """OpenVINO's graphs are parts of networks: of MPN and MRN there was no size."""
    monkeypatch.setattr(Console, "width", 200)
    key = openvino_key(256, 320, precision="fp32", processor="a CPU", compiler="a compiler")
    with cache.locked(key.backend):
        cache.store(key, {name: bytes(size * 100_000) for name, size in zip(PARTS, (3, 2, 10, 5), strict=True)})
    assert shm_compile(monkeypatch, "--list") == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if "a CPU" in line)
    assert row.split()[-4:] == ["0.3", "0.2", "1.5", "ready"]


def test_engines_for_a_range_of_sizes(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorrt_rtx")
    words = "--backend tensorrt-rtx --target SM89 --dynamic 640x480:1280x720:1920x1080"
    assert shm_compile(monkeypatch, words) == 0
    assert [entry.key.shapes for entry in cache.entries() if entry.key] == ["640x480:1280x720:1920x1080"]


@pytest.mark.usefixtures("reference_once")
def test_engines_for_this_cpu_are_loaded_at_the_next_start(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], portrait: engines.Frame
) -> None:
    assert shm_compile(monkeypatch, "--backend openvino --size 160x128 --check") == 0
    assert "160x128, alpha against PyTorch fp32" in capsys.readouterr().err
    from engines.backends.openvino import OpenVINOEngine

    def refuse(*_: object) -> None:
        raise AssertionError("it is in the cache")

    frame = portrait[:128, :160].copy()
    with monkeypatch.context() as patched:
        patched.setattr(OpenVINOEngine, "_compile", refuse)
        engine = OpenVINOEngine(threads=1)
        alpha = engine(frame).alpha
    assert engine.threads == 1
    monkeypatch.setattr(OpenVINOEngine, "_import", outdated)
    assert (OpenVINOEngine()(frame).alpha == alpha).all()  # compiled anew


def outdated(*_: object) -> NoReturn:
    raise Outdated("as if another OpenVINO had written it")


@pytest.mark.usefixtures("reference_once")
def test_a_cached_blob_that_openvino_refuses_is_replaced_and_what_is_compiled_instead_is_checked(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "--backend openvino --precision fp32 --size 160x128"
    assert shm_compile(monkeypatch, words) == 0
    [entry] = cache.entries()
    key, engines = unpack(entry.path.read_bytes())
    refused = dict.fromkeys(engines, b"not a blob")
    cache.store(key, refused)
    assert shm_compile(monkeypatch, f"{words} --check") == 0
    assert "160x128, alpha against PyTorch fp32" in capsys.readouterr().err
    assert cache.read(key) not in (None, refused)

    cache.store(key, refused)
    monkeypatch.setattr("engines.store.parity.WORST", 0.0)  # nothing is that good
    assert shm_compile(monkeypatch, f"{words} --check") == 2
    assert cache.entries() == []


def test_a_refused_blob_of_a_later_direction_is_replaced(cache: Cache) -> None:
    from engines.backends.openvino import OpenVINOEngine

    engine = OpenVINOEngine(precision="fp32")
    engine.prepare(64, 64)
    key = engine.key(64, 96)
    cache.store(key, {"mpn": b"x", "qun": b"x", "mrn": b"x"})
    assert engine(np.zeros((64, 96, 3), np.uint8)).alpha.shape == (64, 96)
    assert set(cache.read(key) or {}) == set(PARTS)


@pytest.mark.usefixtures("reference_once")
def test_an_inaccurate_engine_is_not_installed(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("engines.store.parity.WORST", 0.0)  # nothing is that good
    monkeypatch.setattr("engines.store.parity.MEAN_OF", {"int8": 0.0})
    assert shm_compile(monkeypatch, "--backend openvino --size 160x128 --check") == 2
    said = capsys.readouterr().err
    assert "the engine is not installed" in said
    assert "Traceback" not in said
    assert cache.entries() == []


@pytest.mark.usefixtures("reference_once")
def test_bf16_and_int8_may_move_edges_and_no_more(openvino_engine: engines.Engine) -> None:
    from dataclasses import replace

    def off_by(levels: float, pixels: int) -> MatteOf:
        def matte_of(frame: engines.Frame, mask: engines.Mask | None = None) -> engines.Matte:
            matte = openvino_engine(frame, mask)
            alpha = matte.alpha.copy()
            alpha.reshape(-1)[:pixels] += levels / 255
            return replace(matte, alpha=alpha)

        return matte_of

    few, all_pixels = off_by(100, 16), off_by(2, 96 * 96)
    assert "real" in check_parity(few, 96, 96, precision="bf16", tiled=True)
    assert "real" in check_parity(all_pixels, 96, 96, precision="int8", tiled=True)
    with pytest.raises(EngineError, match=r"the mean must be below 0\.5, the worst below 4"):
        check_parity(few, 96, 96, tiled=True)
    with pytest.raises(EngineError, match=r"the mean must be below 1\.0: "):
        check_parity(all_pixels, 96, 96, precision="bf16", tiled=True)
    with pytest.raises(EngineError, match=r"the mean must be below 3\.0: "):
        check_parity(off_by(4, 96 * 96), 96, 96, precision="int8", tiled=True)


@pytest.mark.usefixtures("reference_once")
def test_nan_does_not_pass(openvino_engine: engines.Engine) -> None:
    from dataclasses import replace

    def no_number(frame: engines.Frame, mask: engines.Mask | None = None) -> engines.Matte:
        matte = openvino_engine(frame, mask)
        return replace(matte, alpha=matte.alpha * float("nan"))

    for precision in ("fp32", "bf16", "int8"):
        with pytest.raises(EngineError, match="nan"):
            check_parity(no_number, 64, 64, precision=precision)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--backend directml", "--backend directml: is not one of 'auto', 'tensorrt', 'tensorrt-rtx', 'torch', 'openvino'"),
        ("--backend openvino --via torch-tensorrt", "--via torch-tensorrt: is for TensorRT"),
        ("--backend openvino --size 20x20", "--size 20x20: give WIDTHxHEIGHT"),
        ("--backend openvino --dynamic 64x64:65x65:66x66", "--dynamic 64x64:65x65:66x66: is for TensorRT"),
        ("--backend openvino --target sm89", "--target sm89: is for TensorRT"),
        ("--backend openvino --precision fp16", "--precision fp16: openvino has auto, int8, bf16, fp32"),
        ("--backend tensorrt-rtx --target sm61", "--target sm61: tensorrt_rtx"),
        ("--backend tensorrt-rtx --target sm89 --via torch-tensorrt", "leave out the target sm89"),
        ("--size 64x64 --dynamic 64x64:65x65:66x66", "--dynamic and --size exclude each other"),
        ("--list --clear", "exclude each other"),
    ],
)
def test_bad_input_gets_one_line(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str, message: str
) -> None:
    if "rtx" in words:
        pytest.importorskip("tensorrt_rtx")
    assert shm_compile(monkeypatch, words) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: ")
    assert message in said
    assert cache.entries() == []


@NO_GPU
def test_torch_compiles_on_a_gpu_only(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shm_compile(monkeypatch, "--backend torch") == 2
    said = capsys.readouterr().err
    remedy = "compiles for a CUDA GPU, and PyTorch sees none; on a CPU take the backend openvino"
    assert said == f"error: --backend torch: {remedy}\n"
    monkeypatch.setattr(Backend, "missing_packages", lambda backend: ["safetensors"])
    assert shm_compile(monkeypatch, "--backend torch") == 2
    assert capsys.readouterr().err.startswith("error: --backend torch: safetensors is not installed; type: pip install")
    assert cache.entries() == []


@NO_GPU
@pytest.mark.parametrize("backend", ["tensorrt", "tensorrt-rtx"])
def test_load_reports_in_one_line_what_a_gpu_backend_lacks(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BackendUnavailable, match=f"{backend} cannot run on this machine: .*no NVIDIA (driver|GPU)") as refused:
        engines.load(backend)
    assert "\n" not in str(refused.value)
    assert "take the backend openvino" in str(refused.value)
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BackendUnavailable, match=r"not installed \(type: pip install 'semantic-human-matting\[tensorrt"):
        engines.load(backend)


@NO_GPU
def test_auto_takes_openvino_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "engines"):
        engine = engines.load("auto")
    assert engine.name == "openvino"
    assert "openvino" in caplog.text
    assert "no GPU backend: no NVIDIA" in caplog.text


def test_on_a_gpu_auto_takes_the_fastest_installed_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    from engines import loading

    monkeypatch.setattr(loading, "driver_missing", lambda: "")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    missing = ["tensorrt"]
    monkeypatch.setattr(Backend, "missing_packages", lambda backend: [name for name in missing if name in backend.packages])
    assert loading.fastest().backend == "tensorrt-rtx"
    missing.append("torch")
    backend, why = loading.fastest()
    assert backend == "openvino"
    assert "pip install 'semantic-human-matting[torch]'" in why


def test_auto_leaves_a_gpu_that_pytorch_does_not_see(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    from engines import loading

    monkeypatch.setattr(loading, "driver_missing", lambda: "")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with caplog.at_level(logging.INFO, "engines"):
        engine = engines.load("auto")
    assert engine.name == "openvino"
    assert "PyTorch sees none; install a CUDA build of it" in caplog.text


def test_engines_are_built_without_pytorch(tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    words = "shm-compile --backend tensorrt-rtx --target sm89 --size 64x64"
    main = "from engines.commands.compile import main; main()"
    program = f"import sys; sys.modules['torch'] = None; sys.argv = {words.split()}; {main}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "SHM_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).exists()
