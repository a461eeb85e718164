"""Matting from a trimap of the truth: the trimap, and closed-form matting."""

import numpy as np
from numpy.typing import NDArray

from engines import Frame, Mask
from train.data.estimators import estimator
from train.evaluation.metrics import edge_band


def trimap(truth: Mask) -> NDArray[np.float64]:
    """0, 0.5 (unknown) or 1 for each pixel of a true alpha: unknown is the band round its edge, as errors have it."""
    return np.where(edge_band(truth), 0.5, (truth > 0.5).astype(np.float64))


def closed_form(frame: Frame, truth: Mask) -> Mask:
    """Closed-form matting (Levin et al. 2008) by PyMatting from a trimap of the truth: float32 (H, W) in [0, 1]."""
    known = trimap(truth)
    if not ((known == 0).any() and (known == 1).any()):  # no foreground or no background
        return np.asarray(truth > 0.5, np.float32)
    alpha = estimator("alpha.estimate_alpha_cf").estimate_alpha_cf(frame / 255.0, known)
    return np.asarray(np.clip(alpha, 0, 1), np.float32)
