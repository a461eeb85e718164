"""The training tasks of the baselines, which the trainer of the paper's three networks runs as well.

DIM and SHM are trained in steps, as their papers do (DIM, section 4.2; SHM, section 4.5): each step is a task with a checkpoint
of its own.
"""

from collections.abc import Callable
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.baselines.deeplab import DeepLab
from train.baselines.dim import DIM, Refinement, TwoStageDIM
from train.baselines.losses import alpha_loss, matting_loss
from train.baselines.shm import SHM, MNet, TNet
from train.baselines.trimaps import as_one_channel, trimaps
from train.data.samples import MPNSamples, MRNSamples, QUNSamples, Sample
from train.learning.imagenet import load_imagenet
from train.learning.losses import l1
from train.learning.tasks import Losses, Task, at_low_resolution, first_stages, foreground_iou
from train.recipe import Recipe
from train.rendering.samples import DrawnMPN, DrawnMRN, DrawnQUN, render_mpn, render_mrn, render_qun

FRAME = 800  # pixels, long side of a frame as errors are measured: radii of trimaps at low resolution are scaled by it
LAMBDA = 0.01  # SHM, section 4.4: weight of T-Net's loss beside that of the alpha

NetworkT = TypeVar("NetworkT", DeepLab, DIM, TNet, MNet)


def _with_imagenet(network: NetworkT, *, pretrained: bool) -> NetworkT:
    if pretrained:
        load_imagenet(network.encoder)
    return network


def random_of(network: nn.Module, batch: Sample) -> Tensor | None:
    """What draws the radius of each trimap in training; None in validation, where it is fixed."""
    return batch["random"][:, 0] if network.training else None


def small_trimaps(masks: Tensor, random: Tensor | None) -> Tensor:
    """Trimaps (N,3,h,w) of masks (N,1,h,w) at low resolution, of the same share of a frame as those at full resolution."""
    return trimaps(masks, random, max(masks.shape[-2:]) / FRAME)


def deeplab_task(recipe: Recipe, *, pretrained: bool = True) -> Task:
    """DeepLab on fine and coarse data, as MPN sees them: cross-entropy with the mask at 0.5."""

    def losses(network: nn.Module, batch: Sample) -> Losses:
        logits, truth, known = network(batch["image"]).float(), batch["mask"], batch["known"]
        mask = truth.lerp(torch.sigmoid(logits), known)  # as for MPN, nothing is learnt where it is 0
        return {
            "loss": F.binary_cross_entropy_with_logits(logits, (truth > 0.5).float(), known),
            "mse": F.mse_loss(mask, truth),
            "iou": foreground_iou(mask, truth),
        }

    network = _with_imagenet(DeepLab(), pretrained=pretrained)
    frozen = first_stages(network.encoder, recipe.deeplab)
    return Task("deeplab", network, recipe.deeplab, MPNSamples, DrawnMPN, render_mpn, losses, frozen)


def _alpha_losses(loss: Tensor, alpha: Tensor, truth: Tensor) -> Losses:
    return {"loss": loss, "alpha": l1(alpha, truth), "mse": F.mse_loss(alpha, truth)}


def _trimap_losses(given: Callable[[Tensor], Tensor], weight: float = 0.5) -> Callable[[nn.Module, Sample], Losses]:
    """Both losses of the alpha from a crop and what is `given` of a trimap of the truth, where that is unknown.

    `weight`: of the alpha-prediction loss; the rest is that of the composition loss.
    """

    def losses(network: nn.Module, batch: Sample) -> Losses:
        image, truth = batch["crop"], batch["alpha"]
        trimap = trimaps(truth, random_of(network, batch))
        alpha = network(image, given(trimap)).float()
        loss = matting_loss(alpha, truth, image, batch["foreground"], trimap[:, 2:], weight)
        return _alpha_losses(loss, _known(alpha, trimap), truth)

    return losses


