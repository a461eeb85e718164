"""Training frames: a photo as it is, or cut-outs of people composed onto a background.

A scene is laid out in unit coordinates, (0, 0) the frame's upper left and (1, 1) its lower right corner. Any window of it can
be rendered at any size: MPN sees the whole frame at low resolution, MRN a crop of the same frame at full resolution.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from train.data.camera import Tint, apply_tint, draw_tint
from train.data.foregrounds import foreground_of
from train.data.library import LONG_SIDES, Picture, Subject, choose, read_background, read_subject, read_unknown
from train.data.measures import head_height, measure
from train.data.props import (
    Floats,
    Prop,
    Window,
    blend,
    clothes,
    draw_props,
    log_uniform,
    loose,
    prop_layer,
    put,
    surface,
    thing,
)
from train.recipe import Augment, Recipe

WHOLE: Window = (0.0, 0.0, 1.0, 1.0)
ASPECTS = (16 / 9, 4 / 3, 1.0, 3 / 4, 9 / 16)  # width by height of the frames that cameras make
CLOSEST = 3.5  # frame heights of a person: beyond, the sources are too coarse


@dataclass(frozen=True)
class Layer:
    """A source and its placement: `place` (2, 3) maps unit coordinates of the source to those of the frame."""

    source: Subject | Path
    place: Floats
    tint_seed: int
    tinted: bool = True
    feather: bool = False  # a coarse mask used as a cut-out: shrink and soften it


@dataclass(frozen=True)
class Scene:
    """Layers from back to front; props behind people, held by them (and person, too) and in front of them.

    `worn` are clothes drawn over the first person, as far as that one reaches. A single photo keeps its own background.
    """

    layers: tuple[Layer, ...]
    aspect: float
    behind: tuple[Prop, ...] = ()
    held: tuple[Prop, ...] = ()
    before: tuple[Prop, ...] = ()
    worn: tuple[Prop, ...] = ()

    @property
    def photo(self) -> bool:
        """Whether it is one photo as it was taken."""
        return len(self.layers) == 1 and isinstance(self.layers[0].source, Subject)


@dataclass(frozen=True)
class View:
    """A rendered window of a scene: uint8 picture and foreground (h, w, 3) RGB, alpha (h, w).

    unknown, of alpha's shape, is 255 where a photo's mask says nothing.
    """

    picture: Picture
    foreground: Picture
    alpha: Picture
    unknown: Picture | None = None


def _through(rect: Window, flip: bool, turn: float, aspect: float) -> Floats:
    """The placement by which the frame shows `rect` of the source, turned by `turn` radians, mirrored or not."""
    x0, y0, x1, y1 = rect
    sx, sy = 1 / (x1 - x0), 1 / (y1 - y0)
    matrix = np.array([[sx, 0, -x0 * sx], [0, sy, -y0 * sy], [0, 0, 1]], np.float64)
    c, s = math.cos(turn), math.sin(turn)
    about = np.array(
        [[c, -s / aspect, 0.5 - 0.5 * c + 0.5 * s / aspect], [s * aspect, c, 0.5 - 0.5 * s * aspect - 0.5 * c], [0, 0, 1]]
    )
    matrix = about @ matrix
    if flip:
        matrix = np.array([[-1, 0, 1], [0, 1, 0], [0, 0, 1]]) @ matrix
    return matrix[:2].astype(np.float32)


def _turn(rng: random.Random, augment: Augment) -> float:
    return math.radians(rng.gauss(0, 5)) if rng.random() < augment.turn else 0.0


def photo_scene(subject: Subject, rng: random.Random, whole: float, augment: Augment) -> Scene:
    """A photo with its own background: whole with probability `whole`, else a part of it with a camera's aspect ratio."""
    own = measure(subject).aspect
    flip, tint_seed, tinted = rng.random() < augment.flip, rng.getrandbits(32), rng.random() < augment.tint
    if rng.random() < whole:
        jitter = [rng.uniform(-0.03, 0.03) for _ in range(4)]
        rect = (jitter[0], jitter[1], 1 + jitter[2], 1 + jitter[3])
        return Scene((Layer(subject, _through(rect, flip, 0.0, own), tint_seed, tinted),), own)
    aspect = rng.choice(ASPECTS)
    zoom = log_uniform(0.5, 1.05, rng)
    width, height = min(1.0, aspect / own) * zoom, min(1.0, own / aspect) * zoom
    x0, y0, x1, y1 = measure(subject).box
    cx, cy = rng.uniform(x0, x1), rng.uniform(y0, y1)
    if zoom < 1:  # keep what can be kept inside the photo
        cx = min(max(cx, min(0.5, width / 2)), max(0.5, 1 - width / 2))
        cy = min(max(cy, min(0.5, height / 2)), max(0.5, 1 - height / 2))
    rect = (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
    return Scene((Layer(subject, _through(rect, flip, _turn(rng, augment), aspect), tint_seed, tinted),), aspect)


def _background_layer(backgrounds: Sequence[Path], aspect: float, rng: random.Random, augment: Augment) -> Layer:
    path = rng.choice(backgrounds)
    own = measure(path).aspect
    zoom = rng.uniform(0.45, 1.0)
    width, height = min(1.0, aspect / own) * zoom, min(1.0, own / aspect) * zoom
    x0, y0 = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    place = _through((x0, y0, x0 + width, y0 + height), rng.random() < augment.flip, 0.0, aspect)
    return Layer(path, place, rng.getrandbits(32), rng.random() < augment.tint)


def _person_layer(subject: Subject, aspect: float, rng: random.Random, augment: Augment, crowd: bool) -> Layer:
    measured = measure(subject)
    own, (x0, y0, x1, y1), bottom, side = measured.aspect, measured.box, measured.cut_below, measured.cut_aside
    if bottom:
        height = rng.uniform(0.35, 0.8) if crowd else rng.uniform(0.45, 1.15)
    else:
        height = rng.uniform(0.35, 1.0) if crowd or rng.random() < 0.5 else rng.uniform(1.0, 2.2)
    scale_y = height / (y1 - y0)  # frame heights a source height
    scale_x = scale_y * own / aspect
    if side:  # a person cut by the photo's side must be cut by the frame's side too
        wider = max(1.0, 1.02 / (scale_x * (x1 - x0)))
        scale_x, scale_y = scale_x * wider, scale_y * wider
        cx = 0.5
    else:
        cx = rng.uniform(0.15, 0.85) if crowd else min(0.95, max(0.05, rng.gauss(0.5, 0.18)))
    person_height = scale_y * (y1 - y0)
    if bottom:
        foot = 1.0 + rng.uniform(0, 0.25) * person_height  # the picture's edge lies on or below the frame's
    elif person_height > 1:
        foot = rng.uniform(0.02, 0.3) + person_height
    else:
        foot = rng.uniform(person_height, max(person_height, 1.05))
    place = np.array([[scale_x, 0, cx - scale_x * (x0 + x1) / 2], [0, scale_y, foot - scale_y * y1]])
    return _layer(subject, place, cx, rng, augment)


def _close_up(subject: Subject, aspect: float, rng: random.Random, augment: Augment) -> Layer:
    """Somebody near the camera: head and shoulders, or less of them, fill the frame."""
    measured = measure(subject)
    own, (x0, y0, x1, y1) = measured.aspect, measured.box
    head = head_height((x1 - x0) * own, y1 - y0)  # in source heights
    scale_y = min(rng.uniform(0.3, 0.75) / head, CLOSEST / (y1 - y0))
    scale_x = scale_y * own / aspect
    height = scale_y * (y1 - y0)
    top = rng.uniform(-0.1, 0.3)
    if measured.cut_below:
        top = max(top, 1.0 - height)  # the picture's edge lies on or below the frame's
    left, right = measured.sides[0]
    across = min(0.9, max(0.1, rng.gauss(0.5, 0.13)))
    place = np.array([[scale_x, 0, across - scale_x * (left + right) / 2], [0, scale_y, top - scale_y * y0]])
    return _layer(subject, place, across, rng, augment)


def _layer(subject: Subject, place: Floats, middle: float, rng: random.Random, augment: Augment) -> Layer:
    """A person at a place, tinted, and mirrored about a column of the frame or not."""
    if rng.random() < augment.flip:
        place = np.array([[-1, 0, 2 * middle], [0, 1, 0]]) @ np.vstack([place, [0, 0, 1]])
    tint_seed, tinted = rng.getrandbits(32), rng.random() < augment.tint
    return Layer(subject, place.astype(np.float32), tint_seed, tinted, feather=not subject.fine)


def _held(backgrounds: Sequence[Path], layer: Layer, aspect: float, rng: random.Random) -> Prop:
    """Something that a person holds: in front of the body, or at its side below the head."""
    measured = measure(layer.source)
    x0, y0, x1, y1 = measured.box
    band = rng.randint(3 * len(measured.sides) // 8, len(measured.sides) - 1)
    left, right = measured.sides[band]
    x = rng.choice((left, right)) if rng.random() < 0.5 else rng.uniform(left, right)
    y = y0 + (y1 - y0) * (band + rng.random()) / len(measured.sides)
    across, down = layer.place @ np.array([x, y, 1], np.float32)
    width = float(np.hypot(*layer.place[:, 0])) * (x1 - x0)
    return thing(backgrounds, (float(across), min(float(down), rng.uniform(0.6, 1.0))), width, aspect, rng)


def _worn(backgrounds: Sequence[Path], layer: Layer, rng: random.Random) -> Prop:
    """Other clothes for a person: from some neckline on, below the head."""
    measured = measure(layer.source)
    x0, y0, x1, y1 = measured.box
    head = head_height((x1 - x0) * measured.aspect, y1 - y0)
    edge = clothes(head / (y1 - y0), rng)
    corners = [layer.place @ np.array([x0 + x * (x1 - x0), y0 + y * (y1 - y0), 1], np.float32) for x, y in edge]
    return Prop(tuple((float(x), float(y)) for x, y in corners), surface(backgrounds, rng))


def draw_scene(
    backgrounds: Sequence[Path],
    groups: dict[str, list[Subject]],
    weights: dict[str, float],
    recipe: Recipe,
    rng: random.Random,
) -> Scene:
    """Draw a scene by the recipe: an empty background, a photo as it is, or one to three people on a background."""
    aspect = rng.choice(ASPECTS)
    behind, before = draw_props(backgrounds, recipe.props, rng) if recipe.props else ((), ())
    if rng.random() < recipe.empty:
        if rng.random() < recipe.held:
            behind = loose(backgrounds, aspect, rng)
        return Scene((_background_layer(backgrounds, aspect, rng, recipe.augment),), aspect, behind, before=before)
    first = choose(groups, weights, rng)
    if not first.cutout and rng.random() >= recipe.composed.get(first.set, 0.0):
        return photo_scene(first, rng, recipe.whole, recipe.augment)
    count = rng.choices((1, 2, 3), (0.8, 0.15, 0.05))[0]
    people = [first]
    for _ in range(20):  # a library may have few cut-outs, or none
        if len(people) == count:
            break
        other = choose(groups, weights, rng)
        if other.cutout:
            people.append(other)
    layers = [_background_layer(backgrounds, aspect, rng, recipe.augment)]
    if recipe.close and count == 1 and not measure(first).cut_aside and rng.random() < recipe.close:
        layers.append(_close_up(first, aspect, rng, recipe.augment))
        before = ()  # what fills the frame below a face is a chest, not a desk
    else:
        layers += [_person_layer(person, aspect, rng, recipe.augment, crowd=count > 1) for person in people]
    held: tuple[Prop, ...] = ()
    if recipe.held and rng.random() < recipe.held:
        held = tuple(_held(backgrounds, layers[1], aspect, rng) for _ in range(rng.choice((1, 1, 2))))
    worn = (_worn(backgrounds, layers[1], rng),) if recipe.worn and rng.random() < recipe.worn else ()
    return Scene(tuple(layers), aspect, behind, held, before, worn)


def _warp(picture: Picture, place: Floats, window: Window, size: tuple[int, int], border: int) -> Picture:
    x0, y0, x1, y1 = window
    h, w = size
    to_window = np.array([[w / (x1 - x0), 0, -x0 * w / (x1 - x0)], [0, h / (y1 - y0), -y0 * h / (y1 - y0)], [0, 0, 1]])
    from_pixels = np.diag([1 / picture.shape[1], 1 / picture.shape[0], 1.0])
    matrix = to_window @ np.vstack([place, [0, 0, 1]]) @ from_pixels
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # pixel centres lie at halves
    matrix = np.linalg.inv(half) @ matrix @ half
    return np.asarray(cv2.warpAffine(picture, matrix[:2], (w, h), flags=cv2.INTER_LINEAR, borderMode=border), np.uint8)


def _fine_enough(place: Floats, window: Window, size: tuple[int, int]) -> int:
    """The long side at which a source has to be read, for the pixels that it takes in the window."""
    pixels = np.array([size[1] / (window[2] - window[0]), size[0] / (window[3] - window[1])])  # of a frame
    needed = np.hypot(*(place[:, :2] * pixels[:, None])).max()
    return next((side for side in LONG_SIDES if side >= 0.8 * needed), LONG_SIDES[-1])


def _person(layer: Layer, window: Window, size: tuple[int, int], border: int, clean: bool) -> tuple[Picture, Picture]:
    """RGB and alpha of a subject in the window; `clean`: with estimated foreground colours at a photo's edges."""
    assert isinstance(layer.source, Subject)
    read = foreground_of if clean and layer.source.fine and not layer.source.cutout else read_subject
    rgba = _warp(read(layer.source, _fine_enough(layer.place, window, size)), layer.place, window, size, border)
    alpha = np.asarray(cv2.extractChannel(rgba, 3), np.uint8)
    if layer.feather:
        alpha = np.asarray(cv2.GaussianBlur(cv2.erode(alpha, np.ones((3, 3), np.uint8)), (3, 3), 0), np.uint8)
    return apply_tint(np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), np.uint8), tint_of(layer)), alpha


