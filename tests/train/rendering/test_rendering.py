"""The renderer of batches gives the pictures that OpenCV gives one by one, from the same draws."""

import random
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from train.data import camera
from train.data.camera import Grain, Noise, apply_grain, apply_tint, draw_tint, noise_pattern
from train.data.library import Library, Picture, by_set
from train.data.props import Piece, Prop
from train.data.samples import MPNSamples, QUNSamples
from train.data.scenes import WHOLE, Scene, draw_scene, photo_scene, render
from train.recipe import Augment, Recipe
from train.rendering.optics import blurred_matte, grain, smooth, tint
from train.rendering.parameters import grain_arrays, scene_arrays, tint_numbers
from train.rendering.polygons import fill
from train.rendering.renderer import theta
from train.rendering.samples import (
    DrawnMPN,
    DrawnMRN,
    DrawnQUN,
    Studio,
    crop_windows,
    open_studio,
    render_mpn,
    render_mrn,
    render_qun,
    tensors,
)
from train.rendering.textures import Textures

CPU = torch.device("cpu")
SIDE = 256  # of the textures: above the size of all pictures here


@pytest.fixture(scope="module")
def studio(library: Library) -> Studio:
    return open_studio(library, CPU, SIDE)


def as_tensor(picture: Picture) -> Tensor:
    return torch.from_numpy(picture.transpose(2, 0, 1).copy())[None].float()


def as_picture(pictures: Tensor, place: int = 0) -> np.ndarray:
    return pictures[place].permute(1, 2, 0).round().numpy()


def batch_of(scenes: list[Scene], studio: Studio) -> dict[str, Tensor]:
    drawn = [tensors(scene_arrays(scene, studio.places)) for scene in scenes]
    return {name: torch.stack([each[name] for each in drawn]) for name in drawn[0]}


def scenes_of(library: Library, count: int, **recipe: float) -> list[Scene]:
    rng = random.Random(5)
    groups = by_set(library.subjects)
    return [draw_scene(library.backgrounds, groups, {}, Recipe(**recipe), rng) for _ in range(count)]  # type: ignore[arg-type]


@pytest.mark.parametrize("window", [WHOLE, (0.1, 0.3, 0.65, 0.8)])
@pytest.mark.parametrize("props", [0.0, 0.5])
def test_scenes_look_alike(library: Library, studio: Studio, window: tuple[float, float, float, float], props: float) -> None:
    scenes = scenes_of(library, 24, empty=0.1, props=props, held=props, worn=props)
    assert {len(scene.layers) for scene in scenes} >= {1, 2}
    for kind in ("behind", "held", "before", "worn"):
        assert any(getattr(scene, kind) for scene in scenes) == (props > 0)
    outlines = 2.0 if props else 0.0  # OpenCV fills polygons half a pixel beyond their outlines
    windows = torch.tensor([window] * len(scenes))
    views = studio.renderer(batch_of(scenes, studio), (60, 84), windows, windows[:, 2:] - windows[:, :2])
    errors = []
    for place, scene in enumerate(scenes):
        view = render(scene, (60, 84), window)
        picture = np.abs(as_picture(views.picture, place) - view.picture).mean()
        alpha = np.abs(views.alpha[place, 0].numpy() * 255 - view.alpha).mean()
        assert picture < 2 + outlines
        assert alpha < 4 + outlines  # of a small hard mask, sampled at another level
        errors.append((picture, alpha))
        seen = view.alpha > 128  # where little of a person is seen its colour says little
        if seen.any():
            assert np.abs(as_picture(views.foreground, place) - view.foreground)[seen].mean() < 2.5 + outlines
    picture, alpha = np.mean(errors, axis=0)
    assert picture < 1 + outlines
    assert alpha < 0.7 + outlines


def test_equation_1(library: Library, studio: Studio) -> None:
    scenes = [scene for scene in scenes_of(library, 30) if not scene.photo]
    views = studio.renderer(batch_of(scenes, studio), (48, 64))
    alone = [replace(scene, layers=scene.layers[:1]) for scene in scenes]
    background = studio.renderer(batch_of(alone, studio), (48, 64)).picture
    expected = views.alpha * views.foreground + (1 - views.alpha) * background
    assert (views.picture - expected).abs().max() < 0.2  # colours are clamped


def test_alpha_is_never_beyond_one(library: Library, studio: Studio) -> None:
    """Cross-entropy refuses a truth that rounding took beyond 1."""
    scenes = [scene for scene in scenes_of(library, 60, empty=0.0) if not scene.photo]
    views = studio.renderer(batch_of(scenes, studio), (61, 83))
    assert views.alpha.max() <= 1
    assert views.alpha.min() >= 0


