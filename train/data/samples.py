"""What each stage draws from scenes, as tensors, for a DataLoader."""

import random
from collections.abc import Iterator
from itertools import count

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, default_collate, get_worker_info

from train.data.camera import apply_grain, apply_tint, draw_exposure, draw_grain
from train.data.library import Library, Picture, Subject, by_set
from train.data.scenes import Scene, draw_scene, render
from train.recipe import Recipe

Sample = dict[str, Tensor]
WHOLE_BATCH = slice(None)


def to_image(picture: Picture) -> Tensor:
    """uint8 (h, w, 3) -> uint8 tensor (3, h, w): four times less to hand from process to process than floats."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))


def to_mask(mask: Picture) -> Tensor:
    """uint8 (h, w) -> uint8 tensor (1, h, w)."""
    return torch.from_numpy(np.ascontiguousarray(mask[None]))


def low_resolution_size(recipe: Recipe, aspect: float) -> tuple[int, int]:
    """Height and width at MPN and QUN for a frame of that width by height: landscape frames lie on their side."""
    h, w = recipe.low_resolution
    return (w, h) if aspect > 1 else (h, w)


def halve(picture: Picture) -> Picture:
    """Half the size, each pixel the mean of four."""
    return np.asarray(
        cv2.resize(picture, (picture.shape[1] // 2, picture.shape[0] // 2), interpolation=cv2.INTER_AREA), np.uint8
    )


def low_resolution_view(scene: Scene, recipe: Recipe, dice: random.Random) -> tuple[Picture, Picture]:
    """The whole scene as MPN sees it, through a camera: picture and alpha."""
    h, w = low_resolution_size(recipe, scene.aspect)
    view = render(scene, (2 * h, 2 * w), clean=False)
    lit = apply_tint(view.picture, draw_exposure(dice, recipe.augment))
    return halve(apply_grain(lit, draw_grain(dice, recipe.augment))), halve(view.alpha)


def degrade(mask: Picture, dice: random.Random) -> Picture:
    """A coarse mask out of a fine one (section 3.4): random filters of size 3 or 5, binarisation, dilation, erosion."""
    generator = np.random.default_rng(dice.getrandbits(32))
    for step in dice.sample(("filter", "binarise", "morph", "morph"), dice.randint(1, 4)):
        size = dice.choice((3, 5))
        if step == "filter":
            kernel = generator.random((size, size), np.float32)
            mask = np.asarray(cv2.filter2D(mask, -1, kernel / kernel.sum()), np.uint8)
        elif step == "binarise":
            mask = np.asarray((mask > dice.randint(40, 215)) * 255, np.uint8)
        else:
            shape = cv2.getStructuringElement(dice.choice((cv2.MORPH_RECT, cv2.MORPH_ELLIPSE)), (size, size))
            mask = np.asarray(dice.choice((cv2.dilate, cv2.erode))(mask, shape), np.uint8)
    return mask


class Samples(IterableDataset[Sample]):
    """An endless stream of batches, each of frames that lie the same way. The same seed and worker give the same stream.

    Each sample has dice of its own, so that `share` of each batch can be drawn without the rest: processes that train together
    draw the same batches, and each its share of them. What a loss leaves to chance comes with the sample, as `chance`.
    """

    fine_only = False

    def __init__(
        self,
        library: Library,
        recipe: Recipe,
        batch: int,
        seed: int = 0,
        subjects: tuple[Subject, ...] | None = None,
        share: slice = WHOLE_BATCH,
    ) -> None:
        super().__init__()
        self.library, self.recipe, self.batch, self.seed, self.share = library, recipe, batch, seed, share
        chosen = library.subjects if subjects is None else subjects
        self.weights = recipe.fine_sets if self.fine_only else recipe.sets
        self.groups = by_set([s for s in chosen if (s.fine or not self.fine_only) and self.weights.get(s.set, 1.0) > 0])

    def __iter__(self) -> Iterator[Sample]:
        cv2.setNumThreads(1)  # the networks want the cores
        worker = get_worker_info()
        waiting: dict[tuple[int, int], list[tuple[Scene, random.Random]]] = {}
        for number in count():
            dice = random.Random(f"{self.recipe.seed}:{self.seed}:{worker.id if worker else 0}:{number}")
            scene = self.scene(dice)
            group = waiting.setdefault(low_resolution_size(self.recipe, scene.aspect), [])
            group.append((scene, dice))
            if len(group) == self.batch:
                yield default_collate([self.look(*each) for each in group[self.share]])
                group.clear()

    def scene(self, dice: random.Random) -> Scene:
        """One scene from this stage's subjects."""
        return draw_scene(self.library.backgrounds, self.groups, self.weights, self.recipe, dice)

    def look(self, scene: Scene, dice: random.Random) -> Sample:
        """One sample: what of a scene this stage is shown."""
        raise NotImplementedError


