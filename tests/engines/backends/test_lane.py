"""The way of a frame through the FP16 graphs: the code that runs on a GPU, run on the CPU with ONNX Runtime for TensorRT.

The streams lag behind at random: if one does not wait for another, frames get mixed up.
"""

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from engines import Engine, Frame, Matte
from engines.backends.gpu.lane import AHEAD, TENSORS, buffer_forms
from engines.backends.gpu.lanes import SIZES_KEPT
from engines.engine import OverlappingEngine
from engines.weights import NETWORKS
from tests.engines.backends.lagging import LaggingEngine
from tests.engines.graphs.test_fp16 import frame_of

OneByOne = Callable[[list[Frame]], list[Matte]]
PARTS = ("alpha", "foreground", "coarse", "unified")


@pytest.fixture(scope="module")
def engine() -> Iterator[LaggingEngine]:
    with LaggingEngine() as engine:
        yield engine


@pytest.fixture(scope="module")
def one_by_one(engine: LaggingEngine) -> OneByOne:
    """What frames give one by one, each computed once for all tests."""
    known: dict[tuple[object, ...], Matte] = {}

    def mattes(frames: list[Frame]) -> list[Matte]:
        keys = [(frame.shape, frame.tobytes()) for frame in frames]
        known.update({key: engine(frame) for key, frame in zip(keys, frames, strict=True) if key not in known})
        return [known[key] for key in keys]

    return mattes


def frames_of(portrait: Frame, count: int) -> list[Frame]:
    """Each another picture, of 64x96."""
    return [np.ascontiguousarray(np.roll(frame_of("real", portrait, 64, 96), 11 * index, axis=1)) for index in range(count)]


def assert_same(ours: Matte, expected: Matte) -> None:
    for name in PARTS:
        np.testing.assert_array_equal(getattr(ours, name), getattr(expected, name))


@pytest.mark.parametrize(("height", "width"), [(301, 211), (200, 320)])
def test_a_lane_gives_what_pytorch_gives(
    engine: LaggingEngine, torch_engine: Engine, portrait: Frame, height: int, width: int
) -> None:
    for kind in ("real", "dark", "bright"):  # one after the other in the same buffers
        frame = frame_of(kind, portrait, height, width)
        ours, oracle = engine(frame), torch_engine(frame)
        for name in ("alpha", "coarse", "unified"):
            error = np.abs(getattr(ours, name) - getattr(oracle, name)) * 255
            assert getattr(ours, name).dtype == np.float32
            assert error.mean() < 0.5, (kind, name)
            assert error.max() < 4, (kind, name)
        assert np.abs(ours.foreground.astype(int) - oracle.foreground)[oracle.alpha > 0].max() <= 4


def test_a_given_mask_replaces_mpn_for_its_frame_only(engine: LaggingEngine, torch_engine: Engine, portrait: Frame) -> None:
    frame = frame_of("real", portrait, 301, 211)
    mask = np.zeros((90, 75), np.float32)
    mask[20:, 20:55] = 1
    before, masked, after = (engine.submit(frame, each) for each in (None, mask, None))
    plain, ours, oracle = before.matte(), masked.matte(), torch_engine(frame, mask)
    assert np.abs(ours.coarse - oracle.coarse).max() * 255 < 1
    assert np.abs(ours.alpha - oracle.alpha).mean() * 255 < 0.5
    assert np.abs(ours.coarse - plain.coarse).max() > 0.5
    assert_same(after.matte(), plain)


def test_invalid_input_is_refused_and_does_not_affect_the_next_frame(engine: LaggingEngine, portrait: Frame) -> None:
    (frame,) = frames_of(portrait, 1)
    before = engine(frame)
    with pytest.raises(ValueError, match="uint8"):
        engine.submit(frame.astype(np.float32))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="mask"):
        engine.submit(frame, np.zeros((8, 8, 3), np.float32))
    pending = engine.submit(frame)
    for wrong in (frame[:, 1:], frame.astype(np.float32)):
        with pytest.raises(ValueError, match="background"):
            pending.composite(wrong)  # type: ignore[arg-type]
    assert_same(pending.matte(), before)


