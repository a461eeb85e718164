"""Scenes: equation 1, windows, and where people are put."""

import random
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from train.data.library import Library, Subject, by_set
from train.data.measures import HEAD, measure
from train.data.scenes import Layer, Scene, View, draw_scene, photo_scene, render
from train.recipe import Augment, Recipe

FIXTURES = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = st.integers(0, 10**6)


def draw(library: Library, seed: int, *, fine: bool | None = None, cutout: bool | None = None, **shares: float) -> Scene:
    """A scene of the subjects that are fine and cut out, or are not, where that is given; `shares` are of the recipe."""
    subjects = [s for s in library.subjects if fine in (None, s.fine) and cutout in (None, s.cutout)]
    recipe = Recipe(**({"empty": 0.0} | shares))  # type: ignore[arg-type]
    return draw_scene(library.backgrounds, by_set(subjects), {}, recipe, random.Random(seed))


def apart(a: View, b: View, rows: slice, columns: slice) -> list[float]:
    """Mean and largest difference between a view's part and another view, over picture and alpha."""
    pairs = ((a.picture[rows, columns], b.picture), (a.alpha[rows, columns], b.alpha))
    differences = [np.abs(x.astype(int) - y.astype(int)) for x, y in pairs]
    return [max(float(d.mean()) for d in differences), max(float(d.max()) for d in differences)]


@FIXTURES
@given(SEEDS, st.integers(20, 90), st.integers(20, 90))
def test_equation_1(library: Library, seed: int, height: int, width: int) -> None:
    scene = draw(library, seed, cutout=True)
    assert len(scene.layers) > 1
    view = render(scene, (height, width))
    background = render(Scene(scene.layers[:1], scene.aspect), (height, width)).picture
    alpha = view.alpha[..., None] / 255.0
    expected = alpha * view.foreground + (1 - alpha) * background
    assert np.abs(view.picture - expected).max() <= 1.6  # each of the three is rounded to a level


@FIXTURES
@given(SEEDS, st.integers(1, 70), st.integers(1, 70))
def test_shapes(library: Library, seed: int, height: int, width: int) -> None:
    view = render(draw(library, seed, empty=0.2), (height, width))
    assert view.picture.shape == view.foreground.shape == (height, width, 3)
    assert view.alpha.shape == (height, width)
    assert {view.picture.dtype, view.foreground.dtype, view.alpha.dtype} == {np.dtype(np.uint8)}


@FIXTURES
@given(SEEDS, st.tuples(st.integers(0, 40), st.integers(0, 60)), st.tuples(st.integers(8, 57), st.integers(8, 101)))
def test_a_window_shows_what_the_whole_shows_there(
    library: Library, seed: int, corner: tuple[int, int], size: tuple[int, int]
) -> None:
    height, width = 97, 161
    scene = draw(library, seed, fine=True)
    rows = slice(corner[0], corner[0] + size[0])
    columns = slice(corner[1], corner[1] + size[1])
    window = (columns.start / width, rows.start / height, columns.stop / width, rows.stop / height)
    mean, most = apart(render(scene, (height, width)), render(scene, size, window), rows, columns)
    # OpenCV rounds places to 1/32 of a pixel, which a steep edge turns into a few levels
    assert mean < 1.0
    assert most <= 24


def test_a_window_at_twice_the_size_shows_the_same_place(library: Library) -> None:
    for seed in range(10):
        scene = draw(library, seed, fine=True)
        small = render(scene, (96, 96)).alpha[24:72, 24:72]
        large = render(scene, (96, 96), (0.25, 0.25, 0.75, 0.75)).alpha
        halved = cv2.resize(large, (48, 48), interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(int) - halved).mean() < 4


def test_nobody(library: Library) -> None:
    scene = draw(library, 1, empty=1.0)
    view = render(scene, (41, 33))
    assert not view.alpha.any()
    assert not scene.photo
    np.testing.assert_array_equal(view.picture, view.foreground)


def test_a_photo_keeps_its_own_background(library: Library) -> None:
    for seed in range(10):
        scene = draw(library, seed, cutout=False, fine=True)
        assert scene.photo
        view = render(scene, (64, 64))
        assert view.alpha.any()
    whole = photo_scene(library.subjects[-1], random.Random(1), whole=1.0, augment=Augment())
    assert whole.aspect == pytest.approx(1.0, abs=0.02)  # the last photo is a square