class MPNSamples(Samples):
    """image (3,h,w), mask (1,h,w)."""

    def look(self, scene: Scene, dice: random.Random) -> Sample:
        """A whole frame at low resolution."""
        picture, alpha = low_resolution_view(scene, self.recipe, dice)
        return {"image": to_image(picture), "mask": to_mask(alpha)}


class QUNSamples(Samples):
    """image (3,h,w), mask and coarse_mask (1,h,w): the same frame's mask at two qualities. chance (1,) in [0, 1)."""

    fine_only = True

    def look(self, scene: Scene, dice: random.Random) -> Sample:
        """A whole frame at low resolution and a degraded pair."""
        picture, alpha = low_resolution_view(scene, self.recipe, dice)
        coarse = degrade(alpha, dice)
        return {
            "image": to_image(picture),
            "mask": to_mask(alpha),
            "coarse_mask": to_mask(coarse),
            "chance": torch.tensor([dice.random()]),
        }


class MRNSamples(Samples):
    """image (3,h,w), mask (1,h,w): the whole frame. crop, foreground (3,H,W), alpha (1,H,W): a part; window (4,): which.

    chance (6,) in [0, 1).
    """

    fine_only = True

    def look(self, scene: Scene, dice: random.Random) -> Sample:
        """A crop at full resolution, four times out of five with the edge of a person in it."""
        low = low_resolution_size(self.recipe, scene.aspect)
        look, augment = dice.getrandbits(32), self.recipe.augment
        whole = render(scene, (2 * low[0], 2 * low[1]), clean=False)
        exposure = draw_exposure(random.Random(look), augment)
        image = halve(apply_grain(apply_tint(whole.picture, exposure), draw_grain(dice, augment)))
        height, width = self.recipe.mrn.crop
        long_side = dice.uniform(480, 1280)
        frame_w, frame_h = (long_side, long_side / scene.aspect) if scene.aspect > 1 else (long_side * scene.aspect, long_side)
        frame_h, frame_w = max(frame_h, height), max(frame_w, width)
        across, down = width / frame_w, height / frame_h
        x, y = dice.random() * (1 - across), dice.random() * (1 - down)
        edges = np.argwhere((whole.alpha > 25) & (whole.alpha < 230))
        if len(edges) and dice.random() < 0.8:
            cy, cx = edges[dice.randrange(len(edges))] / whole.alpha.shape
            x = min(max(cx - across * dice.uniform(0.2, 0.8), 0), 1 - across)
            y = min(max(cy - down * dice.uniform(0.2, 0.8), 0), 1 - down)
        window = (x, y, x + across, y + down)
        view = render(scene, (height, width), window)
        return {
            "image": to_image(image),
            "mask": to_mask(halve(whole.alpha)),
            "crop": to_image(apply_grain(apply_tint(view.picture, exposure), draw_grain(dice, augment))),
            "foreground": to_image(apply_tint(view.foreground, exposure)),
            "alpha": to_mask(view.alpha),
            "window": torch.tensor(window, dtype=torch.float32),
            "chance": torch.tensor([dice.random() for _ in range(6)]),
        }
