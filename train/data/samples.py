"""The samples of each task, drawn from scenes, as tensors for a DataLoader."""

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, default_collate, get_worker_info

from train.data.camera import apply_blur, apply_grain, apply_tint, blurred_matte, draw_exposure, draw_grain
from train.data.library import Library, Picture, by_set
from train.data.scenes import Scene, View, draw_scene, render
from train.recipe import Augment, Recipe

Sample = dict[str, Tensor]
WHOLE_BATCH = slice(None)
EDGE_LEVELS = (25, 230)  # an 8-bit alpha between them is an edge
NEAR_AN_EDGE = 0.8  # share of MRN's crops


def to_image(picture: Picture) -> Tensor:
    """uint8 (h, w, 3) -> uint8 tensor (3, h, w): a quarter of the traffic between processes that floats would be."""
    return torch.from_numpy(np.stack(cv2.split(picture)))


def to_mask(mask: Picture) -> Tensor:
    """uint8 (h, w) -> uint8 tensor (1, h, w)."""
    return torch.from_numpy(np.ascontiguousarray(mask[None]))


def turned(resolution: tuple[int, int], aspect: float) -> tuple[int, int]:
    """Height and width of a frame of that width by height: a portrait frame's resolution, which landscape swaps."""
    h, w = resolution
    return (w, h) if aspect > 1 else (h, w)


def halve(picture: Picture) -> Picture:
    """Reduce to half the size, each pixel the mean of four."""
    height, width = picture.shape[:2]
    return np.asarray(cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)


def doubled_view(scene: Scene, resolution: tuple[int, int], augment: Augment, rng: random.Random) -> View:
    """The whole scene at twice a resolution, its picture through a camera."""
    h, w = turned(resolution, scene.aspect)
    view = render(scene, (2 * h, 2 * w), clean=False)
    lit = apply_tint(view.picture, draw_exposure(rng, augment))
    grain = draw_grain(rng, augment)
    return replace(view, picture=apply_grain(lit, grain), alpha=apply_blur(view.alpha, grain))


def degrade(mask: Picture, rng: random.Random) -> Picture:
    """A coarse mask from a fine one (section 3.4): random filters of size 3 or 5, binarisation, dilation, erosion."""
    generator = np.random.default_rng(rng.getrandbits(32))
    for step in rng.sample(("filter", "binarise", "morph", "morph"), rng.randint(1, 4)):
        size = rng.choice((3, 5))
        if step == "filter":
            kernel = generator.random((size, size), np.float32)
            mask = np.asarray(cv2.filter2D(mask, -1, kernel / kernel.sum()), np.uint8)
        elif step == "binarise":
            mask = np.asarray((mask > rng.randint(40, 215)) * 255, np.uint8)
        else:
            shape = cv2.getStructuringElement(rng.choice((cv2.MORPH_RECT, cv2.MORPH_ELLIPSE)), (size, size))
            mask = np.asarray(rng.choice((cv2.dilate, cv2.erode))(mask, shape), np.uint8)
    return mask


