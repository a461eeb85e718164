"""The losses and trimaps of DIM and SHM against numpy in float64 and OpenCV, and against cases worked by hand."""

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from train.baselines.losses import alpha_loss, background_of, composition_loss, matting_loss
from train.baselines.trimaps import LARGEST, RADIUS, as_one_channel, trimaps
from train.evaluation.metrics import edge_band

Numbers = NDArray[np.float64]


@pytest.fixture
def drawn() -> dict[str, Numbers]:
    """Two alphas, two colours and where an error counts, of 6x5 pixels."""
    generator = np.random.default_rng(5)
    shapes = {"predicted": 1, "truth": 1, "foreground": 3, "background": 3}
    made = {name: generator.random((2, channels, 6, 5)) for name, channels in shapes.items()}
    return made | {"where": (generator.random((2, 1, 6, 5)) < 0.4).astype(np.float64)}


def test_losses_against_numpy(drawn: dict[str, Numbers]) -> None:
    predicted, truth, front, back, where = drawn.values()
    inside = where[:, 0] > 0
    of_alpha = np.sqrt((predicted - truth) ** 2 + 1e-12)[:, 0][inside].mean()
    composed = [alpha * front + (1 - alpha) * back for alpha in (predicted, truth)]
    of_colours = np.sqrt((composed[0] - composed[1]) ** 2 + 1e-12).transpose(0, 2, 3, 1)[inside].mean()
    tensors = {name: torch.from_numpy(value) for name, value in drawn.items()}
    p, t, f, b, w = tensors.values()
    assert alpha_loss(p, t, w).item() == pytest.approx(of_alpha)
    assert composition_loss(p, t, f, b, w).item() == pytest.approx(of_colours)
    image = t * f + (1 - t) * b
    both = matting_loss(p, t, image, f, w, weight=0.3)
    guess = np.clip((image.numpy() - truth * front) / np.maximum(1 - truth, 1 / 8), 0, 1)
    guessed = np.abs((predicted - truth) * (front - guess)).transpose(0, 2, 3, 1)[inside].mean()
    assert both.item() == pytest.approx(0.3 * of_alpha + 0.7 * guessed, rel=1e-5)


def test_all_pixels_count_where_no_trimap_says_otherwise() -> None:
    predicted, truth = torch.full((1, 1, 2, 2), 0.75), torch.full((1, 1, 2, 2), 0.5)
    image, foreground = torch.full((1, 3, 2, 2), 0.5), torch.ones(1, 3, 2, 2)  # so the background is black
    assert matting_loss(predicted, truth, image, foreground).item() == pytest.approx(0.25)


def test_without_unknown_pixels_there_is_nothing_to_learn() -> None:
    predicted = torch.rand(1, 1, 4, 4, requires_grad=True)
    nowhere, colours = torch.zeros(1, 1, 4, 4), torch.rand(1, 3, 4, 4)
    loss = matting_loss(predicted, torch.zeros(1, 1, 4, 4), colours, colours, nowhere)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert predicted.grad is not None
    assert not predicted.grad.any()


def test_the_background_where_it_shows() -> None:
    generator = torch.Generator().manual_seed(2)
    front, back = torch.rand(2, 1, 3, 8, 8, generator=generator).unbind()
    alpha = 0.85 * torch.rand(1, 1, 8, 8, generator=generator)
    found = background_of(alpha * front + (1 - alpha) * back, front, alpha)
    assert torch.allclose(found, back, atol=1e-5)
    opaque = background_of(front, front, torch.ones(1, 1, 8, 8))
    assert torch.isfinite(opaque).all()


@pytest.fixture
def disc() -> Numbers:
    """The alpha of a disc with a soft edge."""
    y, x = np.mgrid[:96, :120]
    return np.clip((30 - np.hypot(x - 60, y - 48)) / 5 + 0.5, 0, 1)


def test_a_trimap_is_a_dilation(disc: Numbers) -> None:
    alphas = torch.from_numpy(disc)[None, None].repeat(2, 1, 1, 1)
    found = trimaps(alphas, torch.tensor([0.0, 0.5])).numpy()
    fractional = ((disc > 0.02) & (disc < 0.98)).astype(np.uint8)
    for trimap, radius in zip(found, (1, 1 + LARGEST // 2), strict=True):
        unknown = cv2.dilate(fractional, np.ones((2 * radius + 1,) * 2, np.uint8))
        np.testing.assert_array_equal(trimap[2], unknown)
        np.testing.assert_array_equal(trimap[0], (disc > 0.5) & (unknown == 0))
    assert (found.sum(1) == 1).all()


def test_the_trimap_of_the_evaluation_is_fixed_and_as_wide_as_its_edge_band(disc: Numbers) -> None:
    alpha = torch.from_numpy(disc)[None, None]
    unknown = trimaps(alpha)[0, 2].numpy() > 0
    band = edge_band(disc.astype(np.float32))
    assert (unknown >= band).all()  # a square round the ellipse
    assert unknown.sum() < 1.25 * band.sum()
    assert torch.equal(trimaps(alpha), trimaps(alpha))
    assert RADIUS <= LARGEST


def test_a_trimap_as_one_channel() -> None:
    assert as_one_channel(torch.eye(3).view(3, 3, 1, 1)).flatten().tolist() == [1, 0, 0.5]
