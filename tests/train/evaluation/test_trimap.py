"""Trimaps of the truth, and closed-form matting from them."""

import sys

import numpy as np
import pytest

from train.evaluation.metrics import edge_band, mse
from train.evaluation.trimap import closed_form, trimap


@pytest.fixture(scope="module")
def ramp() -> tuple[np.ndarray, np.ndarray]:
    """A soft-edged red disc on green, of known alpha."""
    y, x = np.mgrid[:96, :96]
    truth = np.clip((34 - np.hypot(x - 48, y - 48)) / 6 + 0.5, 0, 1).astype(np.float32)
    frame = np.rint(truth[..., None] * (220, 30, 20) + (1 - truth[..., None]) * (20, 180, 60)).astype(np.uint8)
    return frame, truth


def test_a_trimap_leaves_open_what_the_edge_band_has(ramp: tuple[np.ndarray, np.ndarray]) -> None:
    known = trimap(ramp[1])
    assert np.array_equal(known == 0.5, edge_band(ramp[1]))
    assert known[48, 48] == 1
    assert known[0, 0] == 0


def test_closed_form_finds_the_alpha_of_plain_colours(ramp: tuple[np.ndarray, np.ndarray]) -> None:
    frame, truth = ramp
    alpha = closed_form(frame, truth)
    assert mse(alpha, truth) < 1e-3 < mse((truth > 0.5).astype(np.float32), truth)
    empty = np.zeros_like(truth)
    assert np.array_equal(closed_form(frame, empty), empty)
    assert "pymatting.alpha.estimate_alpha_sm" not in sys.modules  # Numba would compile that, too, for a minute
