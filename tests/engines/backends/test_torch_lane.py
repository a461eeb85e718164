"""The backend torch in the lanes of a GPU, run on the CPU: uncompiled, on streams that lag behind at random.

What `test_lane.py` asks of a lane is asked of this one where the networks could spoil it.
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import engines
from engines import Frame
from engines.backends.torch import TorchEngine
from engines.backends.torch_lane import compiling, opening
from engines.backends.torch_lane import engine as lane_engine
from engines.backends.torch_lane.compiling import (
    REPORT,
)
from engines.backends.torch_lane.engine import TorchNetwork
from engines.backends.torch_lane.networks import Step
from engines.confirming import SEEN
from engines.engine import Matte, OverlappingEngine
from engines.errors import EngineError
from engines.geometry import MODELS, Size
from engines.store.cache import Cache
from engines.store.parity import KINDS, check_parity, sample_frame
from engines.weights import NETWORKS
from tests.engines.backends.lagging import LaggingTorchEngine

SIZE = Size(64, 96)


@pytest.fixture(scope="module")
def engine() -> Iterator[LaggingTorchEngine]:
    with LaggingTorchEngine() as engine:
        yield engine


def assert_same(ours: Matte, expected: Matte) -> None:
    for name in ("alpha", "foreground", "coarse", "unified"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(expected, name))


def exact(matte: Matte, background: Frame) -> np.ndarray:
    alpha = matte.alpha.astype(np.float64)[..., None]
    return np.asarray(alpha * matte.foreground + (1 - alpha) * background)


@pytest.mark.parametrize(("height", "width"), [(301, 211), (64, 96), (33, 32)])
def test_it_is_within_the_bounds_of_check_on_all_kinds_of_frames(engine: LaggingTorchEngine, height: int, width: int) -> None:
    print(check_parity(engine, height, width))


def test_masks_and_foreground_are_those_of_the_reference(engine: LaggingTorchEngine, torch_engine: TorchEngine) -> None:
    for kind in KINDS:
        frame = sample_frame(kind, 200, 320)
        ours, expected = engine(frame), torch_engine(frame)
        for name in ("coarse", "unified"):
            error = np.abs(getattr(ours, name) - getattr(expected, name)) * 255
            assert error.mean() < 0.5, (kind, name)
            assert error.max() < 4, (kind, name)
        assert np.abs(ours.foreground.astype(int) - expected.foreground)[expected.alpha > 0].max(initial=0) <= 4


def test_a_given_mask_replaces_mpn_for_its_frame_only(engine: LaggingTorchEngine, torch_engine: TorchEngine) -> None:
    frame, mask = sample_frame("real", *SIZE), np.zeros((90, 75), np.float32)
    mask[20:, 20:55] = 1
    before, masked, after = (engine.submit(frame, each) for each in (None, mask, None))
    plain, ours, expected = before.matte(), masked.matte(), torch_engine(frame, mask)
    assert np.abs(ours.coarse - expected.coarse).max() * 255 < 1
    assert np.abs(ours.alpha - expected.alpha).mean() * 255 < 0.5
    assert np.abs(ours.coarse - plain.coarse).max() > 0.5
    assert_same(after.matte(), plain)


def test_frames_in_flight_of_two_sizes_keep_their_own_mattes_and_pictures(engine: LaggingTorchEngine) -> None:
    frames = [sample_frame(kind, *size) for kind in ("real", "dark", "bright") for size in (SIZE, SIZE[::-1])]
    alone = [engine(frame) for frame in frames]
    backgrounds = [np.random.default_rng(3).integers(0, 256, frame.shape, np.uint8) for frame in frames]
    pending = [engine.submit(frame) for frame in frames[:3]]
    for index in range(12):
        pending.append(engine.submit(frames[(index + 3) % 6]))
        taken, expected, background = pending.pop(0), alone[index % 6], backgrounds[index % 6]
        if index % 2:
            assert_same(taken.matte(), expected)
        else:
            assert np.abs(taken.composite(background) - exact(expected, background)).max() <= 1


def test_the_large_model() -> None:
    with LaggingTorchEngine(model="large") as engine:
        print(check_parity(engine, 200, 320, "large"))
        assert engine(sample_frame("real", *SIZE[::-1])).coarse.shape == MODELS["large"]


def test_the_large_model_is_confirmed(monkeypatch: pytest.MonkeyPatch, portrait: Frame) -> None:
    mask = np.ones((8, 8), np.float32)
    with LaggingTorchEngine(model="large") as engine:
        monkeypatch.setattr("engines.backends.gpu.confirming.CONFIRMED", 1.1)  # so nobody is
        before, masked, after = (engine.submit(portrait, each).matte() for each in (None, mask, None))
        assert before.coarse.max() <= np.float16(SEEN)
        assert (masked.coarse == 1).all()  # a given mask is taken as it is
        assert_same(after, before)


def test_the_profile_has_the_matte_and_the_time_of_the_networks(engine: LaggingTorchEngine) -> None:
    frame = sample_frame("real", *SIZE)
    began = time.perf_counter()
    matte, ms = engine.profile(frame)
    assert 0 < ms["all three"] < (time.perf_counter() - began) * 1e3
    assert_same(matte, engine(frame))


def test_what_it_is(engine: LaggingTorchEngine) -> None:
    assert isinstance(engine, OverlappingEngine)
    assert (engine.name, engine.precision, engine.model) == ("torch", "fp16", "base")
    kinds = {name: {weight.dtype for weight in network.parameters()} for name, network in engine._networks._asdict().items()}
    assert kinds == {"mpn": {torch.float32}, "qun": {torch.float16}, "mrn": {torch.float16}}


def test_lanes_that_are_closed_are_not_made_again() -> None:
    with LaggingTorchEngine() as engine:
        pending = engine.submit(sample_frame("real", *SIZE))
        engine._lanes.close()
        for call in (engine, engine.submit, engine.profile):
            with pytest.raises(EngineError, match="torch: the engine was closed; load another"):
                call(sample_frame("real", *SIZE))
        assert pending.matte().alpha.shape == SIZE


def test_on_a_cpu_the_backend_is_the_reference() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with engines.load("torch", closer=False) as engine:
        assert isinstance(engine, TorchEngine)
        assert engine.precision == "fp32"


@pytest.mark.parametrize(("precision", "in_lanes"), [("auto", True), ("fp16", True), ("bf16", False), ("fp32", False)])
def test_on_a_gpu_fp16_goes_through_the_lanes(precision: str, in_lanes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("engines.backends.torch_lane.engine.TorchLaneEngine", lambda **_: opened.append("lanes"))
    monkeypatch.setattr("engines.backends.torch.TorchEngine", lambda **_: opened.append("reference"))
    opening.open_engine("torch", device="auto", threads=None, precision=precision, model="base", at_once=1)
    assert opened == ["lanes" if in_lanes else "reference"]


def test_a_compiler_that_takes_too_long_is_killed_and_logged(
    tmp_path: Path, engine: LaggingTorchEngine, caplog: pytest.LogCaptureFixture
) -> None:
    frame = sample_frame("real", *SIZE)
    with LaggingTorchEngine(compile_seconds=0.2, cache=Cache(tmp_path)) as hurried:
        began = time.perf_counter()
        assert_same(hurried(frame), engine(frame))
        assert time.perf_counter() - began < 60
        assert hurried._cache.read(hurried.key(*SIZE)) is None
    assert "torch: mpn, qun, mrn not compiled for 96x64, so it is slower: its compiler needs more than 0 s" in caplog.text


def test_networks_that_were_compiled_before_the_deadline_are_taken(
    tmp_path: Path, engine: LaggingTorchEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The process is one that has reported two networks, one of them as failed, and then hangs."""
    program = f'print({REPORT!r} + \'{{"mrn": null, "qun": "no"}}\', flush=True); import time; time.sleep(60)'
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{program.replace(chr(34), chr(92) + chr(34))}"\n')
    python.chmod(0o755)
    monkeypatch.setattr(compiling.sys, "executable", str(python))
    compiled: list[str] = []

    def compile_step(step: Step, tensors: list[Tensor]) -> Step:
        compiled.append(step.__qualname__.split("_")[0])
        return step

    monkeypatch.setattr(compiling, "compile_step", compile_step)
    with LaggingTorchEngine(compile_seconds=2, cache=Cache(tmp_path / "cache")) as hurried:
        assert_same(hurried(sample_frame("real", *SIZE)), engine(sample_frame("real", *SIZE)))
        assert hurried.uncompiled[SIZE] == {"mpn": "its compiler needs more than 2 s", "qun": "no"}
    assert compiled == ["mrn"]
    assert caplog.text.count("not compiled for 96x64") == 2


