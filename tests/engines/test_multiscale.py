"""Masks that parts of a frame make finer, and mattes made in parts."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import engines
import realtime
from engines.engine import Frame, Mask, Matte
from engines.multiscale import SHARES, fine_mask, has_parts, matte_in_parts
from tests.realtime.plain_engine import PlainEngine

PORTRAIT = Path(realtime.__file__).parent / "samples" / "portrait.jpg"
HEIGHT, WIDTH = 64, 48  # of a mask
FINE = tuple(round(side / SHARES[0][1]) for side in (HEIGHT, WIDTH))


class Seeing(PlainEngine):
    """Its mask is what it sees of the red channel, as finely as MPN would."""

    def coarse(self, frame: Frame) -> Mask:
        red = np.ascontiguousarray(frame[..., 0]).astype(np.float32) / 255
        return np.asarray(cv2.resize(red, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.float32)


class Mistaken(Seeing):
    """Takes all that it sees in a part of the frame for a person."""

    def coarse(self, frame: Frame) -> Mask:
        mask = super().coarse(frame)
        return mask if frame.shape[0] == 4 * HEIGHT else np.ones_like(mask)


class Blurred(Seeing):
    """Sees less sharply than its mask has pixels."""

    def coarse(self, frame: Frame) -> Mask:
        return np.asarray(cv2.GaussianBlur(super().coarse(frame), (0, 0), 1.5), np.float32)


def disc() -> Frame:
    frame = np.zeros((4 * HEIGHT, 4 * WIDTH, 3), np.uint8)
    return np.asarray(cv2.circle(frame, (90, 130), 70, (255, 255, 255), -1), np.uint8)


def as_large(mask: Mask) -> Mask:
    """A mask of the whole frame, enlarged to a fine one."""
    return np.asarray(cv2.resize(mask, (FINE[1], FINE[0])), np.float32)


def test_edges_are_nearer_to_the_truth() -> None:
    truth = np.asarray(cv2.resize(disc()[..., 0], (FINE[1], FINE[0]), interpolation=cv2.INTER_AREA), np.float32) / 255
    once, fine = (np.abs(mask - truth).mean() for mask in (as_large(Blurred().coarse(disc())), fine_mask(disc(), Blurred())))
    assert fine < 0.8 * once


def test_regions_are_those_of_the_whole_frame() -> None:
    whole, fine = as_large(Seeing().coarse(disc())), fine_mask(disc(), Mistaken())
    np.testing.assert_allclose(fine[:3], whole[:3], atol=1e-3)
    np.testing.assert_allclose(fine[whole == 1], 1, atol=1e-3)


@pytest.mark.parametrize(("height", "width"), [(256, 192), (203, 317), (32, 900), (40, 40)])
def test_parts_leave_no_seams(height: int, width: int) -> None:
    frame = np.zeros((height, width, 3), np.uint8)
    frame[..., 0] = np.linspace(0, 255, width)
    mask = fine_mask(frame, Seeing())
    whole = Seeing().coarse(frame)
    assert (mask.shape, mask.dtype) == (FINE if has_parts(frame) else whole.shape, np.float32)
    assert np.diff(mask, axis=1).min() > -1e-3
    np.testing.assert_allclose(cv2.resize(mask, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), whole, atol=0.02)


class OnGPU(Seeing):
    """An engine that needs something for each frame size."""

    one_size = True

    def __init__(self) -> None:
        super().__init__()
        self.sizes: set[tuple[int, ...]] = set()

    def coarse(self, frame: Frame) -> Mask:
        self.sizes.add(frame.shape)
        return super().coarse(frame)


def test_an_engine_of_a_gpu_sees_frames_of_one_size() -> None:
    frame, engine = disc()[:203, :151].copy(), OnGPU()
    mask = fine_mask(frame, engine)
    assert engine.sizes == {frame.shape}
    ours, theirs = (
        cv2.resize(each, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) for each in (mask, fine_mask(frame, Seeing()))
    )
    np.testing.assert_allclose(ours, theirs, atol=0.05)


@pytest.mark.parametrize("backend", ["openvino", "torch"])
def test_an_engines_coarse_mask_is_that_of_its_matte(backend: str) -> None:
    if backend == "torch":
        pytest.importorskip("torch")
    photo = np.asarray(cv2.imread(str(PORTRAIT), cv2.IMREAD_COLOR_RGB), np.uint8)[:320, :240].copy()
    # With closer looks a matte has the mask of a part, where people are small.
    with engines.load(backend, closer=False) as engine:
        np.testing.assert_array_equal(engine.coarse(photo), engine(photo).coarse)


class Copying(Seeing):
    """Alpha is the red channel, or a part of it that is told by its size; the foreground is a little darker than the frame."""

    model = "large"

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        assert mask is not None
        red = frame[..., 0].astype(np.float32) / 255
        assert mask.shape[0] / mask.shape[1] == pytest.approx(frame.shape[0] / frame.shape[1], rel=0.1)
        return Matte(red, frame // 2, mask, mask / 2)


@pytest.mark.parametrize(("height", "width"), [(256, 192), (203, 317), (1200, 900)])
def test_a_matte_of_parts_that_agree_is_theirs(height: int, width: int) -> None:
    frame = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    mask = np.full((height // 2, width // 2), 0.5, np.float32)
    alpha, foreground = matte_in_parts(frame, mask, Copying())
    np.testing.assert_allclose(alpha, frame[..., 0].astype(np.float32) / 255, atol=1e-6)
    np.testing.assert_array_equal(foreground, frame // 2)
    assert (alpha.dtype, foreground.dtype) == (np.float32, np.uint8)


def test_parts_fade_into_each_other() -> None:
    """No step between neighbours, whatever they make of the same place."""

    class Counting(Copying):
        count = 0

        def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
            matte = super().__call__(frame, mask)
            self.count += 1
            matte.alpha[:] = self.count / 4
            return matte

    alpha, _ = matte_in_parts(np.zeros((300, 400, 3), np.uint8), np.ones((60, 80), np.float32), Counting())
    assert [alpha[0, 0], alpha[0, -1], alpha[-1, 0], alpha[-1, -1]] == [0.25, 0.5, 0.75, 1]
    for axis in (0, 1):
        assert np.diff(alpha, axis=axis).min() >= 0
        assert np.diff(alpha, axis=axis).max() < 0.01


def test_a_matte_in_parts_is_nearly_that_of_the_whole() -> None:
    photo = np.asarray(cv2.imread(str(PORTRAIT), cv2.IMREAD_COLOR_RGB), np.uint8)
    with engines.load("openvino", precision="fp32", model="large", closer=False) as engine:
        mask = fine_mask(photo, engine)
        whole, (alpha, foreground) = engine(photo, mask), matte_in_parts(photo, mask, engine)
    assert np.abs(whole.alpha - alpha).mean() < 0.01
    assert np.abs(whole.foreground.astype(np.int16) - foreground)[alpha > 0.1].mean() < 1
