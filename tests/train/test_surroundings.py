"""Parts of photos that have nobody in them."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from train.library import Library, by_set
from train.recipe import Recipe
from train.scenes import draw_scene, render
from train.surroundings import LEAST, largest_empty, surroundings


@settings(max_examples=60, deadline=None)
@given(arrays(np.bool_, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.sampled_from([True, False, False])))
def test_the_largest_empty_rectangle_is_that_of_trying_all(taken: np.ndarray) -> None:
    h, w = taken.shape
    every = [
        (y1 - y0) * (x1 - x0)
        for y0 in range(h) for y1 in range(y0 + 1, h + 1) for x0 in range(w) for x1 in range(x0 + 1, w + 1)
        if not taken[y0:y1, x0:x1].any()
    ]  # fmt: skip
    x0, y0, x1, y1 = largest_empty(taken)
    assert (x1 - x0) * (y1 - y0) == max(every, default=0)
    assert not taken[y0:y1, x0:x1].any()


def test_nobody_is_in_the_surroundings(library: Library) -> None:
    photos = [subject for subject in library.subjects if not subject.cutout]
    found = [surroundings(subject) for subject in photos]
    assert any(found)
    recipe = Recipe(empty=1.0, surroundings=1.0)
    for subject, part in zip(photos, found, strict=True):
        groups = by_set([subject])
        scene = draw_scene(library.backgrounds, groups, {}, recipe, random.Random(3))
        if part is None:
            assert scene.layers[0].source in library.backgrounds
            continue
        assert min(part[2] - part[0], part[3] - part[1]) >= LEAST
        assert scene.layers[0].source == subject.image
        # The frame shows what lies within that part, and nothing of the rest of the photo.
        place = np.vstack([scene.layers[0].place, [0, 0, 1]])
        corners = np.linalg.inv(place) @ np.array([[0, 1], [0, 1], [1, 1]])
        xs, ys = sorted(corners[0]), sorted(corners[1])
        assert part[0] - 1e-3 <= xs[0] < xs[1] <= part[2] + 1e-3
        assert part[1] - 1e-3 <= ys[0] < ys[1] <= part[3] + 1e-3
        assert not render(scene, (40, 40)).alpha.any()


def test_sets_before_a_plain_wall_lend_no_background(library: Library) -> None:
    photos = [subject for subject in library.subjects if not subject.cutout]
    recipe = Recipe(empty=1.0, surroundings=1.0, composed={"street": 1.0, "photos": 1.0})
    for seed in range(10):
        scene = draw_scene(library.backgrounds, by_set(photos), {}, recipe, random.Random(seed))
        assert scene.layers[0].source in library.backgrounds