def test_a_compiler_that_fails_is_logged(
    tmp_path: Path, engine: LaggingTorchEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(step: Step, tensors: list[Tensor]) -> Step:
        raise AssertionError("a kernel is too large\nand more")

    monkeypatch.setattr(compiling, "compile_step", fail)
    monkeypatch.setattr(lane_engine, "compile_apart", lambda *_: dict.fromkeys(NETWORKS))
    frame = sample_frame("real", *SIZE)
    with LaggingTorchEngine(compile_seconds=60, cache=Cache(tmp_path)) as broken:
        assert_same(broken(frame), engine(frame))
    assert "mpn, qun, mrn not compiled for 96x64, so it is slower: AssertionError: a kernel is too large\n" in caplog.text


def test_a_size_compiled_before_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(compiling, "compile_step", lambda step, tensors: step)
    monkeypatch.setattr(lane_engine, "compile_apart", lambda *_: dict.fromkeys(NETWORKS))
    frame = sample_frame("real", *SIZE)
    for start in range(2):
        caplog.clear()
        with LaggingTorchEngine(compile_seconds=60, cache=Cache(tmp_path)) as engine:
            engine(frame)
            assert engine.uncompiled[SIZE] == {}
        assert ("compiles its networks for 96x64" in caplog.text) == (start == 0)
    [entry] = Cache(tmp_path).entries()
    assert entry.key is not None
    assert (entry.key.backend, entry.key.shapes, entry.key.precision) == ("torch", "96x64", "fp16")
    code = Cache(tmp_path).code_folder("torch")
    assert code.is_dir()
    assert set(Cache(tmp_path).clear()) == {entry.path, code}
    assert not code.exists()


@pytest.mark.slow
@pytest.mark.skipif("SHM_COMPILE" not in os.environ, reason="compiles on the CPU for many minutes; set SHM_COMPILE=1 to run it")
def test_what_pytorch_compiles_gives_the_same_and_is_compiled_once(
    tmp_path: Path, engine: LaggingTorchEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """For the CPU, as there is no GPU: the code is another, what surrounds it is not."""
    from torch._dynamo.utils import counters

    for start in range(2):
        counters.clear()
        torch._dynamo.reset()
        caplog.clear()
        with LaggingTorchEngine(compile_seconds=1500, cache=Cache(tmp_path), as_released=True) as compiled:
            compiled(sample_frame("real", *SIZE))
            assert compiled.uncompiled[SIZE] == {}, caplog.text
            assert ("compiles its networks" in caplog.text) == (start == 0)
            assert counters["stats"]["unique_graphs"] == len(NETWORKS)
            assert counters["inductor"]["fxgraph_cache_miss"] == 0  # the process has filled it
            for kind in KINDS:
                frame = sample_frame(kind, *SIZE)
                matte, expected = compiled(frame), engine(frame)
                assert np.abs(matte.alpha - expected.alpha).max() * 255 < 2
                assert np.abs(matte.foreground.astype(int) - expected.foreground).max() <= 1
            assert counters["stats"]["unique_graphs"] == len(NETWORKS)  # not again in the thread of a stream
    assert any(Cache(tmp_path).code_folder("torch").iterdir())


def test_a_network_runs_without_gradients() -> None:
    seen: list[bool] = []
    network = TorchNetwork("qun", lambda *_: seen.append(torch.is_grad_enabled()), torch.device("cpu"))
    for name in ("image", "coarse", "unified"):
        network.bind(name, torch.empty(1))
    network.enqueue(0)
    assert seen == [False]