def test_photos_are_composed_as_the_recipe_says(library: Library) -> None:
    photos = {"street": [s for s in library.subjects if not s.fine]}
    recipe = Recipe(empty=0.0, composed={"street": 1.0})
    for seed in range(20):
        # There is no cut-out for a second person: it must not be looked for without end.
        scene = draw_scene(library.backgrounds, photos, {}, recipe, random.Random(seed))
        assert len(scene.layers) == 2
        assert scene.layers[1].feather
        view = render(scene, (48, 64))
        assert view.alpha.max() > 200


def test_a_photo_with_alpha_is_composed_with_its_clean_foreground(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def clean(subject: Subject, long_side: int) -> np.ndarray:
        asked.append(subject)
        return np.full((40, 40, 4), 255, np.uint8)

    monkeypatch.setattr("train.data.scenes.foreground_of", clean)
    photos = {"photos": [s for s in library.subjects if s.set == "photos"]}
    scene = draw_scene(library.backgrounds, photos, {}, Recipe(empty=0.0, composed={"photos": 1.0}), random.Random(1))
    render(scene, (48, 64))
    assert asked == [scene.layers[1].source]


def test_a_photo_has_its_clean_foreground_where_that_is_wanted(library: Library) -> None:
    photo = next(s for s in library.subjects if s.set == "photos")
    scene = photo_scene(photo, random.Random(3), whole=1.0, augment=Augment())
    view, quick = render(scene, (64, 64)), render(scene, (64, 64), clean=False)
    np.testing.assert_array_equal(view.picture, quick.picture)
    np.testing.assert_array_equal(quick.foreground, quick.picture)
    solid = view.alpha > 250
    edge = (view.alpha > 20) & (view.alpha < 235)
    difference = np.abs(view.foreground.astype(float) - view.picture).mean(axis=2)
    assert difference[solid].mean() < 2 < difference[edge].mean()  # the background shines through the edge alone


@FIXTURES
@given(SEEDS, st.sampled_from([0.0, 1.0]))
def test_a_body_that_its_photo_cuts_never_hovers(library: Library, seed: int, close: float) -> None:
    scene = draw(library, seed, close=close, cutout=True)  # each toy figure is cut by its photo's lower edge
    for layer in scene.layers[1:]:
        assert layer.place[1, 1] + layer.place[1, 2] >= 0.999  # where the source's lower edge lies in the frame


@FIXTURES
@given(SEEDS)
def test_the_head_of_a_close_up_fills_a_good_part_of_the_frame(library: Library, seed: int) -> None:
    scene = draw(library, seed, close=1.0, cutout=True)
    if len(scene.layers) > 2:  # several people are never near
        return
    [_, person] = scene.layers
    left, top, right, bottom = measure(person.source).box
    across = abs(person.place[0, 0]) * (right - left) * scene.aspect  # in frame heights
    down = person.place[1, 1] * (bottom - top)
    assert 0.3 - 1e-4 < min(HEAD * across, down / 1.2) < 0.75 + 1e-4
    x, y = person.place @ (np.mean(measure(person.source).sides[0]), top, 1)
    assert 0.1 - 1e-4 < x < 0.9 + 1e-4
    assert -0.1 - 1e-4 < y < 0.3 + 1e-4 or y + down == pytest.approx(1, abs=1e-4)


def test_no_desk_is_before_a_close_up(library: Library) -> None:
    scenes = [draw(library, seed, close=0.5, props=1.0, cutout=True) for seed in range(60)]
    alone = [scene for scene in scenes if len(scene.layers) == 2]
    assert 10 < sum(not scene.before for scene in alone) < len(alone) - 10
    assert all(scene.before for scene in scenes if len(scene.layers) > 2)


def test_the_same_seed_makes_the_same_scene(library: Library) -> None:
    def places(scene: Scene) -> list[tuple[object, list[float], int]]:
        return [(layer.source, layer.place.ravel().tolist(), layer.tint_seed) for layer in scene.layers]

    assert places(draw(library, 5)) == places(draw(library, 5))
    assert places(draw(library, 5)) != places(draw(library, 6))


def test_later_layers_cover_earlier_ones(library: Library) -> None:
    scene = next(s for seed in range(100) if len((s := draw(library, seed, cutout=True)).layers) == 2)
    person = scene.layers[1]
    twice = replace(scene, layers=(*scene.layers, Layer(person.source, person.place, person.tint_seed + 1)))
    once, covered = render(scene, (64, 64)), render(twice, (64, 64))
    solid = once.alpha == 255
    assert solid.any()
    single = render(replace(scene, layers=(scene.layers[0], twice.layers[2])), (64, 64))
    np.testing.assert_array_equal(covered.picture[solid], single.picture[solid])
    assert (covered.alpha >= once.alpha).all()