def test_nobody_is_the_background(library: Library, studio: Studio) -> None:
    views = studio.renderer(batch_of(scenes_of(library, 3, empty=1.0), studio), (32, 32))
    assert views.alpha.max() == 0
    assert torch.equal(views.picture, views.foreground)


@pytest.mark.parametrize("seed", range(6))
def test_light_is_the_same(library: Library, seed: int) -> None:
    picture = render(scenes_of(library, 1)[0], (64, 64)).picture
    drawn = draw_tint(random.Random(seed), 0.9)
    lit = as_picture(tint(as_tensor(picture), torch.tensor([tint_numbers(drawn)])))
    assert np.abs(lit - apply_tint(picture, drawn)).max() <= 2


def motion(length: int) -> np.ndarray:
    kernel = np.zeros((length, length), np.float32)
    cv2.line(kernel, (0, length - 1), (length - 1, 0), 1.0)
    return kernel / kernel.sum()


@pytest.mark.parametrize(
    ("drawn", "mean"),
    [
        (Grain(blur=0.8), 0.4),
        (Grain(blur=2.0), 0.4),
        (Grain(blur=motion(5)), 0.4),
        (Grain(defocus=2.0), 0.4),
        (Grain(defocus=8.0), 0.4),
        (Grain(blur=2.0, defocus=5.0), 0.4),
        (Grain(quality=25), 1.5),
        (Grain(quality=90), 1.0),
    ],
)
def test_blur_and_compression_are_the_same(library: Library, drawn: Grain, mean: float) -> None:
    picture = apply_grain(render(scenes_of(library, 1)[0], (64, 80)).picture, Grain(noise=Noise(1, 6.0, True)))
    batch = {name: value[None] for name, value in tensors(grain_arrays(drawn)).items()}
    expected = apply_grain(picture, drawn).astype(float)
    assert np.abs(expected - picture).mean() > 0.05
    assert np.abs(as_picture(grain(as_tensor(picture), batch)) - expected).mean() < mean


@pytest.mark.parametrize("drawn", [Grain(), Grain(blur=1.5), Grain(blur=motion(7)), Grain(defocus=6.0)])
def test_a_matte_is_blurred_the_same(library: Library, drawn: Grain) -> None:
    view = render(next(scene for scene in scenes_of(library, 30) if not scene.photo and len(scene.layers) > 1), (64, 80))
    batch = {name: value[None] for name, value in tensors(grain_arrays(drawn)).items()}
    ours = blurred_matte(as_tensor(view.foreground), torch.from_numpy(view.alpha / np.float32(255))[None, None], batch)
    foreground, alpha = camera.blurred_matte(view.foreground, view.alpha, drawn)
    assert np.abs(ours[1][0, 0].numpy() * 255 - alpha).mean() < 0.5
    assert np.abs(as_picture(ours[0]) - foreground)[alpha > 3].mean() < 1


@pytest.mark.parametrize("is_smooth", [False, True])
def test_noise_is_as_strong_and_as_smooth(is_smooth: bool) -> None:
    drawn = Noise(3, 8.0, is_smooth)
    flat = np.full((96, 96, 3), 128, np.uint8)
    batch = {name: value[None] for name, value in tensors(grain_arrays(Grain(noise=drawn))).items()}
    ours = as_picture(grain(as_tensor(flat), batch)) - 128
    theirs = noise_pattern(drawn, flat.shape)
    assert ours.std() == pytest.approx(theirs.std(), rel=0.05)
    neighbours = [np.corrcoef(each[:, 1:].ravel(), each[:, :-1].ravel())[0, 1] for each in (ours, theirs)]
    assert neighbours[0] == pytest.approx(neighbours[1], abs=0.05)
    pattern = np.random.default_rng(1).standard_normal((20, 20, 3)).astype(np.float32)
    blurred = cv2.GaussianBlur(pattern, (0, 0), camera.NOISE_SMOOTHING) * camera.NOISE_GAIN
    assert np.abs(smooth(as_tensor(pattern))[0].permute(1, 2, 0).numpy() - blurred).max() < 0.02


def test_polygons_are_filled_by_the_share_of_each_pixel() -> None:
    rng = np.random.default_rng(2)
    shapes = [rng.uniform(-10, 60, (corners, 2)) for corners in (3, 4, 7)]
    for corners in shapes:
        hull = cv2.convexHull(corners.astype(np.float32))[:, 0]
        finer = np.zeros((480, 500), np.uint8)
        cv2.fillPoly(finer, [np.round(hull * 10 - 0.5).astype(np.int32)], 255)
        expected = cv2.resize(finer, (50, 48), interpolation=cv2.INTER_AREA)
        padded = np.concatenate([hull, np.repeat(hull[-1:], 5, axis=0)])  # corners that repeat change nothing
        ours = fill(torch.from_numpy(padded)[None], (48, 50))[0, 0].numpy() * 255
        assert np.abs(ours - expected).mean() < 1
        assert np.abs(ours - expected).max() < 128  # where an edge crosses several pixels of a row