class Samples(IterableDataset[Sample]):
    """An endless stream of batches, each of frames of one orientation. The same seed and worker give the same stream.

    Each sample has its own random generator, so that a `shard` of each batch can be drawn without the rest: processes that
    train together share the same batches. Random numbers for the losses are part of the sample, as `random`; and one that all
    samples of a batch, whole or sharded, have in common, as `shared_random`.
    """

    fine_only = False

    def __init__(
        self,
        library: Library,
        recipe: Recipe,
        batch: int,
        seed: int = 0,
        shard: slice = WHOLE_BATCH,
        crop: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.library, self.recipe, self.batch, self.seed, self.shard = library, recipe, batch, seed, shard
        self.crop = crop or recipe.mrn.crop  # height and width in pixels, of samples that are crops
        self.weights = recipe.fine_sets if self.fine_only else recipe.sets
        subjects = [s for s in library.subjects if s.fine or not self.fine_only]
        self.groups = by_set([s for s in subjects if self.weights.get(s.set, 1.0) > 0])

    def __iter__(self) -> Iterator[Sample]:
        cv2.setNumThreads(1)  # the networks want the cores
        info = get_worker_info()
        stream = f"{self.recipe.seed}:{self.seed}:{info.id if info else 0}"
        waiting: dict[tuple[int, int], list[tuple[Scene, random.Random]]] = {}
        for number in count():
            rng = random.Random(f"{stream}:{number}")
            scene = self.scene(rng)
            group = waiting.setdefault(turned(self.recipe.low_resolution, scene.aspect), [])
            group.append((scene, rng))
            if len(group) == self.batch:
                shared = {"shared_random": torch.tensor(random.Random(f"{stream}:{number}:batch").random())}
                yield default_collate([self.sample(*each) | shared for each in group[self.shard]])
                group.clear()

    def scene(self, rng: random.Random) -> Scene:
        """One scene of this task's subjects."""
        return draw_scene(self.library.backgrounds, self.groups, self.weights, self.recipe, rng)

    def sample(self, scene: Scene, rng: random.Random) -> Sample:
        """One sample of a scene."""
        raise NotImplementedError


class MPNSamples(Samples):
    """image (3,h,w), mask and known (1,h,w), as MPN sees a frame. known is 0 where the mask says nothing."""

    def sample(self, scene: Scene, rng: random.Random) -> Sample:
        view = doubled_view(scene, self.recipe.seen, self.recipe.augment, rng)
        unknown = np.zeros_like(view.alpha) if view.unknown is None else view.unknown
        return {
            "image": to_image(halve(view.picture)),
            "mask": to_mask(halve(view.alpha)),
            "known": to_mask(255 - halve(unknown)),
        }


class QUNSamples(Samples):
    """whole (3,2h,2w), mask and coarse_mask (1,h,w): the same frame's mask at two qualities. random (1,) in [0, 1)."""

    fine_only = True

    def sample(self, scene: Scene, rng: random.Random) -> Sample:
        view = doubled_view(scene, self.recipe.low_resolution, self.recipe.augment, rng)
        mask = halve(view.alpha)
        coarse = degrade(mask, rng)
        return {
            "whole": to_image(view.picture),
            "mask": to_mask(mask),
            "coarse_mask": to_mask(coarse),
            "random": torch.tensor([rng.random()]),
        }


def crop_span(aspect: float, crop: tuple[int, int], rng: random.Random) -> tuple[float, float]:
    """Width and height of MRN's crop (height, width in pixels), in unit coordinates of a frame of a random size."""
    height, width = crop
    long_side = rng.uniform(480, 1280)
    frame_w, frame_h = (long_side, long_side / aspect) if aspect > 1 else (long_side * aspect, long_side)
    return width / max(frame_w, width), height / max(frame_h, height)


class MRNSamples(Samples):
    """whole (3,2h,2w), mask (1,h,w): the whole frame. crop, foreground (3,H,W), alpha (1,H,W): its window (4,) in full detail.

    Four crops out of five have the edge of a person in them. random (6,) in [0, 1).
    """

    fine_only = True

    def sample(self, scene: Scene, rng: random.Random) -> Sample:
        low = turned(self.recipe.low_resolution, scene.aspect)
        augment = self.recipe.augment
        exposure = draw_exposure(random.Random(rng.getrandbits(32)), augment)
        whole = render(scene, (2 * low[0], 2 * low[1]), clean=False)
        grain = draw_grain(rng, augment)
        seen = apply_grain(apply_tint(whole.picture, exposure), grain)
        across, down = crop_span(scene.aspect, self.crop, rng)
        x, y = rng.random() * (1 - across), rng.random() * (1 - down)
        edges = np.argwhere((whole.alpha > EDGE_LEVELS[0]) & (whole.alpha < EDGE_LEVELS[1]))
        if len(edges) and rng.random() < NEAR_AN_EDGE:
            cy, cx = edges[rng.randrange(len(edges))] / whole.alpha.shape
            x = min(max(cx - across * rng.uniform(0.2, 0.8), 0), 1 - across)
            y = min(max(cy - down * rng.uniform(0.2, 0.8), 0), 1 - down)
        window = (x, y, x + across, y + down)
        view = render(scene, self.crop, window)
        crop_grain = draw_grain(rng, augment)
        foreground, alpha = blurred_matte(apply_tint(view.foreground, exposure), view.alpha, crop_grain)
        return {
            "whole": to_image(seen),
            "mask": to_mask(halve(apply_blur(whole.alpha, grain))),
            "crop": to_image(apply_grain(apply_tint(view.picture, exposure), crop_grain)),
            "foreground": to_image(foreground),
            "alpha": to_mask(alpha),
            "window": torch.tensor(window, dtype=torch.float32),
            "random": torch.tensor([rng.random() for _ in range(6)]),
        }