def test_the_networks_share_their_buffers_and_each_address_is_bound_once(portrait: Frame) -> None:
    with LaggingEngine() as engine:
        for frame in frames_of(portrait, 4):
            engine(frame)
        assert len(engine.networks) == len(NETWORKS)
        for name, network in zip(NETWORKS, engine.networks, strict=True):
            assert sorted(network.bound) == sorted(TENSORS[name])
            ends = [*network.session.get_inputs(), *network.session.get_outputs()]
            expected = {each: buffer_forms(64, 96)[each].shape for each in TENSORS[name]}
            assert {end.name: tuple(end.shape) for end in ends} == expected


@pytest.mark.parametrize("waiting", [1, 2, 3, 6])
def test_frames_in_flight_together_keep_their_own_mattes(
    engine: LaggingEngine, one_by_one: OneByOne, portrait: Frame, waiting: int
) -> None:
    frames = frames_of(portrait, 8)
    alone = one_by_one(frames)
    given, pending, ours = np.empty_like(frames[0]), [], []
    for frame in frames * 2:
        given[:] = frame  # the same array each time: it may be overwritten
        pending.append(engine.submit(given))
        if len(pending) == waiting:
            ours.append(pending.pop(0).matte())
    ours += [each.matte() for each in pending]
    for index, matte in enumerate(ours):  # and the arrays are the caller's own, so none was overwritten by a later one
        assert_same(matte, alone[index % len(frames)])


def exact(matte: Matte, background: Frame) -> np.ndarray:
    alpha = matte.alpha.astype(np.float64)[..., None]
    return np.asarray(alpha * matte.foreground + (1 - alpha) * background)


def test_alternating_composites_and_mattes_each_use_their_background(
    engine: LaggingEngine, one_by_one: OneByOne, portrait: Frame
) -> None:
    frames = frames_of(portrait, 6)
    alone = one_by_one(frames)
    rng = np.random.default_rng(3)
    still = rng.integers(0, 256, frames[0].shape, np.uint8)
    still.setflags(write=False)
    moving = np.empty_like(still)
    pending = [engine.submit(frame) for frame in frames[:2]]
    for index in range(24):
        pending.append(engine.submit(frames[(index + 2) % 6]))
        taken, expected = pending.pop(0), alone[index % 6]
        if index % 3 == 2:
            assert_same(taken.matte(), expected)
            continue
        if index % 3:
            moving[:] = rng.integers(0, 256, moving.shape)  # in the same array
        background = moving if index % 3 else still
        picture = taken.composite(background)
        assert picture.dtype == np.uint8
        assert np.abs(picture - exact(expected, background)).max() <= 1


def test_a_result_is_taken_once(engine: LaggingEngine, portrait: Frame) -> None:
    pending = engine.submit(frames_of(portrait, 1)[0])
    pending.wait()
    pending.matte()
    pending.wait()
    with pytest.raises(ValueError, match="already"):
        pending.matte()
    with pytest.raises(ValueError, match="already"):
        pending.composite(frames_of(portrait, 1)[0])


