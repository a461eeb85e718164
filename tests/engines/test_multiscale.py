"""Masks that parts of a frame make finer."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import engines
import realtime
from engines.engine import Frame, Mask
from engines.multiscale import fine_mask
from tests.realtime.plain_engine import PlainEngine

PORTRAIT = Path(realtime.__file__).parent / "samples" / "portrait.jpg"
HEIGHT, WIDTH = 64, 48  # of a mask


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


def test_edges_are_nearer_to_the_truth() -> None:
    truth = Seeing().coarse(disc())
    once, fine = (np.abs(mask - truth).mean() for mask in (Blurred().coarse(disc()), fine_mask(disc(), Blurred())))
    assert fine < 0.8 * once


def test_regions_are_those_of_the_whole_frame() -> None:
    whole, fine = Seeing().coarse(disc()), fine_mask(disc(), Mistaken())
    np.testing.assert_allclose(fine[:3], whole[:3], atol=1e-3)
    np.testing.assert_allclose(fine[whole == 1], 1, atol=1e-3)


@pytest.mark.parametrize(("height", "width"), [(256, 192), (203, 317), (32, 900), (40, 40)])
def test_parts_leave_no_seams(height: int, width: int) -> None:
    frame = np.zeros((height, width, 3), np.uint8)
    frame[..., 0] = np.linspace(0, 255, width)
    mask = fine_mask(frame, Seeing())
    assert (mask.shape, mask.dtype) == ((HEIGHT, WIDTH), np.float32)
    assert np.diff(mask, axis=1).min() > -1e-3
    np.testing.assert_allclose(mask, Seeing().coarse(frame), atol=0.02)


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
    np.testing.assert_allclose(mask, fine_mask(frame, Seeing()), atol=0.05)


@pytest.mark.parametrize("backend", ["openvino", "torch"])
def test_an_engines_coarse_mask_is_that_of_its_matte(backend: str) -> None:
    if backend == "torch":
        pytest.importorskip("torch")
    photo = np.asarray(cv2.imread(str(PORTRAIT), cv2.IMREAD_COLOR_RGB), np.uint8)[:320, :240].copy()
    # With closer looks a matte has the mask of a part, where people are small.
    with engines.load(backend, closer=False) as engine:
        np.testing.assert_array_equal(engine.coarse(photo), engine(photo).coarse)
