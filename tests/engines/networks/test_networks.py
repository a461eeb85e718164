import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from engines.networks import MPN, MRN, QUN
from engines.networks.blocks import from_pixel_pairs, interleave_rows, pixel_pairs
from engines.networks.fold import fold
from engines.networks.mrn import HALO


@pytest.mark.parametrize(("height", "width"), [(256, 192), (192, 256), (64, 96)])
def test_mpn_gives_two_masks(height: int, width: int) -> None:
    masks = MPN().eval()(torch.rand(2, 3, height, width))
    assert masks.shape == (2, 2, height, width)
    assert masks.min() >= 0
    assert masks.max() <= 1


def test_the_context_of_mpn_begins_as_if_it_were_not_there_and_sees_all_of_a_frame() -> None:
    context = MPN().eval().context
    features = torch.rand(1, 128, 16, 12)
    torch.testing.assert_close(context(features), features)
    for block in context:
        nn.init.ones_(block.project[2].weight)  # type: ignore[index, union-attr, arg-type]
    features.requires_grad_()
    context(features)[:, :, 8, 6].sum().backward()
    assert features.grad is not None
    assert (features.grad.abs().sum(1) > 0).all()


@pytest.mark.parametrize(("height", "width"), [(256, 192), (192, 256), (40, 48)])
def test_qun_gives_one_mask_and_starts_near_its_input(height: int, width: int) -> None:
    mask = (torch.rand(1, 1, height, width) > 0.5).float()
    unified = QUN().eval()(torch.rand(1, 3, height, width), mask)
    assert unified.shape == mask.shape
    assert (unified - mask).abs().mean() < 0.3  # identity loss asks for it; the network is built to start there


@settings(max_examples=10, deadline=None)
@given(rows=st.integers(1, 40), columns=st.integers(1, 40), h=st.integers(1, 4), w=st.integers(1, 4))
def test_mrn_takes_frames_of_any_even_size(rows: int, columns: int, h: int, w: int) -> None:
    pixels = torch.rand(1, 3, 2 * rows + 2 * HALO, 2 * columns + 2 * HALO)
    output = MRN().eval()(torch.rand(1, 3, 16 * h, 16 * w), torch.rand(1, 1, 8 * h, 8 * w), pixels)
    assert output.shape == (1, 4, 2 * rows, 2 * columns)
    assert output.min() >= 0
    assert output.max() <= 1


@pytest.mark.parametrize(
    ("network", "inputs"),
    [
        (MPN(), [(1, 3, 64, 64)]),
        (QUN(), [(1, 3, 32, 32), (1, 1, 32, 32)]),
        (MRN(), [(1, 3, 64, 64), (1, 1, 32, 32), (1, 3, 48, 40)]),
    ],
)
def test_folding_changes_no_result(network: nn.Module, inputs: list[tuple[int, ...]]) -> None:
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # as training leaves them, not as they start
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2.0)  # type: ignore[arg-type]
    arguments = [torch.rand(shape) for shape in inputs]
    with torch.no_grad():
        before = network.eval()(*arguments)
        after = fold(network)(*arguments)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-3)


def test_pixel_pairs_keep_the_byte_order_of_a_frame_and_are_invertible() -> None:
    frame = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)
    image = torch.from_numpy(frame).permute(2, 0, 1)[None].float()
    made = pixel_pairs(image)
    np.testing.assert_array_equal(made[0].permute(1, 2, 0).numpy(), frame.reshape(6, 4, 6))
    torch.testing.assert_close(from_pixel_pairs(made), image)


def test_rows_are_interleaved() -> None:
    upper, lower = torch.rand(2, 1, 6, 3, 5)
    rows = interleave_rows(upper, lower)
    assert rows.shape == (1, 6, 6, 5)
    torch.testing.assert_close(rows[:, :, 0::2], upper)
    torch.testing.assert_close(rows[:, :, 1::2], lower)


def test_the_stem_of_mrns_details_is_a_convolution_of_6x6_pixels() -> None:
    stem = MRN().detail_stem[0]
    image = torch.rand(1, 3, 16, 32)
    weight = stem.weight.detach()  # (w2, 6, 6, 3): a pair's channels, rows, pairs
    plain = weight.view(-1, 2, 3, 6, 3).permute(0, 2, 3, 4, 1).reshape(-1, 3, 6, 6)  # channels, rows, columns
    torch.testing.assert_close(stem(pixel_pairs(image)), torch.nn.functional.conv2d(image, plain, stride=2))


def test_mrn_gives_a_part_of_a_frame_as_it_gives_the_whole() -> None:
    """What a tile may be computed from alone: its pixels with a margin of HALO, and the features of the whole frame."""
    torch.manual_seed(2)
    mrn = MRN().eval().double()
    image, mask, frame = (torch.rand(1, *shape).double() for shape in ((3, 64, 48), (1, 32, 24), (3, 80, 100)))
    padded = F.pad(frame, (HALO,) * 4, mode="replicate")
    with torch.no_grad():
        whole = mrn(image, mask, padded)
        for top, left, height, width in ((0, 0, 80, 100), (0, 36, 32, 64), (16, 20, 48, 32), (48, 60, 32, 40)):
            bottom, right = top + height + 2 * HALO, left + width + 2 * HALO
            corners = [[(left - HALO) / 100, (top - HALO) / 80, (right - HALO) / 100, (bottom - HALO) / 80]]
            window = torch.tensor(corners, dtype=torch.float64)
            part = mrn(image, mask, padded[:, :, top:bottom, left:right], window)
            torch.testing.assert_close(part, whole[:, :, top : top + height, left : left + width], atol=1e-6, rtol=0)


def test_mrn_with_zero_heads_returns_its_mask() -> None:
    mrn = MRN().eval()
    for head in mrn.alpha:
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
    mask = F.interpolate(torch.rand(1, 1, 3, 4), size=(16, 24), mode="bicubic").clamp(0.05, 0.95)
    alpha = mrn(torch.rand(1, 3, 32, 48), mask, torch.rand(1, 3, 64 + 2 * HALO, 96 + 2 * HALO))[:, 3:]
    torch.testing.assert_close(alpha, F.interpolate(mask, scale_factor=4, mode="bilinear"), atol=0.05, rtol=0)
