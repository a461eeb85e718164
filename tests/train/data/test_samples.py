"""The samples of the three tasks."""

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.networks.blocks import at_windows
from tests.train.conftest import figure
from train.data import samples
from train.data.camera import MAX_DEFOCUS, MAX_SIGMA, Grain, apply_blur, blurred_matte, draw_grain
from train.data.library import Library, Picture
from train.data.samples import MPNSamples, MRNSamples, QUNSamples, Sample, Samples, degrade, turned
from train.data.scenes import WHOLE, Scene, View, Window, render
from train.recipe import Augment, Recipe

KINDS = (MPNSamples, QUNSamples, MRNSamples)


def batches(stream: Samples, count: int) -> Iterator[Sample]:
    return islice(iter(stream), count)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_stream(kind: type[Samples], library: Library, recipe: Recipe) -> None:
    streams = [list(batches(kind(library, recipe, 2, seed), 3)) for seed in (4, 4, 5)]
    for one, same, other in zip(*streams, strict=True):
        assert one.keys() == same.keys()
        assert all(torch.equal(one[name], same[name]) for name in one)
        assert any(one[name].shape != other[name].shape or not torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("kind", KINDS)
def test_the_shards_of_a_batch_make_it_up(kind: type[Samples], library: Library, recipe: Recipe) -> None:
    shards = [batches(kind(library, recipe, 3, shard=part), 4) for part in (slice(2), slice(2, 3))]
    for whole, *parts in zip(batches(kind(library, recipe, 3), 4), *shards, strict=True):
        assert [len(part["mask"]) for part in parts] == [2, 1]
        assert all(torch.equal(torch.cat([part[name] for part in parts]), value) for name, value in whole.items())


@pytest.mark.parametrize("kind", [QUNSamples, MRNSamples])
def test_random_numbers_are_part_of_each_sample(kind: type[Samples], library: Library, recipe: Recipe) -> None:
    random_numbers = torch.cat([batch["random"] for batch in batches(kind(library, recipe, 4), 10)])
    assert random_numbers.shape == (40, 1 if kind is QUNSamples else 6)
    assert 0 <= random_numbers.min() < 0.2
    assert 0.8 < random_numbers.max() < 1
    assert len(random_numbers.unique()) == random_numbers.numel()


@pytest.mark.parametrize("kind", KINDS)
def test_all_frames_of_a_batch_have_one_orientation(kind: type[Samples], library: Library, recipe: Recipe) -> None:
    shapes = set()
    for batch in batches(kind(library, recipe, 3), 8):
        height, width = batch["mask"].shape[2:]
        shapes.add((height, width))
        image = batch["image"] if kind is MPNSamples else batch["whole"]
        scale = 1 if kind is MPNSamples else 2
        assert image.shape == (3, 3, scale * height, scale * width)
        assert image.dtype == torch.uint8
        for name in {"mask", "coarse_mask"} & batch.keys():
            assert batch[name].shape == (3, 1, height, width)
    assert shapes == {(64, 32), (32, 64)}


def test_mpn_may_see_frames_more_finely_than_the_others(library: Library, recipe: Recipe) -> None:
    finer = replace(recipe, mpn_resolution=(96, 64))
    for kind, sizes in (
        (MPNSamples, {(96, 64), (64, 96)}),
        (QUNSamples, {(64, 32), (32, 64)}),
        (MRNSamples, {(64, 32), (32, 64)}),
    ):
        assert {tuple(batch["mask"].shape[2:]) for batch in batches(kind(library, finer, 2), 12)} == sizes


def test_what_a_mask_says_nothing_about_is_not_known(library: Library, recipe: Recipe) -> None:
    partly = replace(library, subjects=tuple(s for s in library.subjects if s.unknown is not None))
    recipe = replace(recipe, composed={"street": 0.5}, empty=0.2, whole=1.0)
    shares = [
        1 - float(each.float().mean()) / 255 for batch in batches(MPNSamples(partly, recipe, 4), 6) for each in batch["known"]
    ]
    seen = [share for share in shares if share > 0]
    assert 4 < len(seen) < 20  # composed frames and empty ones are known
    assert np.mean(seen) == pytest.approx(1 / 6, abs=0.03)  # the lower right of the photo


def test_mrn_sees_a_crop_and_where_it_lies(library: Library, recipe: Recipe) -> None:
    for batch in batches(MRNSamples(library, recipe, 2), 4):
        assert batch["crop"].shape == batch["foreground"].shape == (2, 3, 32, 48)
        assert batch["alpha"].shape == (2, 1, 32, 48)
        assert batch["whole"].shape == (2, 3, *(2 * side for side in batch["mask"].shape[2:]))
        assert batch["window"].shape == (2, 4)
        assert batch["window"].dtype == torch.float32
        assert batch["window"].min() >= 0
        assert batch["window"].max() <= 1 + 1e-6
        assert (batch["window"][:, 2:] > batch["window"][:, :2]).all()


def test_low_resolution_lies_as_the_frame_does(recipe: Recipe) -> None:
    assert [turned(recipe.low_resolution, aspect) for aspect in (16 / 9, 1.0, 0.75)] == [(32, 64), (64, 32), (64, 32)]


def test_sets_that_are_left_out_are_never_drawn(library: Library, recipe: Recipe) -> None:
    assert set(MPNSamples(library, recipe, 2).groups) == {"cutouts", "photos", "street"}
    assert set(QUNSamples(library, recipe, 2).groups) == {"cutouts", "photos"}
    assert set(MPNSamples(library, replace(recipe, sets={"photos": 0.0}), 2).groups) == {"cutouts", "street"}
    assert set(MRNSamples(library, replace(recipe, fine_sets={"photos": 0.0}), 2).groups) == {"cutouts"}
    assert not QUNSamples(replace(library, subjects=tuple(s for s in library.subjects if not s.fine)), recipe, 2).groups


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(5, 40), st.integers(5, 40))
def test_degrade_gives_a_mask(seed: int, height: int, width: int) -> None:
    mask = figure(height, width)
    before = mask.copy()
    worse = degrade(mask, random.Random(seed))
    assert worse.shape == mask.shape
    assert worse.dtype == np.uint8
    np.testing.assert_array_equal(mask, before)
    assert not degrade(np.zeros_like(mask), random.Random(seed)).any()
    assert degrade(np.full_like(mask, 255), random.Random(seed)).min() >= 254


