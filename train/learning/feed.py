"""From drawn samples to batches of floats on the device: rendered by the workers on a CPU, or in batches on a GPU."""

from typing import Literal

import torch

from train.data.library import Library
from train.data.samples import WHOLE_BATCH, Sample, Samples
from train.learning.tasks import Task, to_floats
from train.recipe import Recipe
from train.rendering.samples import Drawn, Studio, open_studio

Rendering = Literal["auto", "workers", "device"]
FINE_SIDE = 1024  # pixels, of the pictures on the device: MRN sees crops of frames of up to 1280, which people rarely fill
SIDE = 512  # at least: MPN's pictures are as large as it sees


class Feed:
    """Batches for one task. `rendering`: "workers", "device", or "auto": on the device if that is a GPU."""

    def __init__(
        self,
        task: Task,
        library: Library,
        recipe: Recipe,
        device: torch.device,
        rendering: Rendering = "auto",
        shard: slice = WHOLE_BATCH,
    ) -> None:
        self.task, self.library, self.recipe, self.device, self.shard = task, library, recipe, device, shard
        self.on_device = rendering == "device" or (rendering == "auto" and device.type == "cuda")
        self._studio: Studio | None = None

    def samples(self, seed: int, *, held_out: bool = False) -> Samples:
        """A stream of batches for `batch_of`, of the library's held-out pictures or of the others.

        The first call for a device reads all pictures onto it.
        """
        library = self.library.held_out() if held_out else self.library
        kind = self.task.drawn if self.on_device else self.task.samples
        settings = self.task.settings
        samples = kind(library, self.recipe, settings.batch, seed, self.shard, settings.crop)
        if isinstance(samples, Drawn):
            if self._studio is None:
                seen = max(*self.recipe.seen, *self.recipe.second_resolution)
                side = FINE_SIDE if samples.fine_only else max(SIDE, seen)
                self._studio = open_studio(self.library, self.device, side, fine_only=samples.fine_only)
            samples.places, samples.measures = self._studio.places, self._studio.measures
        return samples

    def batch_of(self, drawn: Sample) -> Sample:
        """A batch of `samples` as floats on the device."""
        if self._studio is not None:
            with torch.no_grad():
                return self.task.render(self._studio.renderer, drawn, self.task.settings)
        return {name: value.to(self.device, non_blocking=True) for name, value in to_floats(drawn).items()}
