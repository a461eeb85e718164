"""TensorRT engines on a GPU. None of this has run yet: no GPU with TensorRT was available."""

import statistics
import time
from collections.abc import Iterator
from typing import NoReturn

import numpy as np
import pytest
import torch

from engines import Engine, Frame, load
from engines.backends import BACKENDS
from engines.backends.gpu.errors import GuardedFrame, gpu_errors
from engines.backends.gpu.lane import PendingFrame
from engines.backends.nvidia import driver_missing
from engines.backends.torch import TorchEngine
from engines.confirming import SEEN
from engines.engine import OverlappingEngine
from engines.errors import EngineError
from engines.store.parity import KINDS, check_parity, sample_frame

NAMES = ("tensorrt", "tensorrt-rtx")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate"), "the GPU is out of memory; close what else uses it"),
        (
            RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors"),
            r"\(CUDA error: unspecified launch failure\)",
        ),
        (RuntimeError(), r"\(RuntimeError\)"),
    ],
)
def test_a_gpu_error_is_one_line(error: Exception, message: str) -> None:
    with pytest.raises(EngineError, match=message) as refused, gpu_errors("tensorrt"):
        raise error
    assert "\n" not in str(refused.value)
    assert "tensorrt: " in str(refused.value)
    assert "openvino" in str(refused.value)


def test_a_gpu_error_while_a_frame_is_in_flight_is_one_line() -> None:
    class Broken(PendingFrame):
        def __init__(self) -> None:
            self._slot = None

        def fails(self, *_: object) -> NoReturn:
            raise RuntimeError("CUDA error: the device fell off the bus")

        wait = matte = composite = fails

    frame = GuardedFrame(Broken(), "tensorrt")
    for take in (frame.wait, frame.matte, lambda: frame.composite(np.zeros((32, 32, 3), np.uint8))):
        with pytest.raises(EngineError, match=r"tensorrt: the GPU fails \(CUDA error: the device fell off the bus\)"):
            take()


@pytest.fixture(scope="module", params=NAMES)
def backend(request: pytest.FixtureRequest) -> str:
    if missing := driver_missing():
        pytest.skip(missing)
    if packages := BACKENDS[request.param].missing_packages():
        pytest.skip(f"{' and '.join(packages)} not installed")
    return str(request.param)


@pytest.fixture(scope="module")
def engine(backend: str) -> Iterator[Engine]:
    with load(backend) as ready:
        yield ready


@pytest.mark.gpu
@pytest.mark.parametrize(("height", "width"), [(800, 800), (720, 1280), (301, 211)])
def test_parity(engine: Engine, height: int, width: int) -> None:
    print(check_parity(engine, height, width))


@pytest.mark.gpu
def test_the_large_model_is_confirmed(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = sample_frame("real", 800, 800)
    with load(backend, model="large") as engine, load(backend, model="large") as none:
        print(check_parity(engine, 800, 800, "large"))
        monkeypatch.setattr("engines.backends.gpu.confirming.CONFIRMED", 1.1)  # now nobody is
        assert none(frame).coarse.max() <= np.float16(SEEN)


@pytest.mark.gpu
def test_a_given_mask(engine: Engine, torch_engine: Engine) -> None:
    frame, mask = sample_frame("real", 301, 211), np.zeros((90, 75), np.float32)
    mask[20:, 20:55] = 1
    before = engine(frame).alpha
    assert np.abs(engine(frame, mask).alpha - torch_engine(frame, mask).alpha).mean() * 255 < 0.5
    np.testing.assert_array_equal(engine(frame).alpha, before)


@pytest.mark.gpu
@pytest.mark.parametrize(("height", "width"), [(800, 800), (1080, 1920), (2160, 3840)])
def test_it_is_faster_than_pytorch_on_the_same_gpu(engine: Engine, height: int, width: int) -> None:
    frame = sample_frame("real", height, width)
    times: dict[str, list[float]] = {"tensorrt": [], "torch": []}
    reference = TorchEngine(precision="fp16")
    for _ in range(220):  # in turn
        for name, each in (("tensorrt", engine), ("torch", reference)):
            began = time.perf_counter()
            each(frame)
            times[name].append((time.perf_counter() - began) * 1e3)
    for name, ms in times.items():
        p95 = float(np.percentile(ms[20:], 95))
        print(f"{name} on {engine.device}, {width}x{height}: median {statistics.median(ms[20:]):.2f} ms, p95 {p95:.2f} ms")
    assert statistics.median(times["tensorrt"][20:]) < statistics.median(times["torch"][20:])


def in_flight(engine: OverlappingEngine, frames: list[Frame], background: Frame | None) -> list[Frame]:
    """Results of frames, of which two are in flight besides the one that is taken."""
    pending = [engine.submit(frame) for frame in frames[:2]]
    taken = []
    for index in range(len(frames)):
        if index + 2 < len(frames):
            pending.append(engine.submit(frames[index + 2]))
        each = pending.pop(0)
        taken.append(each.matte().foreground if background is None else each.composite(background))
    return taken


@pytest.mark.gpu
def test_overlapped_frames_equal_those_run_alone(engine: OverlappingEngine) -> None:
    frames = [sample_frame(kind, 720, 1280) for kind in KINDS] * 8
    for ours, frame in zip(in_flight(engine, frames, None), frames, strict=True):
        np.testing.assert_array_equal(ours, engine(frame).foreground)


@pytest.mark.gpu
def test_a_picture_made_on_the_gpu_is_within_a_level_of_the_formula(engine: OverlappingEngine) -> None:
    frames = [sample_frame(kind, 301, 211) for kind in KINDS] * 8
    background = np.random.default_rng(2).integers(0, 256, frames[0].shape, np.uint8)
    for picture, frame in zip(in_flight(engine, frames, background), frames, strict=True):
        matte = engine(frame)
        alpha = matte.alpha[..., None].astype(np.float64)
        assert np.abs(picture - (alpha * matte.foreground + (1 - alpha) * background)).max() <= 1


@pytest.mark.gpu
def test_overlapping_is_faster_and_allocates_nothing(engine: OverlappingEngine) -> None:
    frames = [sample_frame("real", 1080, 1920)] * 200
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
    print(f"{engine.name} on {engine.device}, 1920x1080: {each[0]:.2f} ms a frame overlapped, {each[1]:.2f} ms alone")
    assert torch.cuda.memory_stats()["allocation.all.allocated"] == allocated
    assert overlapped < alone


@pytest.mark.gpu
@pytest.mark.slow
def test_ten_thousand_frames_are_alike_and_memory_is_flat(engine: OverlappingEngine) -> None:
    frames: dict[str, Frame] = {kind: sample_frame(kind, 720, 1280) for kind in KINDS}
    first = {kind: engine(frame).alpha for kind, frame in frames.items()}
    free, _ = torch.cuda.mem_get_info()
    for index in range(10_000):
        kind = KINDS[index % len(KINDS)]
        alpha = engine(frames[kind]).alpha
        if index % 500 < len(KINDS):
            np.testing.assert_array_equal(alpha, first[kind])
        engine.submit(frames[kind]).composite(frames[KINDS[0]])
    assert abs(torch.cuda.mem_get_info()[0] - free) < 2**20