def test_theta_undoes_a_placement() -> None:
    place = torch.tensor([[[0.4, 0.1, 0.2], [-0.2, 0.7, 0.1]]])
    window = torch.tensor([[0.2, 0.1, 0.9, 0.6]])
    matrix = theta(place, window)[0].double()
    for point in ([0.3, 0.6], [0.9, 0.1]):
        at = place[0].double() @ torch.tensor([*point, 1.0], dtype=torch.float64)
        seen = 2 * (at - window[0, :2]) / (window[0, 2:] - window[0, :2]) - 1
        source = (matrix @ torch.tensor([*seen.tolist(), 1.0], dtype=torch.float64) + 1) / 2
        assert torch.allclose(source, torch.tensor(point, dtype=torch.float64), atol=1e-6)


def test_a_small_picture_is_sampled_from_a_small_level() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    textures = Textures([lambda: stripes], (64, 32, 16), CPU)
    whole = theta(torch.eye(2, 3)[None], torch.tensor([[0.0, 0.0, 1.0, 1.0]]))
    small = textures.sample(torch.tensor([0]), whole, torch.tensor([10.0]), (10, 10), border="reflection")
    assert (small - 127.5).abs().max() < 2  # grey, without aliases
    large = textures.sample(torch.tensor([0]), whole, torch.tensor([64.0]), (64, 64), border="reflection")
    assert np.array_equal(as_picture(large), stripes)


def test_a_smaller_level_keeps_the_colours_of_what_is_seen() -> None:
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:, ::2] = (200, 100, 50, 255)  # every second column is not seen, and black
    level = Textures([lambda: rgba], (8, 4), CPU).levels[1][0]
    assert (level[:3].float() - torch.tensor([200.0, 100.0, 50.0]).view(3, 1, 1)).abs().max() <= 1
    assert (level[3].float() - 127.5).abs().max() <= 1


@pytest.mark.parametrize("seen", [(0, 0), (96, 64)])
def test_samples_are_those_that_opencv_draws(library: Library, studio: Studio, seen: tuple[int, int]) -> None:
    recipe = Recipe(low_resolution=(64, 32), mpn_resolution=seen, props=0.3)
    drawn = DrawnMPN(library, recipe, 6)
    drawn.places, drawn.measures = studio.places, studio.measures
    for ours, theirs in islice(zip(drawn, MPNSamples(library, recipe, 6), strict=True), 3):
        rendered = render_mpn(studio.renderer, ours, recipe.mpn)
        assert rendered["image"].shape == theirs["image"].shape
        assert (rendered["mask"] * 255 - theirs["mask"].float()).abs().mean() < 1.5
        assert (rendered["known"] * 255 - theirs["known"].float()).abs().mean() < 1.5
        noiseless = ours["noise"] == 0
        assert (rendered["image"] * 255 - theirs["image"].float()).abs()[noiseless].mean() < 3


def test_where_a_mask_says_nothing_is_seen_as_opencv_sees_it(library: Library, studio: Studio) -> None:
    (subject,) = (s for s in library.subjects if s.unknown is not None)
    rng = random.Random(3)
    scenes = [photo_scene(subject, rng, 0.5, Recipe().augment) for _ in range(6)]
    scenes += [scene for scene in scenes_of(library, 12) if not scene.photo][:2]
    views = studio.renderer(batch_of(scenes, studio), (60, 84))
    for place, scene in enumerate(scenes):
        expected = render(scene, (60, 84)).unknown
        found = views.unknown[place, 0].numpy() * 255
        assert (expected is None) == (not scene.photo)
        assert np.abs(found - (0 if expected is None else expected)).mean() < 3
    assert views.unknown.mean() > 0.1


def test_qun_has_masks_of_two_qualities(library: Library, studio: Studio) -> None:
    recipe = Recipe(low_resolution=(64, 32))
    drawn = DrawnQUN(library, recipe, 4)
    drawn.places, drawn.measures = studio.places, studio.measures
    rendered, theirs = render_qun(studio.renderer, next(iter(drawn)), recipe.qun), next(iter(QUNSamples(library, recipe, 4)))
    assert {name: value.shape for name, value in rendered.items()} == {name: value.shape for name, value in theirs.items()}
    assert (rendered["mask"] - rendered["coarse_mask"]).abs().mean() > 0


