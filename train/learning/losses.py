"""The paper's three losses, equations 2 to 6. |.|_1 is the mean absolute difference, so that weights do not depend on size."""

import torch
import torch.nn.functional as F
from torch import Tensor

from train.learning.distributed import mean_over_ranks


def l1(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute difference of two tensors of one shape: a scalar."""
    return (predicted - truth).abs().mean()


def mpn_loss(masks: Tensor, foreground_mask: Tensor, lambda_l: float = 0.5) -> Tensor:
    """Equation 2: masks (N,2,h,w), foreground_mask (N,1,h,w); the background mask is its complement."""
    foreground = l1(masks[:, :1], foreground_mask)
    background = l1(masks[:, 1:], 1 - foreground_mask)
    return lambda_l * foreground + (1 - lambda_l) * background


def cross_entropy(predicted: Tensor, truth: Tensor) -> Tensor:
    """Binary cross-entropy of two tensors of one shape in [0, 1]: a scalar. Not in the paper.

    Through a sigmoid, the gradient of |.|_1 vanishes where the network is confident, right or wrong; that of cross-entropy does
    not. Where the picture is ambiguous, cross-entropy is minimal at the probability, |.|_1 at 0 or 1: a confident mistake.
    """
    with torch.autocast(predicted.device.type, enabled=False):  # which refuses it on a GPU
        return F.binary_cross_entropy(predicted, truth)


def identity_loss(unified: Tensor, mask: Tensor, unified_coarse: Tensor, coarse_mask: Tensor) -> Tensor:
    """Equation 3: QUN's output for the accurate mask x and for the inaccurate mask x' stays near each."""
    return l1(unified, mask) + l1(unified_coarse, coarse_mask)


def consistence_loss(unified: Tensor, unified_coarse: Tensor) -> Tensor:
    """Equation 4: QUN's outputs for the two masks agree."""
    return l1(unified, unified_coarse)


def qun_loss(identity: Tensor, consistence: Tensor, lambda_1: float = 0.25, lambda_2: float = 0.5) -> Tensor:
    """Equation 5, of the losses of equations 3 and 4."""
    return lambda_1 * identity + lambda_2 * consistence


def mrn_loss(output: Tensor, foreground: Tensor, alpha: Tensor, lambda_h: float = 0.5) -> Tensor:
    """Equation 6: output (N,4,H,W), foreground (N,3,H,W), alpha (N,1,H,W).

    Foreground colours are defined, and compared, only where alpha is above 0. The number of such pixels is that of the whole
    batch, over all ranks.
    """
    seen = (alpha > 0).to(output.dtype)
    colours = ((output[:, :3] - foreground).abs() * seen).sum() / mean_over_ranks(3 * seen.sum()).clamp(min=1)
    return lambda_h * colours + (1 - lambda_h) * l1(output[:, 3:], alpha)


BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
LAPLACIAN_LEVELS = 5


def _smooth(images: Tensor) -> Tensor:
    """Images (N,1,H,W) through the binomial filter of 5x5, edges repeated."""
    kernel = torch.tensor(BINOMIAL, device=images.device, dtype=images.dtype)
    padded = F.pad(images, (2, 2, 2, 2), mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel.view(1, 1, 1, 5)), kernel.view(1, 1, 5, 1))


def laplacian_loss(alpha: Tensor, truth: Tensor) -> Tensor:
    """Difference of the Laplacian pyramids of two alphas (N,1,H,W): a scalar. Not in the paper.

    Sum over LAPLACIAN_LEVELS levels s of 2^s times the mean absolute difference, as in Hou and Liu, "Context-aware image
    matting", ICCV 2019. It asks for sharp edges in the right place, at every scale. H and W are at least 16.
    """
    with torch.autocast(alpha.device.type, enabled=False):
        return _laplacian(alpha - truth)  # a pyramid is linear


def _laplacian(error: Tensor) -> Tensor:
    loss = error.new_zeros(())
    for level in range(LAPLACIAN_LEVELS):
        smaller = _smooth(error)[:, :, ::2, ::2]
        enlarged = F.interpolate(smaller, size=error.shape[-2:], mode="bilinear", align_corners=False)
        loss = loss + 2**level * (error - enlarged).abs().mean()
        error = smaller
    return loss
