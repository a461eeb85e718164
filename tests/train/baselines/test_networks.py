"""The networks of the baselines: sizes, the weights that they begin with, and what makes each of them that network."""

import numpy as np
import pytest
import torch

from engines.networks.lite0 import EfficientNetLite0
from train.baselines.deeplab import DeepLab
from train.baselines.dim import DIM, Refinement
from train.baselines.shm import SHM, MNet, TNet, fuse
from train.learning.imagenet import load_imagenet


def picture(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_deeplab_sees_as_finely_as_its_output_stride() -> None:
    network = DeepLab().eval()
    assert network(picture(2, 3, 64, 96)).shape == (2, 1, 64, 96)
    assert network.encoder(picture(1, 3, 64, 96))[-1].shape[-2:] == (4, 6)


@torch.no_grad()
def test_atrous_convolutions_see_what_the_strided_ones_saw() -> None:
    """Of the pixels that the strided encoder computes, the atrous one finds the same, and three more beside each."""
    plain, atrous = EfficientNetLite0().eval(), DeepLab().eval().encoder
    load_imagenet(plain)
    load_imagenet(atrous)
    image = picture(1, 3, 384, 384)
    strided, dense = plain(image)[-1], atrous(image)[-1]
    assert dense.shape[-1] == 2 * strided.shape[-1]
    middle = slice(3, 9)  # what a border pads differs
    first = (slice(None), slice(None), middle, middle)
    shifts = [dense[:, :, y::2, x::2][first] for y in (0, 1) for x in (0, 1)]
    errors = [float((each - strided[first]).abs().mean()) for each in shifts]
    assert min(errors) < 1e-4 < 1e-2 < sorted(errors)[1]


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(64, 32), (37, 51)])
def test_matting_networks_take_any_size(height: int, width: int) -> None:
    image = picture(1, 3, height, width)
    for network, channels in ((DIM(), 1), (MNet(), 3), (Refinement(), 1)):
        alpha = network.eval()(image, picture(1, channels, height, width))
        assert alpha.shape == (1, 1, height, width)


@torch.no_grad()
def test_what_is_beyond_rgb_begins_with_zero_weights() -> None:
    """DIM, section 4.1: before any training, the encoder's features are those of the picture alone."""
    network, plain = DIM().eval(), EfficientNetLite0().eval()
    load_imagenet(network.encoder)
    load_imagenet(plain)
    image = picture(1, 3, 64, 64)
    pairs = zip(network.encoder(torch.cat([image, picture(1, 1, 64, 64)], dim=1)), plain(image), strict=True)
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in pairs)


@torch.no_grad()
def test_refinement_adds_to_the_alpha() -> None:
    network = Refinement().eval()
    network.layers[-1].weight.zero_()  # type: ignore[union-attr,operator]
    network.layers[-1].bias.fill_(0.25)  # type: ignore[union-attr,operator]
    alpha = picture(1, 1, 9, 7)
    assert torch.allclose(network(picture(1, 3, 9, 7), alpha), alpha + 0.25)


def test_the_fusion_of_shm() -> None:
    """alpha_p = F_s + U_s alpha_r, against numpy; a sure pixel is T-Net's, an unknown one M-Net's."""
    generator = np.random.default_rng(3)
    logits, raw = generator.normal(size=(2, 3, 4, 5)), generator.random((2, 1, 4, 5))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    fused = fuse(torch.from_numpy(logits).softmax(1), torch.from_numpy(raw)).numpy()
    np.testing.assert_allclose(fused[:, 0], shares[:, 0] + shares[:, 2] * raw[:, 0])
    sure = torch.eye(3).view(3, 3, 1, 1)  # foreground, background, unknown
    assert fuse(sure, torch.full((3, 1, 1, 1), 0.3)).flatten().tolist() == pytest.approx([1, 0, 0.3])


@torch.no_grad()
def test_shm_fuses_the_part_of_the_trimap_that_the_pixels_show() -> None:
    network = SHM().eval()
    for part in network.tnet.modules():  # other than nearly equal logits
        if isinstance(part, torch.nn.Conv2d):
            part.weight.mul_(1.5)
    image, pixels = picture(2, 3, 64, 32), picture(2, 3, 128, 64)
    alpha, logits = network(image, pixels)
    assert (alpha.shape, logits.shape) == ((2, 1, 128, 64), (2, 3, 64, 32))
    assert 0 <= float(alpha.min()) <= float(alpha.max()) <= 1
    whole, _ = network(image, pixels, torch.tensor([[0.0, 0, 1, 1]] * 2))
    assert torch.allclose(whole, alpha, atol=1e-4)
    assert torch.equal(logits, network.tnet(image))


def test_the_gradient_of_the_alpha_reaches_both_networks_of_shm() -> None:
    network = SHM()
    alpha, _ = network(picture(2, 3, 64, 32), picture(2, 3, 32, 32), torch.tensor([[0.1, 0.1, 0.6, 0.35]] * 2))
    alpha.mean().backward()
    assert all(p.grad is not None for p in network.parameters())
    assert isinstance(network.tnet, TNet)
    assert float(network.tnet.head.weight.grad.abs().sum()) > 0  # type: ignore[union-attr]
