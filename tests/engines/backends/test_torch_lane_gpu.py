"""The backend torch on a CUDA GPU: compiled, and uncompiled in the CUDA graph."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import engines
from engines import Frame
from engines.backends.torch import TorchEngine
from engines.backends.torch_lane.engine import TorchLaneEngine
from engines.confirming import SEEN
from engines.geometry import MODELS, Size
from engines.store.cache import Cache
from engines.store.parity import KINDS, check_parity, sample_frame
from tests.imports import ROOT

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no CUDA GPU"),
]
COMPILE_SECONDS = {"compiled": 240.0, "uncompiled": 0.0}


@pytest.fixture(scope="module", params=COMPILE_SECONDS)
def engine(request: pytest.FixtureRequest) -> Iterator[TorchLaneEngine]:
    with TorchLaneEngine(compile_seconds=COMPILE_SECONDS[request.param]) as ready:
        yield ready


def in_flight(engine: TorchLaneEngine, frames: list[Frame], background: Frame | None) -> list[Frame]:
    """Results of frames, of which two are in flight besides the one that is taken."""
    pending = [engine.submit(frame) for frame in frames[:2]]
    taken = []
    for index in range(len(frames)):
        if index + 2 < len(frames):
            pending.append(engine.submit(frames[index + 2]))
        each = pending.pop(0)
        taken.append(each.matte().foreground if background is None else each.composite(background))
    return taken


def exact(engine: TorchLaneEngine, frame: Frame, background: Frame) -> np.ndarray:
    matte = engine(frame)
    alpha = matte.alpha[..., None].astype(np.float64)
    return np.asarray(alpha * matte.foreground + (1 - alpha) * background)


@pytest.mark.parametrize(("height", "width"), [(800, 800), (1080, 1920), (301, 211)])
def test_parity_on_all_kinds_of_frames(engine: TorchLaneEngine, height: int, width: int) -> None:
    print(check_parity(engine, height, width))
    assert engine.uncompiled.get(Size(height, width), {}) == {}


def test_parity_of_the_large_model() -> None:
    with TorchLaneEngine(model="large", compile_seconds=240) as engine:
        print(check_parity(engine, 800, 800, "large"))


def test_the_large_model_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = sample_frame("real", 800, 800)
    with TorchLaneEngine(model="large", compile_seconds=0) as engine, TorchLaneEngine(model="large", compile_seconds=0) as none:
        assert engine(frame).coarse.max() > 0.9
        monkeypatch.setattr("engines.backends.gpu.confirming.CONFIRMED", 1.1)  # now nobody is
        assert none(frame).coarse.max() <= np.float16(SEEN)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_other_precisions_run_uncompiled(precision: str) -> None:
    with engines.load("torch", precision=precision) as engine:
        assert isinstance(engine, TorchEngine)
        frame = sample_frame("real", 301, 211)
        error = np.abs(engine(frame).alpha - TorchEngine(precision="fp32", device="cpu")(frame).alpha) * 255
        print(f"{precision} on {engine.device}: mean {error.mean():.3f}, worst {error.max():.2f} levels")
        assert error.mean() < (0.05 if precision == "fp32" else 2)


def test_fp16_is_the_default_and_goes_through_the_lanes() -> None:
    with engines.load("torch") as engine:
        assert isinstance(engine, TorchLaneEngine)
        assert engine.device == torch.cuda.get_device_name()


def test_a_given_mask(engine: TorchLaneEngine) -> None:
    frame, mask = sample_frame("real", 301, 211), np.zeros((90, 75), np.float32)
    mask[20:, 20:55] = 1
    before, expected = engine(frame).alpha, TorchEngine(precision="fp32", device="cpu")(frame, mask)
    assert np.abs(engine(frame, mask).alpha - expected.alpha).mean() * 255 < 0.5
    np.testing.assert_array_equal(engine(frame).alpha, before)


def test_overlapped_frames_equal_those_run_alone(engine: TorchLaneEngine) -> None:
    frames = [sample_frame(kind, 800, 800) for kind in KINDS] * 8
    for ours, frame in zip(in_flight(engine, frames, None), frames, strict=True):
        np.testing.assert_array_equal(ours, engine(frame).foreground)


def test_pictures_of_several_sizes_are_within_a_level_of_the_formula(engine: TorchLaneEngine) -> None:
    for height, width in ((301, 211), (800, 800), (301, 211)):
        frames = [sample_frame(kind, height, width) for kind in KINDS] * 3
        background = np.random.default_rng(2).integers(0, 256, frames[0].shape, np.uint8)
        for picture, frame in zip(in_flight(engine, frames, background), frames, strict=True):
            assert np.abs(picture - exact(engine, frame, background)).max() <= 1


def test_the_graph_uses_the_streams_of_its_engine_only(engine: TorchLaneEngine) -> None:
    """Work of others on the GPU meanwhile, on the default stream, changes nothing."""
    frame = sample_frame("real", 800, 800)
    expected = engine(frame).alpha
    noise = torch.rand(4096, 4096, device="cuda")
    for _ in range(20):
        noise = noise @ noise / 4096
        np.testing.assert_array_equal(engine(frame).alpha, expected)


def test_tensorfloat_32_is_off_inside_only() -> None:
    before = torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark
    with TorchLaneEngine(compile_seconds=0) as engine:
        frame = sample_frame("dark", 301, 211)
        coarse = np.abs(engine(frame).coarse - TorchEngine(precision="fp32", device="cpu")(frame).coarse)
    assert coarse.max() < 2e-3  # float16 of the output, and no more
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark) == before


@pytest.mark.parametrize(("height", "width"), [(800, 800), (1080, 1920)])
def test_overlapping_is_faster_and_allocates_nothing(engine: TorchLaneEngine, height: int, width: int) -> None:
    frames = [sample_frame("real", height, width)] * 200
    background = np.full_like(frames[0], 90)
    background.setflags(write=False)
    in_flight(engine, frames[:20], background)
    allocated = torch.cuda.memory_stats()["allocation.all.allocated"]
    began = time.perf_counter()
    in_flight(engine, frames, background)
    overlapped = time.perf_counter() - began
    began = time.perf_counter()
    for frame in frames:
        engine.submit(frame).composite(background)
    alone = time.perf_counter() - began
    each = [seconds / len(frames) * 1e3 for seconds in (overlapped, alone)]
    networks = statistics.median(engine.profile(frames[0]).ms["all three"] for _ in range(20))
    where = f"torch on {engine.device}, {width}x{height}"
    print(f"{where}: {each[0]:.2f} ms a frame overlapped, {each[1]:.2f} ms alone, networks {networks:.2f} ms")
    in_flight(engine, frames[:20], background)
    assert torch.cuda.memory_stats()["allocation.all.allocated"] == allocated
    assert overlapped < alone


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("height", "width"), [(800, 800), (1080, 1920), (2160, 3840)])
def test_compiled_is_faster_than_uncompiled_and_that_than_the_reference(height: int, width: int, model: str) -> None:
    frame = sample_frame("real", height, width)
    made: dict[str, TorchLaneEngine | TorchEngine] = {
        "compiled": TorchLaneEngine(model=model, compile_seconds=240),
        "uncompiled": TorchLaneEngine(model=model, compile_seconds=0),
        "reference": TorchEngine(model=model, precision="fp16"),
    }
    times: dict[str, list[float]] = {name: [] for name in made}
    for _ in range(70):  # in turn
        for name, each in made.items():
            began = time.perf_counter()
            each(frame)
            times[name].append((time.perf_counter() - began) * 1e3)
    median = {name: statistics.median(ms[20:]) for name, ms in times.items()}
    print(
        f"{model} on {torch.cuda.get_device_name()}, {width}x{height}:", ", ".join(f"{k} {v:.2f} ms" for k, v in median.items())
    )
    for each in made.values():
        each.close()
    assert median["compiled"] < median["uncompiled"] < median["reference"]


@pytest.mark.slow
def test_a_second_start_takes_seconds(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from engines.backends.torch_lane.engine import TorchLaneEngine\n"
        "from engines.store.cache import Cache; from engines.store.parity import sample_frame; began = time.perf_counter()\n"
        "engine = TorchLaneEngine(cache=Cache(Path(sys.argv[1])), compile_seconds=240)\n"
        "engine(sample_frame('real', 800, 800))\n"
        "print(time.perf_counter() - began, len(engine.uncompiled[800, 800]))"
    )
    seconds = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=400
        )
        took, failed = done.stdout.split()
        assert failed == "0", done.stderr
        seconds.append(float(took))
    print(f"first start {seconds[0]:.1f} s, second {seconds[1]:.1f} s")
    assert seconds[1] < max(20, seconds[0] / 2)
    [entry] = Cache(tmp_path).entries()
    assert entry.key is not None
    assert entry.key.backend == "torch"


@pytest.mark.slow
def test_ten_thousand_frames_are_alike_and_memory_is_flat(engine: TorchLaneEngine) -> None:
    frames: dict[str, Frame] = {kind: sample_frame(kind, 800, 800) for kind in KINDS}
    first = {kind: engine(frame).alpha for kind, frame in frames.items()}
    for frame in frames.values():
        engine.submit(frame).composite(frames[KINDS[0]])
    free, _ = torch.cuda.mem_get_info()
    reserved = torch.cuda.memory_reserved()
    for index in range(10_000):
        kind = KINDS[index % len(KINDS)]
        if index % 500 < len(KINDS):
            np.testing.assert_array_equal(engine(frames[kind]).alpha, first[kind])
        engine.submit(frames[kind]).composite(frames[KINDS[0]])
    assert torch.cuda.memory_reserved() == reserved
    assert abs(torch.cuda.mem_get_info()[0] - free) < 2**20
