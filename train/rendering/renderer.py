"""A batch of scenes rendered on a device: equation 1 for all of them at once."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from train.rendering.optics import tint
from train.rendering.parameters import BEFORE, BEHIND, HELD, NO_PROP, NOBODY, PEOPLE, PIECE, SEE_THROUGH, WORN
from train.rendering.polygons import fill
from train.rendering.textures import Textures

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Views:
    """What windows of N scenes show: picture and foreground float32 (N, 3, h, w) in [0, 255], alpha (N, 1, h, w) in [0, 1].

    `unknown`, like alpha, is 1 where the mask of a photo says nothing.
    """

    picture: Tensor
    foreground: Tensor
    alpha: Tensor
    unknown: Tensor


def inverted(places: Tensor) -> Tensor:
    """Affine maps (N, 2, 3) the other way."""
    a, b, c, d, e, f = places.flatten(1).double().unbind(1)
    scale = 1 / (a * e - b * d)
    rows = [e, -b, b * f - c * e, -d, a, c * d - a * f]
    return (torch.stack(rows, dim=1) * scale[:, None]).view(-1, 2, 3)


def theta(places: Tensor, windows: Tensor) -> Tensor:
    """Maps (N, 2, 3) from coordinates of the window to those of the source, both in [-1, 1], for `F.affine_grid`.

    places   (N, 2, 3): unit coordinates of the source to those of the frame
    windows  (N, 4): x0, y0, x1, y1 in unit coordinates of the frame
    """
    to_source = inverted(places)
    x0, y0, x1, y1 = windows.double().unbind(1)
    linear = to_source[:, :, :2] * torch.stack([x1 - x0, y1 - y0], dim=1)[:, None]
    centre = torch.stack([x0 + x1, y0 + y1], dim=1) / 2
    offset = 2 * (torch.einsum("nij,nj->ni", to_source[:, :, :2], centre) + to_source[:, :, 2]) - 1
    return torch.cat([linear, offset[..., None]], dim=2).float()


def extent(places: Tensor, spans: Tensor, size: tuple[int, int]) -> Tensor:
    """How many pixels a source is wide or high, whichever is more: (N,).

    spans  (N, 2): width and height in unit coordinates of the frame of windows that are `size` pixels large
    """
    per_unit = torch.tensor([size[1], size[0]]) / spans
    longest: Tensor = torch.linalg.vector_norm(places[:, :, :2] * per_unit[..., None], dim=1).amax(dim=1)
    return longest


def feathered(alpha: Tensor) -> Tensor:
    """A coarse mask's alpha (N, 1, h, w), shrunk by a pixel and softened, as a cut-out needs it."""
    shrunk = -F.max_pool2d(-alpha, 3, 1, 1)
    kernel = torch.tensor([0.25, 0.5, 0.25], device=alpha.device)
    return F.conv2d(F.pad(shrunk, (1,) * 4, mode="reflect"), torch.outer(kernel, kernel)[None, None])


