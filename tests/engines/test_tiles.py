"""Tiles: which are unsure, and that cutting and pasting them gives the frame again."""

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.networks import mrn
from engines.tiles import HALO, STEP, SURE, TILE, Layout

SIDES = st.integers(32, 400)


def test_the_halo_is_that_of_the_network() -> None:
    assert HALO == mrn.HALO


@settings(max_examples=30, deadline=None)
@given(SIDES, SIDES, st.integers(1, 5))
def test_tiles_cut_from_a_frame_and_pasted_give_it_again(height: int, width: int, size: int) -> None:
    layout, rng = Layout(height, width), np.random.default_rng(1)
    frame = rng.integers(0, 256, (height, width, 3), np.uint8)
    padded = cv2.copyMakeBorder(frame, HALO, HALO + TILE, HALO, HALO + TILE, cv2.BORDER_REPLICATE)
    tiles = np.empty((size, TILE + 2 * HALO, TILE + 2 * HALO, 3), np.uint8)
    places = np.empty((size, TILE // 2 + 2, TILE // 2 + 2, 2), np.float32)
    alpha, foreground = np.full((height, width), -1, np.float32), np.zeros_like(frame)
    everywhere = np.ones((len(layout.tops), len(layout.lefts)), bool)
    for batch in layout.batches(everywhere, size):
        layout.cut(frame, batch, tiles, places)
        for index, (row, column) in enumerate(batch):
            top, left = layout.tops[row], layout.lefts[column]
            np.testing.assert_array_equal(tiles[index], padded[top:, left:][: TILE + 2 * HALO, : TILE + 2 * HALO])
        inner = tiles[:, HALO:-HALO, HALO:-HALO]
        layout.paste(batch, inner[..., 0].astype(np.float32), inner, alpha, foreground)
    np.testing.assert_array_equal(foreground, frame)
    np.testing.assert_array_equal(alpha, frame[..., 0])


@settings(max_examples=50, deadline=None)
@given(SIDES, SIDES, st.integers(0, 10_000))
def test_a_matte_of_the_whole_frame_is_settled_as_tiles_are_pasted(height: int, width: int, seed: int) -> None:
    """Also where the last tile of a row or column overlaps one that is sure."""
    layout, rng = Layout(height, width), np.random.default_rng(seed)
    unified = np.where(rng.random((80, 64)) < 0.005, np.float32(0.5), np.float32(1))
    frame, matte = rng.integers(0, 256, (2, height, width, 3), np.uint8)
    padded = cv2.copyMakeBorder(matte, 0, TILE, 0, TILE, cv2.BORDER_REPLICATE)
    alpha, foreground = layout.sure_alpha(unified), frame.copy()
    seen, more = np.zeros((len(layout.tops), len(layout.lefts)), bool), layout.unsure(unified)
    while more.any():
        for (tile,) in layout.batches(more, 1):
            part = padded[layout.tops[tile[0]] :, layout.lefts[tile[1]] :][None, :TILE, :TILE]
            layout.paste([tile], part[..., 0].astype(np.float32), part, alpha, foreground)
        seen |= more
        more = layout.goes_on(seen, alpha)
    settled = matte[..., 0].astype(np.float32)
    layout.settle(frame, unified, settled, matte)
    np.testing.assert_array_equal(settled, alpha)
    np.testing.assert_array_equal(matte, foreground)


@settings(max_examples=20, deadline=None)
@given(SIDES, SIDES)
def test_places_are_those_of_a_bilinear_enlargement(height: int, width: int) -> None:
    layout = Layout(height, width)
    features = torch.rand(1, 1, 24, 18, generator=torch.Generator().manual_seed(1))
    pairs = ((height + 1) // 2, (width + 1) // 2)
    enlarged = F.pad(F.interpolate(features, size=pairs, mode="bilinear"), (1, TILE, 1, TILE), mode="replicate")
    tiles = np.empty((1, TILE + 2 * HALO, TILE + 2 * HALO, 3), np.uint8)
    places = np.empty((1, TILE // 2 + 2, TILE // 2 + 2, 2), np.float32)
    frame = np.zeros((height, width, 3), np.uint8)
    for row, column in ((0, 0), (len(layout.tops) - 1, len(layout.lefts) - 1)):
        layout.cut(frame, [(row, column)], tiles, places)
        sampled = F.grid_sample(features, torch.from_numpy(places), padding_mode="border", align_corners=False)
        top, left = layout.tops[row] // 2, layout.lefts[column] // 2
        expected = enlarged[:, :, top:, left:][:, :, : TILE // 2 + 2, : TILE // 2 + 2]
        torch.testing.assert_close(sampled, expected, atol=1e-4, rtol=0)


@settings(max_examples=50, deadline=None)
@given(SIDES, SIDES, st.integers(0, 2**32 - 1), st.floats(1, 12))
def test_where_a_tile_is_sure_the_enlarged_mask_is_and_alpha_follows_it(
    height: int, width: int, seed: int, blur: float
) -> None:
    noise = cv2.GaussianBlur(np.random.default_rng(seed).standard_normal((64, 48)).astype(np.float32), (0, 0), blur)
    unified = (1 / (1 + np.exp(-noise / noise.std() * 12))).astype(np.float32)
    layout = Layout(height, width)
    unsure, alpha = layout.unsure(unified), layout.sure_alpha(unified)
    enlarged = cv2.resize(unified, (width, height), interpolation=cv2.INTER_LINEAR)
    for row, column in np.argwhere(~unsure):
        here = np.s_[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
        assert np.abs(enlarged[here] - alpha[here]).max() <= SURE


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_nothing_is_unsure_about_a_mask_that_is_sure_everywhere(value: float) -> None:
    unified = np.full((192, 256), value, np.float32)
    assert not Layout(1080, 1920).unsure(unified).any()
    assert (Layout(1080, 1920).sure_alpha(unified) == value).all()


def test_an_edge_makes_only_the_tiles_around_it_unsure() -> None:
    unified = np.zeros((192, 256), np.float32)
    unified[:, 128:] = 1
    unsure = Layout(1080, 1920).unsure(unified)
    assert unsure.any(axis=0).sum() <= 2
    assert unsure.all(axis=1).sum() == 0
    assert unsure.any(axis=1).all()


@pytest.mark.parametrize(("height", "width"), [(256, 320), (201, 333)])
def test_what_fades_out_beyond_the_unsure_tiles_is_not_cut_off_at_their_edges(height: int, width: int) -> None:
    """A pigtail of which the mask saw half ended in a straight line down the picture."""
    layout, frame = Layout(height, width), np.zeros((height, width, 3), np.uint8)
    unified = np.zeros((128, 160), np.float32)
    unified[48:80, 60:80] = 0.5
    rows, columns = np.indices((height, width), np.float32)
    truth = np.clip(1 - np.hypot(rows - height / 2, columns - width / 2) / (width / 3), 0, 1)
    alpha = truth.copy()
    layout.settle(frame, unified, alpha, frame.copy())
    gone = np.abs(alpha - truth)
    assert gone.max() < 0.1
    assert (alpha == 0).any()
    steps = [np.abs(np.diff(alpha, axis=axis)).max() for axis in (0, 1)]
    assert max(steps) <= STEP + 0.02


def test_what_ends_within_the_unsure_tiles_makes_no_other_be_seen() -> None:
    layout, alpha = Layout(256, 320), np.zeros((256, 320), np.float32)
    alpha[70:90, 70:90] = 0.8
    seen = np.zeros((8, 10), bool)
    seen[2, 2] = True
    assert not layout.goes_on(seen, alpha).any()
    alpha[70:90, 70:96] = 0.8
    assert np.argwhere(layout.goes_on(seen, alpha)).tolist() == [[2, 3]]