def test_a_crop_shows_its_window_of_the_frame(library: Library, studio: Studio) -> None:
    recipe = replace(Recipe(low_resolution=(64, 32)), mrn=replace(Recipe().mrn, crop=(160, 112)))
    drawn = DrawnMRN(library, recipe, 8)
    drawn.places, drawn.measures = studio.places, studio.measures
    batch = next(iter(drawn))
    rendered = render_mrn(studio.renderer, batch, recipe.mrn)
    assert rendered["crop"].shape == rendered["foreground"].shape == (8, 3, 160, 112)
    x0, y0, x1, y1 = rendered["window"].unbind(1)
    assert (rendered["window"] >= 0).all()
    assert (rendered["window"] <= 1 + 1e-6).all()
    assert torch.allclose(torch.stack([x1 - x0, y1 - y0], dim=1), batch["span"], atol=1e-6)
    h, w = rendered["mask"].shape[-2:]
    for place in range(8):
        rows, columns = (
            slice(round(float(y0[place]) * h), round(float(y1[place]) * h)),
            slice(round(float(x0[place]) * w), round(float(x1[place]) * w)),
        )
        part = rendered["mask"][place, :, rows, columns]
        shrunk = torch.nn.functional.interpolate(rendered["alpha"][place : place + 1], size=part.shape[-2:], mode="area")
        assert (shrunk[0] - part).abs().mean() < 0.1


def test_a_crop_is_mostly_around_an_edge(library: Library, studio: Studio) -> None:
    recipe = replace(Recipe(low_resolution=(64, 32), empty=0.0), mrn=replace(Recipe().mrn, crop=(32, 32)))
    drawn = DrawnMRN(library, recipe, 40)
    drawn.places, drawn.measures = studio.places, studio.measures
    batch = next(iter(drawn))
    alpha = render_mrn(studio.renderer, batch, recipe.mrn)["alpha"]
    has_edge = ((alpha > 0.05) & (alpha < 0.95)).flatten(1).any(dim=1)
    assert has_edge[batch["near_an_edge"]].float().mean() > 0.9


def test_the_edge_that_a_crop_is_around_is_drawn_for_each_sample_by_itself(library: Library, studio: Studio) -> None:
    recipe = replace(Recipe(low_resolution=(64, 32), augment=Augment(noise=0.0)), mrn=replace(Recipe().mrn, crop=(32, 32)))
    drawn = DrawnMRN(library, recipe, 1)
    drawn.places, drawn.measures = studio.places, studio.measures
    stream = iter(drawn)
    drawn_alike = {"span": torch.tensor([[0.1, 0.1]]), "corner": torch.zeros(1, 2), "edge_at": torch.full((1, 2), 0.5)}
    batches = [next(stream) | drawn_alike | {"near_an_edge": torch.tensor([True])} for _ in range(8)]
    edge = torch.full((1, 1, 64, 32), 0.5)
    places = torch.cat([crop_windows(edge, batch) for batch in batches])
    assert len(places.unique(dim=0)) == len(places)
    together = {name: torch.cat([batch[name] for batch in batches]) for name in (*drawn_alike, "near_an_edge", "edge_seed")}
    assert torch.equal(crop_windows(edge.expand(8, -1, -1, -1), together), places)  # whoever else is in the batch


def test_a_photos_own_background_shows_no_clean_colours(library: Library, studio: Studio) -> None:
    photo = next(s for s in library.subjects if s.fine and not s.cutout)
    assert photo in studio.places.clean
    assert studio.places.clean[photo] != studio.places.subjects[photo]


def test_a_prop_of_one_colour_hides_people(library: Library, studio: Studio) -> None:
    scene = next(scene for scene in scenes_of(library, 20, empty=0.0) if not scene.photo)
    box = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
    red = replace(scene, before=(Prop(box, (255, 0, 0)),))
    blank = replace(scene, before=(Prop(box, None),))
    piece = replace(scene, before=(Prop(box, Piece(Path(library.backgrounds[0]), (0.1, 0.1, 0.9, 0.9))),))
    views = studio.renderer(batch_of([red, blank, piece], studio), (40, 40))
    middle = slice(12, 28)
    assert views.alpha[:, :, middle, middle].max() == 0
    assert torch.equal(views.picture[0, :, 20, 20], torch.tensor([255.0, 0.0, 0.0]))
    background = studio.renderer(batch_of([replace(scene, layers=scene.layers[:1])], studio), (40, 40)).picture
    assert torch.allclose(views.picture[1, :, middle, middle], background[0, :, middle, middle], atol=0.01)
    expected = render(piece, (40, 40)).picture[middle, middle]
    assert np.abs(as_picture(views.picture, 2)[middle, middle] - expected).mean() < 2
