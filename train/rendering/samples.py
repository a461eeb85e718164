"""What each network is shown, in two halves: drawn by a worker as arrays of numbers, rendered in batches on the device."""

import random
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from train.data.camera import draw_exposure, draw_grain
from train.data.foregrounds import foreground_of
from train.data.library import Library, Subject, read_background, read_subject, read_unknown
from train.data.measures import Measure, know_measures, measure
from train.data.samples import EDGE_LEVELS, NEAR_AN_EDGE, Sample, Samples, crop_span, degrade, turned
from train.data.scenes import Scene
from train.recipe import TaskSettings
from train.rendering.optics import blurred_matte, camera_blur, grain, tint
from train.rendering.parameters import Arrays, Places, grain_arrays, scene_arrays, tint_numbers
from train.rendering.renderer import Renderer, Views
from train.rendering.textures import Textures

LEVELS = 3  # of the mipmaps


@dataclass(frozen=True)
class Studio:
    """All pictures of a library on a device, where they are, and what renders them."""

    places: Places
    measures: dict[Subject | Path, Measure]
    renderer: Renderer


def open_studio(library: Library, device: torch.device, side: int, *, fine_only: bool = False) -> Studio:
    """Read a library's pictures onto a device: each at most `side` pixels wide and high. `fine_only`: for QUN and MRN."""
    subjects = [s for s in library.subjects + library.validation if s.fine or not fine_only]
    clean = [s for s in subjects if s.fine and not s.cutout]
    partly_known = {s: s.unknown for s in subjects if s.unknown is not None}
    sides = [side >> level for level in range(LEVELS)]
    readers = [partial(read_subject, s, side) for s in subjects] + [partial(foreground_of, s, side) for s in clean]
    backgrounds = [*library.backgrounds, *library.validation_backgrounds]
    places = Places(
        {subject: place for place, subject in enumerate(subjects)},
        {subject: place for place, subject in enumerate(clean, start=len(subjects))},
        {path: place for place, path in enumerate(backgrounds)},
        {subject: place for place, subject in enumerate(partly_known)},
    )
    renderer = Renderer(
        Textures(readers, sides, device),
        Textures([partial(read_background, path, side) for path in backgrounds], sides, device),
        Textures([partial(read_unknown, path, side) for path in partly_known.values()], sides, device)
        if partly_known
        else None,
    )
    with ThreadPoolExecutor() as pool:
        sources: list[Subject | Path] = [*subjects, *backgrounds]
        measures = dict(zip(sources, pool.map(measure, sources), strict=True))
    return Studio(places, measures, renderer)


def tensors(arrays: Arrays) -> Sample:
    """As a DataLoader collates them."""
    return {name: torch.from_numpy(np.asarray(array)) for name, array in arrays.items()}


class Drawn(Samples):
    """Whole frames at a resolution, as arrays for a studio: `scene_arrays`, an exposure and a grain.

    `places` and `measures` are those of the studio.
    """

    places: Places
    measures: Mapping[Subject | Path, Measure]

    def __iter__(self) -> Iterator[Sample]:
        know_measures(self.measures)
        return super().__iter__()

    @property
    def resolution(self) -> tuple[int, int]:
        """Height and width of a portrait frame's mask."""
        return self.recipe.low_resolution

    def sample(self, scene: Scene, rng: random.Random) -> Sample:
        """A whole frame."""
        exposure = draw_exposure(rng, self.recipe.augment)
        camera = {"exposure": np.array(tint_numbers(exposure), np.float32)} | grain_arrays(draw_grain(rng, self.recipe.augment))
        size = np.array(turned(self.resolution, scene.aspect), np.int64)
        return tensors(scene_arrays(scene, self.places) | camera | {"size": size})


class DrawnMPN(Drawn):
    """The samples that `MPNSamples` renders from the same seed."""

    @property
    def resolution(self) -> tuple[int, int]:
        """As MPN sees a frame."""
        return self.recipe.seen


def through_camera(views: Views, batch: Sample) -> Tensor:
    """Views as a camera has them: (N,3,H,W) in [0, 255]."""
    return grain(tint(views.picture, batch["exposure"].to(views.picture.device)), batch)


def low_resolution(alpha: Tensor) -> Tensor:
    """Alpha (N,1,2h,2w) as a mask (N,1,h,w)."""
    return F.avg_pool2d(alpha, 2).clamp(0, 1)


def levels(image: Tensor) -> Tensor:
    """An image in [0, 1] rounded to 256 levels, as a camera gives it."""
    return (image * 255).round_().clamp_(0, 255).div_(255).contiguous(memory_format=torch.channels_last)


def doubled(batch: Sample) -> tuple[int, int]:
    """Twice the resolution of a batch, whose frames all lie the same way."""
    height, width = batch["size"][0].tolist()
    return 2 * height, 2 * width


