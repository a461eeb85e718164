"""Where a frame is blurred, the base model's mask takes the place of the large one's."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engines import Engine, Frame
from engines.backends.gpu import focus as on_gpu
from engines.backends.openvino import OpenVINOEngine
from engines.backends.torch import TorchEngine
from engines.focus import blur, take_where_blurred
from tests.engines.backends.lagging import LaggingTorchEngine


def small(frame: Frame) -> NDArray[np.float32]:
    """A frame as QUN of the large model sees it, (3, h, w)."""
    low = cv2.resize(frame, (384, 512), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(low.transpose(2, 0, 1), np.float32) / 255


def out_of_focus(frame: Frame, part: float) -> Frame:
    """A frame blurred by that part of its longer side."""
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), max(frame.shape) / part), np.uint8)


def moved(frame: Frame, axis: int) -> Frame:
    """A frame of a camera that moved by a thirtieth of the longer side."""
    kernel = np.full((max(frame.shape) // 30, 1), 30 / max(frame.shape), np.float32)
    return np.asarray(cv2.filter2D(frame, -1, kernel if axis == 0 else kernel.T), np.uint8)


def test_sharp_pictures_are_not_blurred(portrait: Frame) -> None:
    noise = np.random.default_rng(0).normal(0, 3, portrait.shape)
    dark = np.clip(out_of_focus(portrait, 600) / 8 + noise, 0, 255).astype(np.uint8)
    for frame in (portrait, out_of_focus(portrait, 600), dark, portrait // 6):
        assert blur(small(frame)) == 0


def test_blurred_ones_are_the_more_so_the_more_they_are(portrait: Frame) -> None:
    shares = [blur(small(out_of_focus(portrait, part))) for part in (320, 240, 200, 160, 120, 60)]
    assert shares == sorted(shares)
    assert shares[0] < 0.2
    assert shares[-2:] == [1, 1]
    assert [blur(small(moved(portrait, axis))) for axis in (0, 1)] == [1, 1]


def test_nothing_to_see_is_not_blurred() -> None:
    grey = np.full((3, 384, 512), 0.5, np.float32)
    assert blur(grey) == blur(0 * grey) == 0
    assert on_gpu.blur(torch.from_numpy(grey)[None]) == on_gpu.blur(torch.zeros(1, 3, 384, 512)) == 0


@settings(max_examples=20, deadline=None)
@given(st.floats(60, 600), st.floats(0.1, 1), st.sampled_from([np.float32, np.float16]))
def test_on_a_gpu_it_is_the_same(portrait: Frame, part: float, light: float, dtype: Any) -> None:
    image = (light * small(out_of_focus(portrait, part))).astype(dtype).astype(np.float32)
    assert on_gpu.blur(torch.from_numpy(image)[None]).item() == pytest.approx(blur(image), abs=1e-4)
    other = np.random.default_rng(1).random((320, 256), np.float32)
    masks = [np.random.default_rng(2).random((512, 384), np.float32) for _ in range(2)]
    take_where_blurred(masks[0], image, lambda: other)
    on_gpu.take_where_blurred(torch.from_numpy(masks[1]), torch.from_numpy(image)[None], torch.from_numpy(other))
    np.testing.assert_allclose(masks[1], masks[0], atol=1e-4)


def test_the_mask_of_a_sharp_frame_stays_and_the_other_model_does_not_run(portrait: Frame) -> None:
    mask = np.full((512, 384), 0.3, np.float32)
    take_where_blurred(mask, small(portrait), lambda: pytest.fail("it ran"))
    assert (mask == np.float32(0.3)).all()


@pytest.mark.parametrize("kind", [OpenVINOEngine, TorchEngine])
def test_the_large_model_sees_in_blur_what_the_base_model_sees(portrait: Frame, kind: Callable[..., Engine]) -> None:
    blurred = out_of_focus(portrait, 60)
    with kind() as base, kind(model="large") as alone, kind(model="large", confirm=True) as engine:
        seen = cv2.resize(base(blurred).coarse, (384, 512))
        assert np.abs(engine(blurred).coarse - seen).mean() < 0.01  # of the same field of view, by other pixels
        assert np.abs(alone(blurred).coarse - seen).mean() > 0.03
        np.testing.assert_array_equal(engine.coarse(blurred), engine(blurred).coarse)


def test_so_it_does_in_the_lane_of_a_gpu(portrait: Frame) -> None:
    blurred = out_of_focus(portrait, 60)
    with LaggingTorchEngine(model="large") as lane, TorchEngine(model="large", confirm=True) as engine:
        assert np.abs(lane(blurred).coarse - engine(blurred).coarse).max() * 255 < 4
