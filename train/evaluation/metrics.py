"""The paper's four metrics (section 5.1), IoU for sets that have only masks, the edge band's error, and dtSSD for clips.

Every function takes an estimated matte and the true one, floats (H, W) in [0, 1], and gives one number per picture: the mean
over the whole picture's pixels, in float64. A set's figure is the plain mean of its pictures' figures.

The gradient and connectivity errors follow Rhemann et al., "A perceptually motivated online benchmark for image matting",
CVPR 2009, as the evaluation code of Xu et al., "Deep image matting", CVPR 2017, has them, which the field's tables use.
"""

import math
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Alpha = NDArray[np.floating[Any]]
Plane = NDArray[np.float64]
Region = NDArray[np.bool_]
Metric = Callable[[Alpha, Alpha], float]

GRADIENT_SIGMA = 1.4  # pixels
GRADIENT_CUT = 0.01  # the filter ends where the Gaussian falls below this
CONNECTIVITY_LEVELS = np.arange(1, 11) / 10
CONNECTIVITY_TOLERANCE = 0.15
BAND_UNKNOWN = (0.02, 0.98)  # alphas between these are unknown; true mattes hold specks of 1/255 far from any edge
BAND_DIAMETER = 25  # pixels


def sad(alpha: Alpha, truth: Alpha) -> float:
    """Sum of absolute differences by the pixel number, mean |a - t|, in [0, 1]. Others call this MAD.

    Raises ValueError where the two are not floats (H, W) in [0, 1] of one shape; so do all the metrics here.
    """
    alpha, truth = _checked(alpha, truth)
    return float(np.abs(alpha - truth).mean())


def mse(alpha: Alpha, truth: Alpha) -> float:
    """Mean square error, mean (a - t)^2, in [0, 1]."""
    alpha, truth = _checked(alpha, truth)
    return float(np.square(alpha - truth).mean())


def gradient_error(alpha: Alpha, truth: Alpha) -> float:
    """Gradient error: mean (|grad a| - |grad t|)^2, at least 0.

    grad is the pair of first-order Gaussian derivatives of sigma 1.4, each filter scaled to unit L2 norm as in the code of
    2017; border pixels are repeated outwards. The norm matters: with unscaled derivatives every figure is 97 times less.
    """
    alpha, truth = _checked(alpha, truth)
    return float(np.square(_gradient_magnitude(alpha) - _gradient_magnitude(truth)).mean())


def connectivity_error(alpha: Alpha, truth: Alpha) -> float:
    """Connectivity error: mean |phi(a) - phi(t)|, in [0, 1].

    phi(a) = 1 - d [d >= 0.15] with d = a - l. A pixel's l is the highest level of 0, 0.1, ..., 1 up to which it always lies in
    the largest 4-connected region where both mattes reach the level (of equal regions, the first in reading order).
    """
    alpha, truth = _checked(alpha, truth)
    level = _connected_level(np.minimum(alpha, truth))
    return float(np.abs(_connectedness(alpha, level) - _connectedness(truth, level)).mean())


def iou(alpha: Alpha, truth: Alpha) -> float:
    """Intersection over union of the foregrounds at threshold 0.5, in [0, 1]; 1 where neither has a foreground."""
    alpha, truth = _checked(alpha, truth)
    ours, true = alpha > 0.5, truth > 0.5
    union = np.count_nonzero(ours | true)
    return np.count_nonzero(ours & true) / union if union else 1.0


def unknown(truth: Alpha) -> Region:
    """The unknown region of a true matte, bool (H, W): 0.02 < t < 0.98."""
    low, high = BAND_UNKNOWN
    return (truth > low) & (truth < high)


def edge_band(truth: Alpha) -> Region:
    """The band round a true matte's edge, bool (H, W): its unknown region dilated by a 25-pixel ellipse."""
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (BAND_DIAMETER, BAND_DIAMETER))
    return cv2.dilate(unknown(truth).astype(np.uint8), ellipse) > 0