def render_mpn(renderer: Renderer, batch: Sample, _: TaskSettings) -> Sample:
    """What `MPNSamples` gives, as floats on the device."""
    views = renderer(batch, doubled(batch))
    image = levels(F.avg_pool2d(through_camera(views, batch), 2) / 255)
    return {
        "image": image,
        "mask": low_resolution(camera_blur(views.alpha, batch)),
        "known": 1 - low_resolution(views.unknown),
        "shared_random": batch["shared_random"].to(renderer.device),
    }


class DrawnQUN(Drawn):
    """As `Drawn`, of fine subjects, and what degrades the mask: `degrade_seed`; `random` (1,) in [0, 1)."""

    fine_only = True

    def sample(self, scene: Scene, rng: random.Random) -> Sample:
        """A whole frame."""
        drawn = super().sample(scene, rng)
        seed = torch.tensor(rng.getrandbits(32))
        return drawn | {"degrade_seed": seed, "random": torch.tensor([rng.random()])}


def render_qun(renderer: Renderer, batch: Sample, _: TaskSettings) -> Sample:
    """What `QUNSamples` gives, as floats on the device. Masks are degraded on the CPU, where the filters are."""
    views = renderer(batch, doubled(batch))
    mask = low_resolution(camera_blur(views.alpha, batch))
    masks = (mask * 255).round().byte().cpu().numpy()
    worse = [degrade(each[0], random.Random(seed)) for each, seed in zip(masks, batch["degrade_seed"].tolist(), strict=True)]
    coarse = torch.from_numpy(np.stack(worse))[:, None].to(renderer.device).float() / 255
    return {
        "whole": levels(through_camera(views, batch) / 255),
        "mask": mask,
        "coarse_mask": coarse,
        "random": batch["random"].to(renderer.device),
        "shared_random": batch["shared_random"].to(renderer.device),
    }


class DrawnMRN(Drawn):
    """As `Drawn`, of fine subjects, and a crop: a second grain (`crop_...`), the window's `span` and where it may be.

    `edge_seed`: of the pixel of an edge that it is around.
    """

    fine_only = True

    def sample(self, scene: Scene, rng: random.Random) -> Sample:
        """A whole frame and where a crop of it is."""
        drawn = super().sample(scene, rng)
        span = crop_span(scene.aspect, self.crop, rng)
        crop_grain = grain_arrays(draw_grain(rng, self.recipe.augment))
        return (
            drawn
            | tensors({f"crop_{name}": array for name, array in crop_grain.items()})
            | {
                "span": torch.tensor(span),
                "corner": torch.tensor([rng.random(), rng.random()]),
                "near_an_edge": torch.tensor(rng.random() < NEAR_AN_EDGE),
                "edge_at": torch.tensor([rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)]),  # of the crop
                "random": torch.tensor([rng.random() for _ in range(6)]),
                "edge_seed": torch.tensor(rng.getrandbits(32)),
            }
        )


def crop_windows(alpha: Tensor, batch: Sample) -> Tensor:
    """Windows (N, 4) in unit coordinates: most around a random pixel of the edge of alpha (N, 1, h, w), the rest anywhere."""
    h, w = alpha.shape[2:]
    device = alpha.device
    low, high = EDGE_LEVELS
    edges = ((alpha > low / 255) & (alpha < high / 255)).flatten(1)
    generators = [torch.Generator(device).manual_seed(seed) for seed in batch["edge_seed"].tolist()]
    ranks = torch.stack([torch.rand(h * w, device=device, generator=each) for each in generators])
    best, place = (ranks * edges).max(dim=1)
    at = torch.stack([(place % w) / w, place.div(w, rounding_mode="floor") / h], dim=1)
    span = batch["span"].to(device)
    anywhere = batch["corner"].to(device) * (1 - span)
    near = torch.minimum((at - span * batch["edge_at"].to(device)).clamp(min=0), 1 - span)
    chosen = (batch["near_an_edge"].to(device) & (best > 0))[:, None]
    corner = torch.where(chosen, near, anywhere)
    return torch.cat([corner, corner + span], dim=1)


def render_mrn(renderer: Renderer, batch: Sample, settings: TaskSettings) -> Sample:
    """What `MRNSamples` gives, as floats on the device: of the same scenes, with other draws of light, grain and crop."""
    views = renderer(batch, doubled(batch))
    windows = crop_windows(views.alpha, batch)
    close = renderer(batch, settings.crop, windows, batch["span"])
    exposure = batch["exposure"].to(renderer.device)
    foreground, alpha = blurred_matte(tint(close.foreground, exposure), close.alpha, batch, "crop_")
    return {
        "whole": levels(through_camera(views, batch) / 255),
        "mask": low_resolution(camera_blur(views.alpha, batch)),
        "crop": levels(grain(tint(close.picture, exposure), batch, "crop_") / 255),
        "foreground": foreground / 255,
        "alpha": alpha,
        "window": windows,
        "random": batch["random"].to(renderer.device),
        "shared_random": batch["shared_random"].to(renderer.device),
    }
