"""What the large model sees, and the base model sees nothing of, is no person."""

import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engines
from engines import Engine, Frame
from engines.backends.openvino import OpenVINOEngine
from engines.backends.torch import TorchEngine
from engines.confirming import CONFIRMED, SEEN, can_be_confirmed, keep_confirmed
from engines.engine import Mask
from engines.geometry import BASE
from engines.store.cache import Cache

LARGE = "large"


def boxes(size: tuple[int, int], *placed: tuple[slice, slice]) -> Mask:
    mask = np.zeros(size, np.float32)
    for each in placed:
        mask[each] = 0.9
    return mask


PERSON, CHAIR = np.s_[20:96, 8:40], np.s_[60:90, 90:120]
HALF_PERSON, HALF_CHAIR = np.s_[10:48, 4:20], np.s_[30:45, 45:60]


def test_a_region_that_the_other_mask_lacks_goes() -> None:
    mask = boxes((96, 128), PERSON, CHAIR)
    keep_confirmed(mask, lambda: boxes((48, 64), HALF_PERSON))
    np.testing.assert_array_equal(mask, boxes((96, 128), PERSON))


def test_what_both_see_stays_as_it_was_and_nothing_is_added() -> None:
    mask = boxes((96, 128), PERSON)
    keep_confirmed(mask, lambda: boxes((48, 64), HALF_PERSON, HALF_CHAIR))
    np.testing.assert_array_equal(mask, boxes((96, 128), PERSON))


def test_a_part_of_a_person_is_enough() -> None:
    mask = boxes((96, 128), PERSON)
    keep_confirmed(mask, lambda: boxes((96, 128), np.s_[20:40, 8:40]))
    np.testing.assert_array_equal(mask, boxes((96, 128), PERSON))


def test_where_nobody_is_seen_the_other_model_does_not_run() -> None:
    mask = np.full((96, 128), 0.01, np.float32)
    keep_confirmed(mask, lambda: pytest.fail("it ran"))
    assert (mask == np.float32(0.01)).all()


@given(st.integers(0, 2**32 - 1), st.sampled_from([(24, 32), (48, 64), (13, 7)]))
def test_each_region_stays_or_goes_as_a_whole(seed: int, size: tuple[int, int]) -> None:
    random = np.random.default_rng(seed)
    noise = [cv2.resize(random.random(shape, np.float32), (32, 24)) for shape in ((6, 8), (3, 4))]
    before = np.where(noise[0] > 0.6, noise[0], np.float32(0))
    other = np.asarray(cv2.resize(np.where(noise[1] > 0.7, noise[1], np.float32(0)), size[::-1]), np.float32)
    mask = before.copy()
    keep_confirmed(mask, lambda: other)
    assert ((mask == before) | (mask == 0)).all()
    count, regions = cv2.connectedComponents((before > 0).astype(np.uint8), connectivity=8)
    there = cv2.resize(other, (32, 24))
    for number in range(1, count):
        kept = mask[regions == number] > 0
        assert kept.all() == kept.any() == (there[regions == number].mean() >= CONFIRMED)


@pytest.mark.parametrize("kind", [OpenVINOEngine, TorchEngine])
def test_the_loaded_large_model_is_confirmed(
    monkeypatch: pytest.MonkeyPatch, portrait: Frame, kind: Callable[..., Engine]
) -> None:
    with kind(model=LARGE) as alone, kind(model=LARGE, confirm=True) as engine:
        # The base model sees him, too. Specks may go, of less than a fiftieth.
        np.testing.assert_allclose(engine(portrait).alpha, alone(portrait).alpha, atol=0.02)
        monkeypatch.setattr("engines.confirming.CONFIRMED", 1.1)  # now nobody is
        assert engine(portrait).coarse.max() <= SEEN
        assert engine.coarse(portrait).max() <= SEEN
        assert alone(portrait).coarse.max() > 0.9
        mask = np.ones((8, 8), np.float32)
        np.testing.assert_array_equal(engine(portrait, mask).alpha, alone(portrait, mask).alpha)  # a given mask is


def test_the_large_model_is_loaded_so(monkeypatch: pytest.MonkeyPatch, portrait: Frame) -> None:
    monkeypatch.setattr("engines.confirming.CONFIRMED", 1.1)
    for backend in ("openvino", "torch"):
        with engines.load(backend, model=LARGE, closer=False) as engine:
            if engine.precision == "fp16":
                continue  # on a GPU: `backends/test_torch_lane_gpu.py`
            assert engine(portrait).coarse.max() <= SEEN


def test_the_base_model_is_not(monkeypatch: pytest.MonkeyPatch, portrait: Frame) -> None:
    monkeypatch.setattr("engines.confirming.CONFIRMED", 1.1)
    with engines.load("openvino", closer=False) as engine:
        assert engine(portrait).alpha.any()


def test_where_the_base_model_is_missing_the_large_one_runs_alone(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    with caplog.at_level(logging.INFO, "engines"):
        assert not can_be_confirmed(LARGE, tmp_path)
    assert caplog.messages == [f"{tmp_path} has no base model to confirm what the large one sees"]
    caplog.clear()
    assert not can_be_confirmed(BASE, tmp_path)
    assert not caplog.messages


def test_what_is_compiled_is_kept_apart(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    both = [OpenVINOEngine(model=LARGE, cache=cache, confirm=confirm) for confirm in (False, True)]
    assert len({engine.key(480, 640) for engine in both}) == 2
