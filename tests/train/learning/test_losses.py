"""Equations 2 to 6 against numpy in float64, and against cases worked by hand."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from train.learning.losses import (
    consistence_loss,
    cross_entropy,
    identity_loss,
    l1,
    laplacian_loss,
    mpn_loss,
    mrn_loss,
    qun_loss,
)

Numbers = NDArray[np.float64]


def norm(a: Numbers, b: Numbers) -> float:
    return float(np.abs(a - b).sum() / a.size)


def draw(seed: int, *channels: int) -> list[Numbers]:
    generator = np.random.default_rng(seed)
    size = tuple(generator.integers(1, 9, 2))
    return [generator.random((2, c, *size)) for c in channels]


def tensor(array: Numbers) -> Tensor:
    return torch.from_numpy(array)


def constant(value: float, channels: int = 1) -> Tensor:
    return torch.full((2, channels, 3, 5), value)


def test_l1_by_hand() -> None:
    assert l1(torch.tensor([0.0, 1.0, 0.5]), torch.tensor([1.0, 1.0, 0.0])).item() == pytest.approx(0.5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 1))
def test_equation_2(seed: int, weight: float) -> None:
    masks, truth = draw(seed, 2, 1)
    expected = weight * norm(masks[:, :1], truth) + (1 - weight) * norm(masks[:, 1:], 1 - truth)
    assert mpn_loss(tensor(masks), tensor(truth), weight).item() == pytest.approx(expected)


def test_equation_2_by_hand() -> None:
    masks = torch.cat([constant(0.75), constant(0.5)], dim=1)
    # foreground off by 0.25, background (truth 0) by 0.5, half of each
    assert mpn_loss(masks, constant(1.0)).item() == pytest.approx(0.375)
    assert mpn_loss(masks, constant(1.0), 1.0).item() == pytest.approx(0.25)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_cross_entropy(seed: int) -> None:
    predicted, truth = draw(seed, 1, 1)
    predicted = 0.01 + 0.98 * predicted
    expected = -(truth * np.log(predicted) + (1 - truth) * np.log(1 - predicted)).mean()
    assert cross_entropy(tensor(predicted), tensor(truth)).item() == pytest.approx(float(expected))


def test_cross_entropy_is_least_at_the_probability() -> None:
    truth = torch.tensor([1.0, 0.0, 0.0, 0.0]).double()
    values = {p: cross_entropy(torch.full((4,), p).double(), truth).item() for p in (0.05, 0.15, 0.25, 0.35, 0.5)}
    assert min(values, key=values.__getitem__) == 0.25
    assert l1(torch.full((4,), 0.05), truth) < l1(torch.full((4,), 0.25), truth)  # equation 2 would have nobody there


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 1), st.floats(0, 1))
def test_equations_3_to_5(seed: int, first: float, second: float) -> None:
    unified, mask, unified_coarse, coarse = draw(seed, 1, 1, 1, 1)
    identity = norm(unified, mask) + norm(unified_coarse, coarse)
    consistence = norm(unified, unified_coarse)
    a, b, c, d = map(tensor, (unified, mask, unified_coarse, coarse))
    assert identity_loss(a, b, c, d).item() == pytest.approx(identity)
    assert consistence_loss(a, c).item() == pytest.approx(consistence)
    loss = qun_loss(identity_loss(a, b, c, d), consistence_loss(a, c), first, second)
    assert loss.item() == pytest.approx(first * identity + second * consistence)


def test_equation_5_by_hand() -> None:
    # identity 0.2 + 0.1, consistence 0.5: a quarter and a half of these, the paper's weights
    unified, mask, unified_coarse, coarse = map(constant, (0.8, 1.0, 0.3, 0.4))
    loss = qun_loss(identity_loss(unified, mask, unified_coarse, coarse), consistence_loss(unified, unified_coarse))
    assert loss.item() == pytest.approx(0.25 * 0.3 + 0.5 * 0.5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 1))
def test_equation_6(seed: int, weight: float) -> None:
    output, foreground, alpha = draw(seed, 4, 3, 1)
    alpha[alpha < 0.3] = 0
    seen = np.broadcast_to(alpha > 0, foreground.shape)
    colours = float(np.abs(output[:, :3] - foreground)[seen].mean()) if seen.any() else 0.0
    expected = weight * colours + (1 - weight) * norm(output[:, 3:], alpha)
    assert mrn_loss(tensor(output), tensor(foreground), tensor(alpha), weight).item() == pytest.approx(expected)


def test_equation_6_by_hand() -> None:
    output = torch.cat([constant(0.5, 3), constant(0.25)], dim=1)
    assert mrn_loss(output, constant(0.1, 3), constant(1.0)).item() == pytest.approx(0.5 * 0.4 + 0.5 * 0.75)


def test_colours_count_only_where_somebody_is_seen() -> None:
    output = torch.cat([constant(0.9, 3), constant(0.0)], dim=1).requires_grad_()
    loss = mrn_loss(output, constant(0.1, 3), constant(0.0))
    assert loss.item() == 0.0
    loss.backward()  # type: ignore[no-untyped-call]
    assert output.grad is not None
    assert torch.isfinite(output.grad).all()
    assert not output.grad[:, :3].any()

    half = constant(0.0)
    half[..., 0] = 1.0  # one column of five is seen, and there the colours are off by 0.8
    assert mrn_loss(output.detach(), constant(0.1, 3), half, 1.0).item() == pytest.approx(0.8)


def test_the_size_of_a_picture_does_not_count() -> None:
    small, large = torch.rand(1, 1, 4, 4), torch.rand(1, 1, 4, 4)
    assert l1(small, large).item() == pytest.approx(l1(small.repeat(1, 1, 3, 3), large.repeat(1, 1, 3, 3)).item())


def pyramid_difference(error: Numbers) -> float:
    """The loss by OpenCV: what `pyrDown` and a bilinear enlargement leave of each level."""
    total = 0.0
    for level in range(5):
        smaller = cv2.pyrDown(error, borderType=cv2.BORDER_REPLICATE)
        total += 2**level * np.abs(error - cv2.resize(smaller, error.shape[::-1])).mean()
        error = smaller
    return total


def test_the_laplacian_loss_is_that_of_the_two_pyramids() -> None:
    alpha, truth = np.random.default_rng(4).random((2, 64, 96))
    smoothed = cv2.GaussianBlur(alpha, (0, 0), 3)
    for one in (alpha, smoothed):
        loss = laplacian_loss(torch.from_numpy(one)[None, None], torch.from_numpy(truth)[None, None])
        assert float(loss) == pytest.approx(pyramid_difference(one - truth), rel=1e-6)


def test_the_laplacian_loss_prefers_a_sharp_edge_in_its_place() -> None:
    truth = torch.zeros(1, 1, 64, 64, dtype=torch.float64)
    truth[..., 32:] = 1
    blurred = torch.from_numpy(cv2.GaussianBlur(truth[0, 0].numpy(), (0, 0), 3))[None, None]
    assert laplacian_loss(truth, truth) == 0
    assert laplacian_loss(blurred, truth) < laplacian_loss(truth.roll(8, dims=3), truth)


def test_losses_are_in_float32_within_autocast() -> None:
    alpha, truth = torch.rand(1, 1, 32, 32), torch.rand(1, 1, 32, 32)
    for loss in (laplacian_loss, cross_entropy):
        alone = loss(alpha, truth)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(loss(alpha, truth), alone)