class Renderer:
    """Renders scenes from textures on one device: `subjects` RGBA, `backgrounds` RGB, `unknown` of one channel."""

    def __init__(self, subjects: Textures, backgrounds: Textures, unknown: Textures | None = None) -> None:
        self.subjects, self.backgrounds, self.unknown = subjects, backgrounds, unknown

    @property
    def device(self) -> torch.device:
        """Where it renders."""
        return self.subjects.device

    def __call__(
        self, batch: Batch, size: tuple[int, int], windows: Tensor | None = None, spans: Tensor | None = None
    ) -> Views:
        """Render a batch of `scene_arrays`, on the CPU, at `size` (height, width).

        Which pictures are sampled at which size is decided on the CPU, so that the device is never waited for:

        windows  (N, 4), on the device: which part of each frame, x0, y0, x1, y1 in unit coordinates; without, the whole
        spans    (N, 2), on the CPU: how wide and high these windows are
        """
        frames = _Frames(self, batch, size, windows, spans)
        background = frames.background()
        for slot in range(BEHIND):
            frames.put_prop(slot, background, background)
        colours = torch.zeros_like(background)  # premultiplied
        coverage = torch.zeros_like(background[:, :1])
        for slot in range(PEOPLE):
            rows = torch.nonzero(batch["person"][:, slot] != NOBODY)[:, 0]
            if len(rows):
                on_device = rows.to(self.device)
                person, alpha = frames.person(slot, rows)
                if slot == 0:
                    person = frames.dressed(person, on_device, background)
                colours[on_device] = person * alpha + (1 - alpha) * colours[on_device]
                coverage[on_device] = alpha + (1 - alpha) * coverage[on_device]
        for slot in range(BEHIND, BEHIND + HELD):
            shape = frames.put_prop(slot, colours, background)
            if shape is not None:
                coverage = shape + (1 - shape) * coverage
        picture = colours + (1 - coverage) * background
        foreground = (colours / coverage.clamp(min=1 / 512)).clamp(0, 255)
        for slot in range(BEHIND + HELD, BEHIND + HELD + BEFORE):
            hidden = frames.put_prop(slot, picture, background)
            if hidden is not None:
                coverage = coverage * (1 - hidden)
        photos = torch.nonzero(batch["photo"])[:, 0]
        if len(photos):
            picture[photos.to(self.device)] = frames.photo(photos)
        coverage = coverage.clamp(0, 1)  # rounding leads beyond 1
        empty = (coverage.amax(dim=(1, 2, 3)) == 0).view(-1, 1, 1, 1)
        return Views(picture, torch.where(empty, picture, foreground), coverage, frames.unknown(coverage))


