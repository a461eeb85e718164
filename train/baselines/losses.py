"""The losses of DIM (section 4.1) and SHM (section 4.4). Means of pixels, so that weights do not depend on size."""

import torch
from torch import Tensor

from train.learning.distributed import mean_over_ranks

EPSILON = 1e-6  # DIM, section 4.1
SEEN = 1 / 8  # share of a background's light from which its colours are known


def background_of(image: Tensor, foreground: Tensor, alpha: Tensor) -> Tensor:
    """B of I = aF + (1 - a)B, (N,3,H,W) in [0, 1]; a guess where less than SEEN of it shows."""
    return ((image - alpha * foreground) / (1 - alpha).clamp(min=SEEN)).clamp(0, 1)


def _mean(differences: Tensor, where: Tensor) -> Tensor:
    """Mean over the channels of the pixels that count, of the whole batch, over all ranks."""
    absolute = (differences.square() + EPSILON**2).sqrt() * where
    return absolute.sum() / mean_over_ranks(differences.shape[1] * where.sum()).clamp(min=1)


def alpha_loss(predicted: Tensor, truth: Tensor, where: Tensor) -> Tensor:
    """The alpha-prediction loss: sqrt((alpha_p - alpha_g)^2 + epsilon^2) of (N,1,H,W), where `where` (N,1,H,W) is 1."""
    return _mean(predicted - truth, where)


def composition_loss(predicted: Tensor, truth: Tensor, foreground: Tensor, background: Tensor, where: Tensor) -> Tensor:
    """The same of the colours c = aF + (1 - a)B that the two alphas compose; foreground and background (N,3,H,W)."""
    return _mean((predicted - truth) * (foreground - background), where)


def matting_loss(
    predicted: Tensor, truth: Tensor, image: Tensor, foreground: Tensor, where: Tensor | None = None, weight: float = 0.5
) -> Tensor:
    """weight * alpha-prediction loss + (1 - weight) * composition loss, where `where` is 1, or everywhere.

    DIM's overall loss counts the unknown pixels; SHM's, with an epsilon of 0, all of them.
    """
    everywhere = torch.ones_like(truth) if where is None else where
    composed = composition_loss(predicted, truth, foreground, background_of(image, foreground, truth), everywhere)
    return weight * alpha_loss(predicted, truth, everywhere) + (1 - weight) * composed
