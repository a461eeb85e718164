"""Regions that the base model does not confirm, on a PyTorch device: the same as with OpenCV."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engines import confirming
from engines.backends.gpu.confirming import keep_confirmed, label_regions
from engines.engine import Mask


def assert_same_regions(seen: NDArray[np.bool_]) -> None:
    """Check the regions of OpenCV against ours, whatever their numbers."""
    count, expected = cv2.connectedComponents(seen.astype(np.uint8), connectivity=8)
    ours = label_regions(torch.from_numpy(seen)).numpy()
    np.testing.assert_array_equal(ours > 0, seen)
    assert len({*zip(ours[seen].tolist(), expected[seen].tolist(), strict=True)}) == count - 1 == len(np.unique(ours[seen]))


SIZES = [(48, 64), (96, 128), (200, 150)]


def rings(size: int) -> NDArray[np.bool_]:
    """Rings one inside the other, each of a pixel's width, and joined to the next at one place."""
    distance = np.maximum(*np.abs(np.mgrid[-size : size + 1, -size : size + 1]))
    seen = distance % 2 == 0
    for number, inner in enumerate(range(0, size - 1, 2)):
        seen[(size + inner + 1, size) if number % 2 else (size, size - inner - 1)] = True
    return seen


@pytest.mark.parametrize("shape", [(40, 56), (7, 3), (1, 5)])
@pytest.mark.parametrize("value", [False, True])
def test_regions_of_nothing_and_of_everything(shape: tuple[int, int], value: bool) -> None:
    assert_same_regions(np.full(shape, value))


def test_regions_of_rings_that_hang_together() -> None:
    assert_same_regions(rings(60))
    assert_same_regions(np.pad(rings(20), 3))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.9))
def test_regions_are_those_of_opencv(seed: int, share: float) -> None:
    noise = np.random.default_rng(seed).random((24, 32), np.float32)
    assert_same_regions(cv2.resize(noise, (96, 72)) < share)


def masks(seed: int, size: tuple[int, int]) -> tuple[Mask, Mask]:
    """A mask with several regions, and another one of some size."""
    random = np.random.default_rng(seed)
    noise = [cv2.resize(random.random(shape, np.float32), (128, 96)) for shape in ((6, 8), (3, 4))]
    other = np.asarray(cv2.resize(np.where(noise[1] > 0.6, noise[1], np.float32(0)), size[::-1]), np.float32)
    return np.where(noise[0] > 0.6, noise[0], np.float32(0)), other


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(SIZES),
    st.sampled_from([torch.float16, torch.float32]),
)
def test_what_stays_is_what_stays_with_opencv(seed: int, size: tuple[int, int], dtype: torch.dtype) -> None:
    before, other = masks(seed, size)
    before = torch.from_numpy(before).to(dtype).float().numpy()
    expected, ours = before.copy(), torch.from_numpy(before).to(dtype)
    confirming.keep_confirmed(expected, lambda: other)
    keep_confirmed(ours, torch.from_numpy(other))
    _, regions = cv2.connectedComponents((before > confirming.SEEN).astype(np.uint8), connectivity=8)
    there = cv2.resize(other, before.shape[::-1])
    for number in range(1, regions.max() + 1):
        if abs(there[regions == number].mean() - confirming.CONFIRMED) > 1e-3:  # nearer, a rounding decides
            np.testing.assert_array_equal(ours.float().numpy()[regions == number], expected[regions == number])


def test_what_is_too_faint_for_a_region_stays() -> None:
    mask = torch.full((48, 64), 0.01)
    keep_confirmed(mask, torch.zeros(24, 32))
    assert (mask == 0.01).all()