class _Frames:
    """A batch of scenes at one size: what its layers and props look like there."""

    def __init__(
        self, renderer: Renderer, batch: Batch, size: tuple[int, int], windows: Tensor | None, spans: Tensor | None
    ) -> None:
        count = len(batch["background"])
        self.subjects, self.backgrounds, self.device = renderer.subjects, renderer.backgrounds, renderer.device
        self.unknown_parts = renderer.unknown
        self.batch, self.size = batch, size
        if windows is None:
            windows = torch.tensor([0.0, 0.0, 1.0, 1.0], device=self.device).expand(count, 4)
        self.windows = windows
        self.spans = torch.ones(count, 2) if spans is None else spans

    def _seen(self, textures: Textures, rows: Tensor, index: Tensor, places: Tensor, border: str) -> Tensor:
        on_device = rows.to(self.device)
        maps = theta(places.to(self.device), self.windows[on_device])
        return textures.sample(index, maps, extent(places, self.spans[rows], self.size), self.size, border=border)

    def background(self) -> Tensor:
        """The backgrounds, without props."""
        index = self.batch["background"].clamp(min=0)  # of a photo any will do: it is not seen
        everyone = torch.arange(len(index))
        seen = self._seen(self.backgrounds, everyone, index, self.batch["background_place"], "reflection")
        return tint(seen, self.batch["background_tint"].to(self.device))

    def person(self, slot: int, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The colours and the alpha of the people of a slot, in those rows of the batch that have one."""
        index, places = self.batch["person"][rows, slot], self.batch["person_place"][rows, slot]
        seen = torch.empty(len(rows), 4, *self.size, device=self.device)
        photo = self.batch["photo"][rows]
        for part, border in ((torch.nonzero(photo)[:, 0], "reflection"), (torch.nonzero(~photo)[:, 0], "zeros")):
            if len(part):
                seen[part.to(self.device)] = self._seen(self.subjects, rows[part], index[part], places[part], border)
        colours = tint(seen[:, :3], self.batch["person_tint"][rows, slot].to(self.device))
        alpha = seen[:, 3:] / 255
        soft = torch.nonzero(self.batch["person_feather"][rows, slot])[:, 0].to(self.device)
        if len(soft):
            alpha[soft] = feathered(alpha[soft])
        return colours, alpha

    def dressed(self, person: Tensor, rows: Tensor, behind: Tensor) -> Tensor:
        """The colours of the first people, who are in those rows of the batch, with what is drawn over them."""
        first = BEHIND + HELD + BEFORE
        if (self.batch["prop_kind"][:, first:] == NO_PROP).all():
            return person
        colours = torch.zeros_like(behind)
        colours[rows] = person
        for slot in range(first, first + WORN):
            self.put_prop(slot, colours, behind)
        return colours[rows]

    def photo(self, rows: Tensor) -> Tensor:
        """Photos as they were taken, background and all."""
        index, places = self.batch["photo_source"][rows], self.batch["person_place"][rows, 0]
        seen = self._seen(self.subjects, rows, index, places, "reflection")
        return tint(seen[:, :3], self.batch["person_tint"][rows, 0].to(self.device))

    def unknown(self, alpha: Tensor) -> Tensor:
        """Where the masks of photos say nothing, of the shape of `alpha`."""
        everywhere = torch.zeros_like(alpha)
        rows = torch.nonzero(self.batch["photo_unknown"] != NOBODY)[:, 0]
        if self.unknown_parts is not None and len(rows):
            index, places = self.batch["photo_unknown"][rows], self.batch["person_place"][rows, 0]
            seen = self._seen(self.unknown_parts, rows, index, places, "reflection")
            everywhere[rows.to(self.device)] = seen / 255
        return everywhere

    def put_prop(self, slot: int, onto: Tensor, behind: Tensor) -> Tensor | None:
        """Draw the props of a slot onto pictures, in place; gives where they hide them (N, 1, h, w), None where nowhere."""
        rows = torch.nonzero(self.batch["prop_kind"][:, slot] != NO_PROP)[:, 0]
        if not len(rows):
            return None
        on_device, kinds = rows.to(self.device), self.batch["prop_kind"][rows, slot]
        x0, y0, x1, y1 = self.windows[on_device].unbind(1)
        pixels = torch.tensor([self.size[1], self.size[0]], device=self.device)
        per_unit = pixels / torch.stack([x1 - x0, y1 - y0], dim=1)
        outlines = self.batch["prop_outline"][rows, slot].to(self.device) - torch.stack([x0, y0], dim=1)[:, None]
        shape = fill(outlines * per_unit[:, None], self.size)
        seen = self.batch["prop_colour"][rows, slot].to(self.device)[..., None, None].repeat(1, 1, *self.size)
        through = torch.nonzero(kinds == SEE_THROUGH)[:, 0].to(self.device)
        if len(through):
            seen[through] = behind[on_device[through]]
        pieces = torch.nonzero(kinds == PIECE)[:, 0]
        if len(pieces):
            seen[pieces.to(self.device)] = self._pieces(slot, rows[pieces])
        onto[on_device] = torch.lerp(onto[on_device], seen, shape)
        hidden = torch.zeros_like(onto[:, :1])
        hidden[on_device] = shape
        return hidden

    def _pieces(self, slot: int, rows: Tensor) -> Tensor:
        """Pieces of backgrounds, each filling the box around its prop's outline."""
        outlines = self.batch["prop_outline"][rows, slot]
        least, most = outlines.amin(dim=1), outlines.amax(dim=1)
        x0, y0, x1, y1 = self.batch["prop_window"][rows, slot].unbind(1)
        scale = (most - least) / torch.stack([x1 - x0, y1 - y0], dim=1)
        places = torch.zeros(len(rows), 2, 3)
        places[:, 0, 0], places[:, 1, 1] = scale.unbind(1)
        places[:, :, 2] = least - torch.stack([x0, y0], dim=1) * scale
        return self._seen(self.backgrounds, rows, self.batch["prop_source"][rows, slot], places, "reflection")