def test_degrade_makes_worse_but_not_beyond_recognition() -> None:
    mask = figure(96, 80)
    errors = np.array([np.abs(degrade(mask, random.Random(seed)).astype(int) - mask).mean() / 255 for seed in range(40)])
    assert (errors > 0).mean() > 0.9
    assert len(set(errors.round(6))) > 20
    assert errors.max() < 0.15


def test_the_window_is_where_the_crop_lies(library: Library, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    wholes: list[Picture] = []

    def recorded(scene: Scene, size: tuple[int, int], window: Window = WHOLE, *, clean: bool = True) -> View:
        view = render(scene, size, window, clean=clean)
        if window == WHOLE:
            wholes.append(view.alpha)
        return view

    monkeypatch.setattr(samples, "render", recorded)
    recipe = replace(recipe, low_resolution=(192, 160), mrn=replace(recipe.mrn, crop=(192, 160)))
    stream, rng = MRNSamples(library, recipe, 1), random.Random(3)
    edges = 0
    for _ in range(12):
        sample = stream.sample(stream.scene(rng), rng)
        whole = torch.from_numpy(wholes.pop())[None, None].float() / 255
        cropped = at_windows(whole, sample["window"][None], (48, 40))[0, 0]
        true = cv2.resize(sample["alpha"][0].numpy(), (40, 48), interpolation=cv2.INTER_AREA) / 255
        edges += 0.02 < true.mean() < 0.98
        assert np.abs(cropped.numpy() - true).mean() < 0.02
    assert edges >= 6  # most crops have an edge to learn from


def test_what_is_left_out_is_not_done(library: Library, recipe: Recipe) -> None:
    none = Augment(flip=0, turn=0, tint=0, light=0, blur=0, noise=0, compression=0)
    plain = MPNSamples(library, replace(recipe, augment=none), 1)
    for number in range(8):
        scene = plain.scene(random.Random(number))
        assert not any(layer.tinted or layer.place[0, 0] < 0 for layer in scene.layers)
        view = render(scene, tuple(2 * side for side in turned(recipe.low_resolution, scene.aspect)), clean=False)  # type: ignore[arg-type]
        seen = plain.sample(scene, random.Random(1))["image"].numpy().transpose(1, 2, 0)
        np.testing.assert_array_equal(seen, samples.halve(view.picture))
    always = replace(none, light=1, blur=0.7, noise=0.7, compression=0.7)
    changed = MPNSamples(library, replace(recipe, augment=always), 1)
    scene = changed.scene(random.Random(1))
    pictures = {changed.sample(scene, random.Random(seed))["image"].numpy().tobytes() for seed in range(8)}
    assert len(pictures) == 8


def test_defocus_is_as_frequent_and_as_strong_as_asked() -> None:
    drawn = [draw_grain(random.Random(seed), Augment(defocus=0.2)) for seed in range(2000)]
    sigmas = [grain.defocus for grain in drawn if grain.defocus is not None]
    assert 0.16 < len(sigmas) / len(drawn) < 0.24
    assert MAX_SIGMA <= min(sigmas) < 2.5 < 7 < max(sigmas) <= MAX_DEFOCUS
    assert all(draw_grain(random.Random(seed), Augment()).defocus is None for seed in range(200))


@pytest.mark.parametrize("grain", [Grain(blur=1.5), Grain(defocus=6.0), Grain(blur=np.full((5, 5), 1 / 25, np.float32))])
def test_equation_1_holds_for_the_matte_of_a_blurred_picture(grain: Grain) -> None:
    """Edges of a picture out of focus were taught as hard ones: masks and mattes stayed sharp under the blur."""
    alpha = np.zeros((80, 100), np.uint8)
    cv2.circle(alpha, (50, 40), 25, 255, -1, cv2.LINE_AA)
    colours = np.asarray(np.random.default_rng(1).integers(100, 250, (80, 100, 3)), np.uint8)
    picture = np.asarray(colours * (alpha[..., None] / 255) + 0.5, np.uint8)
    seen = apply_blur(picture, grain).astype(float)
    foreground, soft = blurred_matte(colours, alpha, grain)
    off, sharp = (np.abs(a[..., None] / 255 * f - seen).max() for a, f in ((soft, foreground), (alpha, colours)))
    assert off < 2 < 20 < sharp
    np.testing.assert_allclose(soft, apply_blur(alpha, grain).astype(int), atol=1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_truth_is_blurred_as_its_picture_is(kind: type[Samples], library: Library, recipe: Recipe) -> None:
    none = Augment(flip=0, turn=0, tint=0, light=0, blur=0, noise=0, compression=0)
    steps = []  # the largest from one pixel to the next
    for augment in (none, replace(none, defocus=0.7)):
        stream = kind(library, replace(recipe, augment=augment, empty=0.0), 1)
        drawn = [stream.sample(stream.scene(random.Random(seed)), random.Random(seed)) for seed in range(24)]
        truths = [each["alpha" if kind is MRNSamples else "mask"].float() for each in drawn]
        steps.append(np.mean([truth.diff(dim=2).abs().max() for truth in truths]))
    assert steps[1] < 0.8 * steps[0]