def _unknown(photo: Layer, window: Window, size: tuple[int, int]) -> Picture | None:
    """Where in the window the mask of a photo says nothing."""
    assert isinstance(photo.source, Subject)
    if photo.source.unknown is None:
        return None
    unknown = read_unknown(photo.source.unknown, _fine_enough(photo.place, window, size))
    return _warp(unknown, photo.place, window, size, cv2.BORDER_REFLECT_101)


def tint_of(layer: Layer) -> Tint:
    """The light that a layer was taken in. People vary less than backgrounds."""
    strength = 0.6 if isinstance(layer.source, Subject) else 1.0
    return draw_tint(random.Random(layer.tint_seed), strength) if layer.tinted else Tint()


def render(scene: Scene, size: tuple[int, int], window: Window = WHOLE, *, clean: bool = True) -> View:
    """Render a window of the scene, stretched to `size` (height, width).

    Without `clean` the foreground is the picture itself, which saves the estimation of a photo's foreground colours.
    """
    if scene.photo:
        picture, alpha = _person(scene.layers[0], window, size, cv2.BORDER_REFLECT_101, clean=False)
        foreground = _person(scene.layers[0], window, size, cv2.BORDER_REFLECT_101, clean=True)[0] if clean else picture
        return View(picture, foreground, alpha, _unknown(scene.layers[0], window, size))
    back = scene.layers[0]
    assert isinstance(back.source, Path)
    rgb = read_background(back.source, _fine_enough(back.place, window, size))
    background = apply_tint(_warp(rgb, back.place, window, size, cv2.BORDER_REFLECT_101), tint_of(back))
    for prop in scene.behind:
        background, _ = put(prop, background, background, window)
    picture = background
    people = [_person(layer, window, size, cv2.BORDER_CONSTANT, clean=True) for layer in scene.layers[1:]]
    for prop in scene.worn:
        people[0] = put(prop, people[0][0], background, window)[0], people[0][1]
    fronts = [(colours, np.multiply(alpha, np.float32(1 / 255))) for colours, alpha in people]
    fronts += [prop_layer(prop, background, window) for prop in scene.held]
    coverage: Floats = np.zeros(size, np.float32)
    for colours, front in fronts:
        picture = blend(colours, picture, front)  # equation 1
        coverage = front + (1 - front) * coverage
    # Behind a prop the colours stay: alpha is 0 there.
    foreground = _foreground(fronts, coverage) if clean else picture
    for prop in scene.before:
        picture, hidden = put(prop, picture, background, window)
        coverage = coverage * (1 - hidden)
    if not clean or not coverage.any():
        foreground = picture
    return View(picture, foreground, np.asarray(cv2.convertScaleAbs(coverage, alpha=255), np.uint8))


def _foreground(fronts: Sequence[tuple[Picture, Floats]], coverage: Floats) -> Picture:
    """The colours of people, and of what they hold, in front of one another, straight; black where there is nobody."""
    if len(fronts) == 1:
        colours, front = fronts[0]
        return np.asarray(cv2.copyTo(colours, (front > 0).astype(np.uint8)), np.uint8)
    mixed = np.zeros((*coverage.shape, 3), np.float32)  # premultiplied
    for colours, front in fronts:
        mixed = colours * front[..., None] + (1 - front[..., None]) * mixed
    return np.asarray((mixed / np.maximum(coverage, 1 / 512)[..., None] + 0.5).clip(0, 255), np.uint8)
