"""The metrics against slow implementations of their definitions, worked examples, and what must hold for any two mattes."""

import math
from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from train.evaluation import metrics

RNG = np.random.default_rng(7)


def blob(height, width, seed):
    """A soft matte with islands, in the levels of an 8-bit picture."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((height, width)), 2.5)
    return np.round(255 * np.clip(4 * noise / np.abs(noise).max() + 0.4, 0, 1)) / 255


PAIRS = [(blob(h, w, s), blob(h, w, s + 100)) for h, w, s in ((33, 47, 1), (40, 32, 2), (9, 61, 3), (1, 17, 4), (23, 1, 5))]
PAIRS += [(np.clip(t + 0.1 * RNG.standard_normal(t.shape), 0, 1), t) for _, t in PAIRS[:2]]


def slow_gradient_error(alpha, truth):
    """By the definition: a two-dimensional filter of unit Frobenius norm, laid over every pixel in turn."""
    sigma, epsilon = 1.4, 1e-2
    half = math.ceil(sigma * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * sigma * epsilon)))

    def gauss(x):
        return math.exp(-x * x / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))

    offsets = range(-half, half + 1)
    kernel = {(i, j): gauss(i) * -j * gauss(j) / sigma**2 for i in offsets for j in offsets}
    norm = math.sqrt(sum(v * v for v in kernel.values()))

    def magnitude(matte):
        height, width = matte.shape
        out = np.zeros(matte.shape)
        for y in range(height):
            for x in range(width):
                across = down = 0.0
                for (i, j), value in kernel.items():
                    across += value * matte[min(max(y + i, 0), height - 1), min(max(x + j, 0), width - 1)]
                    down += value * matte[min(max(y + j, 0), height - 1), min(max(x + i, 0), width - 1)]
                out[y, x] = math.sqrt(across**2 + down**2) / norm
        return out

    return float(((magnitude(alpha) - magnitude(truth)) ** 2).mean())


def regions(mask):
    """The 4-connected regions of a mask in reading order, by flood fill."""
    left = {(int(y), int(x)) for y, x in np.argwhere(mask)}
    found = []
    for start in sorted(left):
        if start not in left:
            continue
        left.remove(start)
        region, queue = {start}, deque([start])
        while queue:
            y, x = queue.popleft()
            for near in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if near in left:
                    left.remove(near)
                    region.add(near)
                    queue.append(near)
        found.append(region)
    return found


def slow_connectivity_error(alpha, truth):
    """By the definition, pixel by pixel: l is the level before the first at which a pixel is cut off."""
    omegas = []
    for step in range(1, 11):
        found = regions((alpha >= step / 10) & (truth >= step / 10))
        omegas.append(max(found, key=len) if found else set())
    total = 0.0
    for pixel in np.ndindex(alpha.shape):
        cut = [step for step, omega in enumerate(omegas, 1) if pixel not in omega]
        level = (cut[0] - 1) / 10 if cut else 1.0
        d_alpha, d_truth = alpha[pixel] - level, truth[pixel] - level
        phi_alpha = 1 - (d_alpha if d_alpha >= 0.15 else 0)
        phi_truth = 1 - (d_truth if d_truth >= 0.15 else 0)
        total += abs(phi_alpha - phi_truth)
    return total / alpha.size


@pytest.mark.parametrize(("alpha", "truth"), PAIRS)
def test_sums_against_loops(alpha, truth):
    pairs = list(zip(alpha.ravel().tolist(), truth.ravel().tolist(), strict=True))
    assert metrics.sad(alpha, truth) == pytest.approx(math.fsum(abs(a - t) for a, t in pairs) / len(pairs), rel=1e-12)
    assert metrics.mse(alpha, truth) == pytest.approx(math.fsum((a - t) ** 2 for a, t in pairs) / len(pairs), rel=1e-12)
    both = sum(a > 0.5 and t > 0.5 for a, t in pairs)
    either = sum(a > 0.5 or t > 0.5 for a, t in pairs)
    assert metrics.iou(alpha, truth) == both / either


@pytest.mark.parametrize(("alpha", "truth"), PAIRS[1:5])
def test_gradient_against_its_definition(alpha, truth):
    assert metrics.gradient_error(alpha, truth) == pytest.approx(slow_gradient_error(alpha, truth), rel=1e-10)


@pytest.mark.parametrize(("alpha", "truth"), PAIRS)
def test_gradient_against_scipy(alpha, truth):
    x = np.arange(-4, 5)
    smooth = np.exp(-(x**2) / (2 * 1.4**2))
    norm = np.linalg.norm(np.outer(smooth, x * smooth))

    def magnitude(matte):
        parts = []
        for axis in (0, 1):
            smoothed = ndimage.convolve1d(matte, smooth, axis=1 - axis, mode="nearest")
            parts.append(ndimage.convolve1d(smoothed, x * smooth, axis=axis, mode="nearest"))
        return np.sqrt(parts[0] ** 2 + parts[1] ** 2) / norm

    expected = ((magnitude(alpha) - magnitude(truth)) ** 2).mean()
    assert metrics.gradient_error(alpha, truth) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("alpha", "truth"), PAIRS)
def test_connectivity_against_its_definition(alpha, truth):
    assert metrics.connectivity_error(alpha, truth) == pytest.approx(slow_connectivity_error(alpha, truth), rel=1e-10)


def test_sums_by_hand():
    alpha, truth = np.array([[1.0, 0.5], [0.0, 0.25]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    assert metrics.sad(alpha, truth) == (0.5 + 0.75) / 4
    assert metrics.mse(alpha, truth) == (0.25 + 0.5625) / 4
    assert metrics.iou(alpha, truth) == 0.5


def test_gradient_of_a_ramp_by_hand():
    """Inside a ramp of slope c the magnitude is c (sum g) (sum x g') with filters of unit norm; against nothing, its square."""
    slope = 1 / 64
    ramp = np.tile(np.arange(65) * slope, (40, 1))
    x = np.arange(-4, 5)
    g = np.exp(-(x**2) / (2 * 1.4**2))
    d = x * g
    expected = slope * (g.sum() / math.sqrt((g**2).sum())) * ((x * d).sum() / math.sqrt((d**2).sum()))
    inside = ramp[:, 4:-4].shape[1] / ramp.shape[1]
    error = metrics.gradient_error(ramp, np.zeros_like(ramp))
    edges = error - inside * expected**2
    assert 0 < edges < (1 - inside) * expected**2


def test_gradient_does_not_see_a_shift_of_level():
    matte = 0.5 * blob(30, 31, 8)
    assert metrics.gradient_error(matte, matte + 0.25) == pytest.approx(0, abs=1e-20)


def test_connectivity_of_an_island_by_hand():
    """Ten pixels in a row: a body of four, a gap, and an island of three that the truth has not."""
    truth = np.array([[1.0, 1, 1, 1, 0, 0, 0, 0, 0, 0]])
    alpha = np.array([[1.0, 1, 1, 1, 0, 0, 0.8, 0.8, 0.8, 0]])
    assert metrics.connectivity_error(alpha, truth) == pytest.approx(3 * 0.8 / 10)


def test_connectivity_forgives_what_both_have_cut_off():
    """An island in both mattes is cut off in both: phi is 1 - a there, so only the difference of alphas counts."""
    truth = np.array([[1.0, 1, 1, 1, 0, 0, 0.8, 0.8, 0, 0]])
    alpha = np.array([[1.0, 1, 1, 1, 0, 0, 0.8, 0.5, 0, 0]])
    assert metrics.connectivity_error(alpha, truth) == pytest.approx(0.3 / 10)


def test_connectivity_tolerates_a_small_distance():
    """Alpha 0.57 against 0.5, both connected up to level 0.5: d is 0.07 and 0, below 0.15, so there is no error."""
    truth, alpha = np.full((5, 5), 0.5), np.full((5, 5), 0.57)
    assert metrics.connectivity_error(alpha, truth) == 0
    assert metrics.connectivity_error(np.full((5, 5), 0.7), truth) == pytest.approx(0.2)


def test_edge_band_by_hand():
    truth = np.zeros((61, 61))
    truth[30, 30] = 0.5
    truth[0, 0] = 1 / 255
    band = metrics.edge_band(truth)
    assert band[30, 18:43].all()
    assert not band[30, 17]
    assert not band[30, 43]
    assert band[18:43, 30].all()
    assert not band[:5, :5].any()
    alpha = truth.copy()
    alpha[30, 20] = 0.5
    alpha[5, 5] = 1
    assert metrics.band_mad(alpha, truth) == pytest.approx(0.5 / band.sum())


def test_edge_band_of_a_mask_is_not_a_number():
    truth = np.zeros((32, 32))
    assert math.isnan(metrics.band_mad(truth, truth))


def test_iou_with_nobody():
    nobody = np.zeros((8, 8))
    somebody = nobody.copy()
    somebody[2, 2] = 1
    assert metrics.iou(nobody, nobody) == 1
    assert metrics.iou(somebody, nobody) == 0


def test_dtssd_by_hand():
    """A matte that is wrong but steady costs nothing; one pixel of four that jumps by 1 costs sqrt(1/4), there and back."""
    truths = [np.zeros((2, 2))] * 3
    steady = [np.full((2, 2), 0.3)] * 3
    jumping = [np.zeros((2, 2)), np.array([[1.0, 0], [0, 0]]), np.zeros((2, 2))]
    assert metrics.dtssd(steady, truths) == 0
    assert metrics.dtssd(jumping, truths) == 0.5
    assert metrics.dtssd(iter(jumping), iter(jumping)) == 0


def test_dtssd_against_loops():
    alphas, truths = [blob(12, 9, s) for s in range(5)], [blob(12, 9, s + 50) for s in range(5)]
    total = 0.0
    for k in range(4):
        squares = [
            ((alphas[k + 1][p] - alphas[k][p]) - (truths[k + 1][p] - truths[k][p])) ** 2 for p in np.ndindex(alphas[0].shape)
        ]
        total += math.sqrt(math.fsum(squares) / len(squares))
    assert metrics.dtssd(alphas, truths) == pytest.approx(total / 4, rel=1e-12)


def test_dtssd_needs_two_frames_of_each():
    with pytest.raises(ValueError, match="two frames"):
        metrics.dtssd([np.zeros((4, 4))], [np.zeros((4, 4))])
    with pytest.raises(ValueError, match="shorter"):
        metrics.dtssd([np.zeros((4, 4))] * 3, [np.zeros((4, 4))] * 2)


SIDES = st.tuples(st.integers(1, 24), st.integers(1, 24))
LEVELS = st.integers(0, 255).map(lambda level: level / 255)


@st.composite
def pairs(draw):
    shape = draw(SIDES)
    mattes = hnp.arrays(np.float64, shape, elements=LEVELS, fill=LEVELS)
    return draw(mattes), draw(mattes)


@given(pairs())
@settings(max_examples=60, deadline=None)
def test_what_holds_for_any_two_mattes(pair):
    alpha, truth = pair
    for name in ("sad", "mse", "gradient", "connectivity"):
        metric = metrics.MATTE_METRICS[name]
        assert metric(alpha, alpha) == 0, name
        assert metric(alpha, truth) >= 0, name
        assert metric(alpha, truth) == metric(truth, alpha), name
        assert metric(alpha.astype(np.float32), truth) == pytest.approx(metric(alpha, truth), abs=1e-6), name
    assert metrics.mse(alpha, truth) <= metrics.sad(alpha, truth) <= 1
    assert metrics.connectivity_error(alpha, truth) <= 1
    assert metrics.iou(alpha, alpha) == 1
    assert 0 <= metrics.iou(alpha, truth) == metrics.iou(truth, alpha) <= 1
    assert metrics.gradient_error(alpha.T, truth.T) == pytest.approx(metrics.gradient_error(alpha, truth), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("alpha", "truth"),
    [
        (np.zeros((4, 4)), np.zeros((4, 5))),
        (np.zeros((4, 4, 1)), np.zeros((4, 4, 1))),
        (np.zeros((4, 4), np.uint8), np.zeros((4, 4))),
        (np.full((4, 4), 1.5), np.zeros((4, 4))),
        (np.zeros((4, 4)), np.full((4, 4), -0.1)),
        (np.full((4, 4), np.nan), np.zeros((4, 4))),
        (np.zeros((0, 4)), np.zeros((0, 4))),
    ],
)
@pytest.mark.parametrize("name", sorted(metrics.MATTE_METRICS))
def test_other_forms_are_refused(name, alpha, truth):
    with pytest.raises(ValueError, match="mattes"):
        metrics.MATTE_METRICS[name](alpha, truth)