def dim_task(recipe: Recipe, *, pretrained: bool = True) -> Task:
    """DIM's first stage on crops of fine data with a trimap of the truth (section 4.1)."""
    network = _with_imagenet(DIM(), pretrained=pretrained)
    return Task("dim", network, recipe.dim, MRNSamples, DrawnMRN, render_mrn, _trimap_losses(as_one_channel))


def _known(alpha: Tensor, trimap: Tensor) -> Tensor:
    """An alpha with what the trimap knows."""
    return trimap[:, :1] + trimap[:, 2:] * alpha.clamp(0, 1)


def refinement_task(recipe: Recipe, dim: DIM) -> Task:
    """DIM's refinement stage behind the frozen first one: the alpha-prediction loss alone (section 4.2)."""

    def losses(network: nn.Module, batch: Sample) -> Losses:
        image, truth = batch["crop"], batch["alpha"]
        trimap = trimaps(truth, random_of(network, batch))
        with torch.no_grad():
            first = dim(image, as_one_channel(trimap)).float()
        alpha = network(image, first).float()
        return _alpha_losses(alpha_loss(alpha, truth, trimap[:, 2:]), _known(alpha, trimap), truth)

    return Task("refinement", Refinement(), recipe.refinement, MRNSamples, DrawnMRN, render_mrn, losses, earlier=(dim,))


def dim_joint_task(recipe: Recipe, dim: DIM, refinement: Refinement) -> Task:
    """Both stages of DIM tuned together, from the weights of each, by the loss of the second (section 4.2)."""
    both = TwoStageDIM()
    both.matting.load_state_dict(dim.state_dict())
    both.refinement.load_state_dict(refinement.state_dict())
    losses = _trimap_losses(as_one_channel, weight=1.0)
    return Task("dim_joint", both, recipe.dim_joint, MRNSamples, DrawnMRN, render_mrn, losses)


def tnet_task(recipe: Recipe, *, pretrained: bool = True) -> Task:
    """T-Net alone on whole frames of fine data: cross-entropy with the trimap (SHM, section 4.4)."""

    def losses(network: nn.Module, batch: Sample) -> Losses:
        logits = network(at_low_resolution(batch["whole"])).float()
        truth = small_trimaps(batch["mask"], random_of(network, batch))
        right = logits.argmax(1) == truth.argmax(1)
        return {
            "loss": F.cross_entropy(logits, truth),
            "accuracy": right.float().mean(),
            "unknown": foreground_iou(logits.softmax(1)[:, 2:], truth[:, 2:]),
        }

    network = _with_imagenet(TNet(), pretrained=pretrained)
    frozen = first_stages(network.encoder, recipe.tnet)
    return Task("tnet", network, recipe.tnet, QUNSamples, DrawnQUN, render_qun, losses, frozen)


def mnet_task(recipe: Recipe, *, pretrained: bool = True) -> Task:
    """M-Net alone on crops of fine data, with a trimap of the truth."""
    network = _with_imagenet(MNet(), pretrained=pretrained)
    return Task("mnet", network, recipe.mnet, MRNSamples, DrawnMRN, render_mrn, _trimap_losses(lambda trimap: trimap))


def shm_task(recipe: Recipe, tnet: TNet, mnet: MNet) -> Task:
    """SHM end to end, from T-Net's and M-Net's weights: both losses of the alpha, and T-Net's (section 4.4)."""
    shm = SHM()
    shm.tnet.load_state_dict(tnet.state_dict())
    shm.mnet.load_state_dict(mnet.state_dict())

    def losses(network: nn.Module, batch: Sample) -> Losses:
        image, truth = batch["crop"], batch["alpha"]
        small = F.avg_pool2d(batch["whole"], 2).contiguous(memory_format=torch.channels_last)
        alpha, logits = network(small, image, batch["window"])
        trimap = small_trimaps(batch["mask"], random_of(network, batch))
        loss = matting_loss(alpha.float(), truth, image, batch["foreground"])
        return _alpha_losses(loss + LAMBDA * F.cross_entropy(logits.float(), trimap), alpha.float(), truth)

    return Task("shm", shm, recipe.shm, MRNSamples, DrawnMRN, render_mrn, losses)
