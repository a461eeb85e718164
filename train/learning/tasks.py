"""The three training tasks of the paper, one for each network, the networks of earlier tasks frozen.

Those of the baselines are in `train.baselines.tasks`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.graphs.glue import foreground_mask
from engines.networks import MPN, MRN, QUN
from engines.networks.lite0 import EfficientNetLite0
from engines.networks.mrn import HALO
from train.data.samples import MPNSamples, MRNSamples, QUNSamples, Sample, Samples
from train.learning.distributed import max_over_ranks
from train.learning.imagenet import load_imagenet
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
from train.learning.perturb_masks import perturb_masks
from train.recipe import Recipe, TaskSettings
from train.rendering.renderer import Renderer
from train.rendering.samples import Drawn, DrawnMPN, DrawnMRN, DrawnQUN, render_mpn, render_mrn, render_qun

Losses = dict[str, Tensor]


@dataclass(frozen=True)
class Task:
    """One network's training: the network, its samples and its losses. `losses(network, batch)["loss"]` is minimised."""

    name: str
    network: nn.Module
    settings: TaskSettings
    samples: type[Samples]
    drawn: type[Drawn]  # the same samples, for `render`, which turns a batch of them into what `samples` gives, on a device
    render: Callable[[Renderer, Sample, TaskSettings], Sample]
    losses: Callable[[nn.Module, Sample], Losses]
    frozen: tuple[nn.Module, ...] = ()  # parts of the network that are not trained
    earlier: tuple[nn.Module, ...] = ()  # networks of earlier tasks that `losses` uses


def to_floats(batch: Sample) -> Sample:
    """Convert uint8 tensors to float32 in [0, 1], and images to channels last."""
    return {
        k: (v.float() / 255 if v.dtype == torch.uint8 else v).contiguous(memory_format=torch.channels_last)
        if v.ndim == 4
        else v
        for k, v in batch.items()
    }


def foreground_iou(mask: Tensor, truth: Tensor) -> Tensor:
    """Intersection over union at 0.5, pooled over the batch."""
    a, b = mask > 0.5, truth > 0.5
    return (a & b).sum() / (a | b).sum().clamp(min=1)


def _shares(source: int, target: int, like: Tensor) -> Tensor:
    """How much of each of `target` pixels is of each of `source`: (target, source), rows sum to 1.

    By area, as frames are shrunk for the networks. `F.interpolate` averages whole pixels, which blurs.
    """
    ends = torch.arange(target + 1, device=like.device, dtype=like.dtype) * (source / target)
    pixels = torch.arange(source, device=like.device, dtype=like.dtype)
    overlap = torch.minimum(ends[1:, None], pixels + 1) - torch.maximum(ends[:-1, None], pixels)
    return overlap.clamp(min=0) * (target / source)


def at_second_resolution(image: Tensor, recipe: Recipe) -> Tensor:
    """An image (N,C,h,w) at the recipe's second resolution, by area averaging; landscape frames swap it."""
    height, width = recipe.second_resolution
    high, wide = (width, height) if image.shape[-1] > image.shape[-2] else (height, width)
    with torch.autocast(image.device.type, enabled=False):
        smaller = _shares(image.shape[-2], high, image) @ image @ _shares(image.shape[-1], wide, image).T
    return smaller.clamp(0, 1).contiguous(memory_format=torch.channels_last)


def at_low_resolution(whole: Tensor) -> Tensor:
    """Frames (N,3,2h,2w) as QUN sees them (N,3,h,w)."""
    return F.avg_pool2d(whole, 2).contiguous(memory_format=torch.channels_last)


def first_stages(encoder: EfficientNetLite0, settings: TaskSettings) -> tuple[nn.Module, ...]:
    """The stem and as many stages as keep their ImageNet weights; empty if there are no such stages."""
    count = settings.frozen_encoder_stages
    return (encoder.stem, *list(encoder.stages)[:count]) if count else ()


def mpn_task(recipe: Recipe, *, pretrained: bool = True) -> Task:
    """MPN on fine and coarse data, initialised with ImageNet weights if `pretrained` (section 3.1)."""
    network = MPN()
    if pretrained:
        load_imagenet(network.encoder)

    def losses(network: nn.Module, batch: Sample) -> Losses:
        image, truth, known = batch["image"], batch["mask"], batch["known"]
        if network.training and min(recipe.second_resolution) and batch["shared_random"][0] < 0.5:
            image, truth, known = (at_second_resolution(each, recipe) for each in (image, truth, known))
        both = torch.cat([truth, 1 - truth], dim=1)
        masks = both.lerp(network(image).float(), known)  # nothing is learnt where it is 0
        loss = mpn_loss(masks, truth, recipe.mpn.lambda_l)
        mask = masks[:, :1]
        if recipe.mpn.cross_entropy:
            loss = loss + recipe.mpn.cross_entropy * cross_entropy(masks, both)
        return {
            "loss": loss,
            "l1": l1(mask, truth),
            "mse": F.mse_loss(mask, truth),
            "iou": foreground_iou(mask, truth),
        }

    return Task("mpn", network, recipe.mpn, MPNSamples, DrawnMPN, render_mpn, losses, first_stages(network.encoder, recipe.mpn))


