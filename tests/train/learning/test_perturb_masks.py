"""Perturbed masks."""

import pytest
import torch
import torch.nn.functional as F

from train.learning.perturb_masks import PERTURBATIONS, perturb_masks, smooth_field


def soft_masks(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return F.interpolate(torch.rand(count, 1, 4, 4, generator=generator), size=(24, 20), mode="bicubic").clamp(0, 1)


def test_a_share_of_masks_is_perturbed() -> None:
    torch.manual_seed(1)
    soft, random = soft_masks(200), torch.rand(200, 5)
    assert torch.equal(perturb_masks(soft, 0.0, random), soft)
    worse = perturb_masks(soft, 1.0, random)
    assert torch.equal(perturb_masks(soft[7:9], 1.0, random[7:9]), worse[7:9])
    assert worse.shape == soft.shape
    assert worse.min() >= 0
    assert worse.max() <= 1
    changed = (worse != soft).flatten(1).any(1).float()
    assert changed.mean() > 0.9
    half = (perturb_masks(soft, 0.5, random) != soft).flatten(1).any(1).float()
    assert 0.3 < half.mean() < 0.7


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_plain_masks_stay(value: float) -> None:
    plain = torch.full((60, 1, 16, 12), value)
    assert torch.equal(perturb_masks(plain, 1.0, torch.rand(60, 5)), plain)


@pytest.mark.parametrize("name", ["_warp", "_shift_logits"])
def test_an_outline_moves_to_both_sides(name: str) -> None:
    """As a network errs: too much of the person here, too little there, and never far away."""
    kind = next(kind for kind in PERTURBATIONS if kind.__name__ == name)
    mask = torch.zeros(1, 1, 64, 48)
    mask[..., 24:] = 1
    added, taken = 0, 0
    for number in range(100):
        worse = kind(mask, 5, [number / 100, number / 100]) > 0.5
        added += int(worse[..., :24].sum())
        taken += int((~worse[..., 24:]).sum())
        assert not worse[..., :12].any()
        assert worse[..., 36:].all()
    assert 0.4 < added / (added + taken) < 0.6


def test_a_field_is_smooth_centred_and_determined_by_its_seed() -> None:
    fields = torch.cat([smooth_field(2, (64, 48), number / 50) for number in range(50)])
    assert torch.equal(smooth_field(2, (64, 48), 0.1), fields[5:6])
    assert fields.mean().abs() < 0.1
    assert 0.4 < fields.std() < 1.1
    assert (fields[..., 1:] - fields[..., :-1]).abs().mean() < 0.2 * fields.std()