def band_mad(alpha: Alpha, truth: Alpha) -> float:
    """Mean absolute difference inside the edge band, in [0, 1]; NaN where the truth has no unknown region."""
    alpha, truth = _checked(alpha, truth)
    band = edge_band(truth)
    return float(np.abs(alpha - truth)[band].mean()) if band.any() else math.nan


def dtssd(alphas: Iterable[Alpha], truths: Iterable[Alpha]) -> float:
    """Flicker of a clip, in [0, 2]: the mean over successive frames of sqrt(mean ((a' - a) - (t' - t))^2).

    Erofeev et al., "Perceptually motivated benchmark for video matting", BMVC 2015. Takes frames one by one, so that a long
    clip need not be in memory. Raises ValueError for fewer than two frames or clips of unequal length.
    """
    errors = (np.subtract(*_checked(alpha, truth)) for alpha, truth in zip(alphas, truths, strict=True))
    changes = [math.sqrt(np.square(error - previous).mean()) for previous, error in pairwise(errors)]
    if not changes:
        raise ValueError("dtSSD needs at least two frames")
    return float(np.mean(changes))


MATTE_METRICS: dict[str, Metric] = {
    "sad": sad,
    "mse": mse,
    "gradient": gradient_error,
    "connectivity": connectivity_error,
    "band": band_mad,
    "iou": iou,
}
MASK_METRICS: dict[str, Metric] = {"iou": iou, "mse": mse, "sad": sad}


def _checked(alpha: Alpha, truth: Alpha) -> tuple[Plane, Plane]:
    if alpha.ndim != 2 or alpha.shape != truth.shape or alpha.size == 0:
        raise ValueError(f"two mattes (H, W) of one shape, not {alpha.shape} and {truth.shape}")
    for matte in (alpha, truth):
        # Written so that NaN fails as well.
        if not (np.issubdtype(matte.dtype, np.floating) and matte.min() >= 0 and matte.max() <= 1):
            raise ValueError(f"mattes are floats in [0, 1], not {matte.dtype} from {matte.min()} to {matte.max()}")
    return alpha.astype(np.float64), truth.astype(np.float64)


def _gradient_magnitude(alpha: Plane) -> Plane:
    smooth, slope = _gaussian_filters()
    border = cv2.BORDER_REPLICATE
    across = cv2.sepFilter2D(alpha, cv2.CV_64F, slope, smooth, borderType=border)
    down = cv2.sepFilter2D(alpha, cv2.CV_64F, smooth, slope, borderType=border)
    return np.hypot(across, down)


def _gaussian_filters() -> tuple[Plane, Plane]:
    """The Gaussian and its derivative, each of unit L2 norm; their outer product is then of unit norm too."""
    scale = math.sqrt(2 * math.pi) * GRADIENT_SIGMA
    radius = math.ceil(GRADIENT_SIGMA * math.sqrt(-2 * math.log(scale * GRADIENT_CUT)))
    x = np.arange(-radius, radius + 1, dtype=np.float64)
    smooth = np.exp(-np.square(x / GRADIENT_SIGMA) / 2)
    slope = x * smooth
    return smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)


def _connected_level(both: Plane) -> Plane:
    level = np.zeros_like(both)
    connected = np.ones(both.shape, dtype=bool)
    for threshold in CONNECTIVITY_LEVELS:
        connected &= _largest_region(both >= threshold)
        level[connected] = threshold
    return level


def _largest_region(region: Region) -> Region:
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8), connectivity=4)
    if count == 1:
        return region
    return np.asarray(labels == 1 + np.argmax(statistics[1:, cv2.CC_STAT_AREA]), dtype=bool)


def _connectedness(alpha: Plane, level: Plane) -> Plane:
    distance = alpha - level
    return 1 - distance * (distance >= CONNECTIVITY_TOLERANCE)