def qun_task(recipe: Recipe, mpn: nn.Module) -> Task:
    """QUN on fine data: the accurate mask paired with a degraded one, or with MPN's (sections 3.2, 3.4)."""

    def losses(network: nn.Module, batch: Sample) -> Losses:
        mask, coarse = batch["mask"], batch["coarse_mask"]
        image = at_low_resolution(batch["whole"])
        with torch.no_grad():
            predicted = foreground_mask(mpn, batch["whole"], recipe.seen).float()
        coarse = torch.where(batch["random"].view(-1, 1, 1, 1) < 0.5, predicted, coarse)
        both = network(torch.cat([image, image]), torch.cat([mask, coarse])).float()
        unified, unified_coarse = both.chunk(2)
        identity = identity_loss(unified, mask, unified_coarse, coarse)
        consistence = consistence_loss(unified, unified_coarse)
        loss = qun_loss(identity, consistence, recipe.qun.lambda_1, recipe.qun.lambda_2)
        return {"loss": loss, "identity": identity, "consistence": consistence, "apart": l1(mask, coarse)}

    return Task("qun", QUN(), recipe.qun, QUNSamples, DrawnQUN, render_qun, losses, earlier=(mpn,))


PART_MULTIPLE = 8  # of the low resolution: MRN halves a mask's size three times


def around_windows(batch: Sample, masks: Tensor, share: float) -> tuple[Tensor, Tensor, Tensor]:
    """What MRN learns a crop from at less cost: `whole`, masks and `window` of the part of each frame around its window.

    A part has `share` of the frame's height and width, or what the largest window of the batch needs if that is more.
    """
    windows, size = batch["window"].double().cpu(), torch.tensor(masks.shape[:1:-1])  # width, height
    spans = max_over_ranks((windows[:, 2:] - windows[:, :2]).amax(dim=0)) * size
    part = torch.maximum(share * size, spans + PART_MULTIPLE)  # the corners are rounded
    part = torch.minimum((part / PART_MULTIPLE).ceil() * PART_MULTIPLE, size)
    centres = (windows[:, :2] + windows[:, 2:]) / 2 * size
    corners = torch.minimum(((centres - part / 2) / PART_MULTIPLE).round() * PART_MULTIPLE, size - part).clamp(min=0)
    width, height = part.int().tolist()
    places = corners.int().tolist()
    wholes = [w[:, 2 * y : 2 * (y + height), 2 * x : 2 * (x + width)] for w, (x, y) in zip(batch["whole"], places, strict=True)]
    parts = [mask[:, y : y + height, x : x + width] for mask, (x, y) in zip(masks, places, strict=True)]
    inside = (windows * size.repeat(2) - corners.repeat(1, 2)) / part.repeat(2)
    whole = torch.stack(wholes).contiguous(memory_format=torch.channels_last)
    return whole, torch.stack(parts), inside.to(batch["window"])


def mrn_task(recipe: Recipe, mpn: nn.Module, qun: nn.Module | None) -> Task:
    """MRN on fine data, behind the frozen MPN and QUN (section 3.3); without QUN, the paper's ablation."""

    def losses(network: nn.Module, batch: Sample) -> Losses:
        whole = batch["whole"]
        image = at_low_resolution(whole)
        with torch.no_grad():
            masks = foreground_mask(mpn, whole, recipe.seen).float()
            if qun is not None:
                masks = qun(image, masks).float()
            if network.training:
                exact = batch["random"][:, :1].view(-1, 1, 1, 1) < recipe.mrn.exact
                masks = perturb_masks(torch.where(exact, batch["mask"], masks), recipe.mrn.degrade, batch["random"][:, 1:])
        window = batch["window"]
        if network.training and recipe.mrn.part < 1:
            whole, masks, window = around_windows(batch, masks, recipe.mrn.part)
        output = network(whole, masks, batch["crop"], window).float()
        foreground, truth = (batch[name][:, :, HALO:-HALO, HALO:-HALO] for name in ("foreground", "alpha"))
        alpha = output[:, 3:]
        loss = mrn_loss(output, foreground, truth, recipe.mrn.lambda_h)
        if recipe.mrn.cross_entropy:
            loss = loss + recipe.mrn.cross_entropy * cross_entropy(alpha, truth)
        if recipe.mrn.laplacian:
            loss = loss + recipe.mrn.laplacian * laplacian_loss(alpha, truth)
        return {"loss": loss, "alpha": l1(alpha, truth), "mse": F.mse_loss(alpha, truth)}

    earlier = (mpn,) if qun is None else (mpn, qun)
    return Task("mrn", MRN(), recipe.mrn, MRNSamples, DrawnMRN, render_mrn, losses, earlier=earlier)
