"""Props: what they hide, what they leave, and that they are where a window of the frame shows them."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.train.data.test_scenes import FIXTURES, SEEDS, draw
from train.data.library import Library
from train.data.measures import measure
from train.data.props import Prop, desk, draw_props, furniture, put, thing
from train.data.scenes import WHOLE, render
from train.rendering.parameters import BEHIND

HALF = Prop(((-0.1, 0.5), (1.1, 0.5), (1.1, 1.1), (-0.1, 1.1)), (10, 200, 30))


@FIXTURES
@given(SEEDS)
def test_a_prop_before_people_hides_them_and_one_behind_them_does_not(library: Library, seed: int) -> None:
    scene = draw(library, seed, cutout=True)
    bare = render(scene, (64, 48))
    hidden = render(replace(scene, before=(HALF,)), (64, 48))
    np.testing.assert_array_equal(hidden.alpha[:31], bare.alpha[:31])  # OpenCV softens the rows next to an edge
    np.testing.assert_array_equal(hidden.picture[:31], bare.picture[:31])
    assert not hidden.alpha[33:].any()
    assert (hidden.picture[33:] == HALF.surface).all()
    behind = render(replace(scene, behind=(HALF,)), (64, 48))
    np.testing.assert_array_equal(behind.alpha, bare.alpha)
    seen = 1 - bare.alpha[33:, :, None] / 255.0
    expected = (1 - seen) * bare.foreground[33:] + seen * np.array(HALF.surface)
    assert np.abs(behind.picture[33:] - expected).max() <= 1.6


@FIXTURES
@given(SEEDS)
def test_what_is_held_is_person(library: Library, seed: int) -> None:
    scene = draw(library, seed, cutout=True)
    bare = render(scene, (64, 48))
    holding = render(replace(scene, held=(HALF,)), (64, 48))
    assert (holding.alpha[33:] == 255).all()
    assert (holding.picture[33:] == HALF.surface).all()
    assert (holding.foreground[33:] == HALF.surface).all()
    np.testing.assert_array_equal(holding.alpha[:31], bare.alpha[:31])
    np.testing.assert_array_equal(holding.picture[:31], bare.picture[:31])


@FIXTURES
@given(SEEDS)
def test_clothes_are_seen_where_the_person_is(library: Library, seed: int) -> None:
    scene = draw(library, seed, cutout=True)
    bare, dressed = render(scene, (64, 48)), render(replace(scene, worn=(HALF,)), (64, 48))
    np.testing.assert_array_equal(dressed.alpha, bare.alpha)
    np.testing.assert_array_equal(dressed.picture[bare.alpha == 0], bare.picture[bare.alpha == 0])
    np.testing.assert_array_equal(dressed.picture[:31], bare.picture[:31])
    if len(scene.layers) == 2:  # nobody else before that person
        assert (dressed.picture[33:][bare.alpha[33:] == 255] == HALF.surface).all()


def test_clothes_begin_below_the_face(library: Library) -> None:
    for seed in range(40):
        scene = draw(library, seed, cutout=True, worn=1.0)
        (worn,) = scene.worn
        left, top, right, bottom = measure(scene.layers[1].source).box
        across, down = (np.array([right - left, 0]), np.array([0, bottom - top]))
        linear, shift = scene.layers[1].place[:, :2], scene.layers[1].place[:, 2]
        box = np.linalg.inv(np.stack([linear @ across, linear @ down], axis=1))
        inside = np.array([box @ (np.array(corner) - shift - linear @ np.array([left, top])) for corner in worn.outline])
        assert inside[:, 1].min() > 0.1
        assert inside[:, 1].max() == pytest.approx(1.1, abs=1e-3)


def test_things_are_where_people_are(library: Library) -> None:
    """Most of what is held touches the person who holds it, and it is never the whole width of a frame."""
    touching = []
    for seed in range(60):
        scene = draw(library, seed, cutout=True, held=1.0)
        assert 1 <= len(scene.held) <= 2
        for prop in scene.held:
            without = render(replace(scene, held=(), behind=(), before=()), (96, 96)).alpha
            _, shape = put(prop, np.zeros((96, 96, 3), np.uint8), np.zeros((96, 96, 3), np.uint8), WHOLE)
            if (shape > 0.5).sum() > 4:
                touching.append(((shape > 0.5) & (without > 127)).any())
    assert np.mean(touching) > 0.8
    assert not draw(library, 1, cutout=True).held


def test_things_where_nobody_is_are_not_person(library: Library) -> None:
    scenes = [draw(library, seed, empty=1.0, held=0.5) for seed in range(40)]
    assert all(len(scene.layers) == 1 and not scene.held for scene in scenes)
    assert 10 < sum(bool(scene.behind) for scene in scenes) < 30
    for scene in scenes:
        assert not render(scene, (48, 48)).alpha.any()
        assert len(scene.behind) <= BEHIND


@FIXTURES
@given(SEEDS)
def test_without_a_surface_what_is_behind_people_is_seen(library: Library, seed: int) -> None:
    scene = draw(library, seed, cutout=True)
    cut = render(replace(scene, before=(replace(HALF, surface=None),)), (64, 48))
    background = render(replace(scene, layers=scene.layers[:1]), (64, 48))
    np.testing.assert_array_equal(cut.picture[33:], background.picture[33:])
    assert not cut.alpha[33:].any()


def book(backgrounds: Sequence[Path], rng: random.Random) -> Prop:
    return thing(backgrounds, (rng.random(), rng.random()), 0.6, 1.6, rng)


@pytest.mark.parametrize("kind", [desk, book, furniture])
@given(seed=SEEDS, left=st.integers(0, 100), top=st.integers(0, 60))
@FIXTURES
def test_a_window_shows_a_prop_where_the_whole_shows_it(library: Library, kind: object, seed: int, left: int, top: int) -> None:
    assert callable(kind)
    prop = kind(library.backgrounds, random.Random(seed))
    whole = np.zeros((96, 160, 3), np.uint8)
    everything, coverage = put(prop, whole, whole, WHOLE)
    window = (left / 160, top / 96, (left + 60) / 160, (top + 36) / 96)
    part, part_coverage = put(prop, whole[:36, :60], whole[:36, :60], window)
    # Edges lie on sixteenths of a pixel, and are softened in steps.
    assert np.abs(coverage[top : top + 36, left : left + 60] - part_coverage).mean() <= 0.02
    assert np.abs(everything[top : top + 36, left : left + 60].astype(int) - part).mean() <= 3


def test_the_share_says_how_often(library: Library) -> None:
    drawn = [draw_props(library.backgrounds, 0.3, random.Random(seed)) for seed in range(600)]
    assert 0.25 < np.mean([bool(behind) for behind, _ in drawn]) < 0.35
    assert 0.25 < np.mean([len(before) for _, before in drawn]) < 0.35
    assert draw_props(library.backgrounds, 0.0, random.Random(1)) == ((), ())