def test_nothing_is_allocated_and_each_frame_is_waited_for_once(portrait: Frame, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = frames_of(portrait, 12)
    still = frames[0].copy()
    with LaggingEngine() as engine:
        pending = [engine.submit(frame) for frame in frames[:3]]
        for each in pending:  # three are under way at most, as in a pipeline
            each.composite(still)
        del pending, each
        made: list[object] = []
        empty = torch.empty
        monkeypatch.setattr(torch, "empty", lambda *shape, **kind: made.append(shape) or empty(*shape, **kind))
        monkeypatch.setattr(engine.on, "pinned", lambda *kind: pytest.fail("pinned memory for each frame"))
        engine.on.synchronised.clear()
        for frame in frames:
            engine(frame)
            engine.submit(frame).composite(still)
        assert made == []
        assert len(engine.on.synchronised) == 2 * len(frames)


def test_results_that_nobody_takes_block_nothing(engine: LaggingEngine, one_by_one: OneByOne, portrait: Frame) -> None:
    frames = frames_of(portrait, 5)
    alone = one_by_one(frames)
    for index in range(20):
        pending = engine.submit(frames[index % 5])
        if index % 2:
            assert_same(pending.matte(), alone[index % 5])
        del pending
    kept = [engine.submit(frame) for frame in frames * 2]  # nor do those that are kept
    for each, expected in zip(kept, alone * 2, strict=True):
        assert_same(each.matte(), expected)


def test_at_most_two_frames_are_ahead_of_the_networks(portrait: Frame) -> None:
    with LaggingEngine() as engine:
        kept = []
        for count, frame in enumerate(frames_of(portrait, 8), 1):
            kept.append(engine.submit(frame))
            computed = [name for name, *_ in list(engine.on.done)].count("compute") // 3  # in, through the networks, out
            assert count - computed <= AHEAD


def test_uploads_and_downloads_overlap_with_computing(portrait: Frame) -> None:
    with LaggingEngine() as engine:
        frames = frames_of(portrait, 24)
        engine(frames[0])
        engine.on.done.clear()
        pending = [engine.submit(frame) for frame in frames[:2]]
        for frame in frames[2:]:
            pending.append(engine.submit(frame))
            pending.pop(0).matte()
        computed = [(began, ended) for name, began, ended in engine.on.done if name == "compute"]
        for way in ("upload", "download"):
            moved = [(began, ended) for name, began, ended in engine.on.done if name == way]
            assert any(began < end and start < ended for began, ended in moved for start, end in computed), way


def test_streams_that_share_an_engine_get_their_own_mattes(
    engine: LaggingEngine, one_by_one: OneByOne, portrait: Frame
) -> None:
    frames = frames_of(portrait, 6)
    wide = [np.ascontiguousarray(frame[:, :80]) for frame in frames]
    alone = {id(each): one_by_one(each) for each in (frames, wide)}
    background = np.full_like(frames[0], 90)
    failed: list[BaseException] = []

    def stream(own: list[Frame], offset: int, ahead: int) -> None:
        try:
            behind = background[:, : own[0].shape[1]]
            pending = [engine.submit(own[(index + offset) % 6]) for index in range(ahead)]
            for index in range(8):
                pending.append(engine.submit(own[(index + ahead + offset) % 6]))
                expected = alone[id(own)][(index + offset) % 6]
                if index % 2:
                    assert_same(pending.pop(0).matte(), expected)
                else:
                    assert np.abs(pending.pop(0).composite(behind) - exact(expected, behind)).max() <= 1
        except BaseException as error:
            failed.append(error)

    threads = [
        threading.Thread(target=stream, args=each) for each in ((frames, 0, 2), (frames, 3, 1), (wide, 1, 2), (wide, 4, 0))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_evicting_a_frame_size_leaves_its_pending_frames_intact(portrait: Frame) -> None:
    with LaggingEngine() as engine:
        (frame,) = frames_of(portrait, 1)
        expected, pending = engine(frame), engine.submit(frame)
        for width in range(32, 32 + SIZES_KEPT):
            engine(np.zeros((32, width, 3), np.uint8))
        assert (64, 96) not in engine.lanes._lanes
        assert_same(pending.matte(), expected)


def test_a_device_that_fails_is_raised_where_its_frame_is_taken(portrait: Frame) -> None:
    (frame,) = frames_of(portrait, 1)
    with LaggingEngine() as engine:
        before = engine(frame)

        def broken(stream: int) -> None:
            raise RuntimeError("the device fell off")

        engine.networks[-1].enqueue = broken  # type: ignore[method-assign]
        pending = engine.submit(frame)
        with pytest.raises(RuntimeError, match="fell off"):
            pending.matte()
        engine.on.failed = None
        del engine.networks[-1].enqueue
        assert_same(engine(frame), before)


def test_only_engines_on_streams_are_overlapping_engines(
    engine: LaggingEngine, torch_engine: Engine, openvino_engine: Engine
) -> None:
    assert isinstance(engine, OverlappingEngine)
    assert not isinstance(torch_engine, OverlappingEngine)
    assert not isinstance(openvino_engine, OverlappingEngine)
