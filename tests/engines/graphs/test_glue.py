"""The glue against plain numpy and OpenCV."""

import cv2
import numpy as np
import pytest
import torch

from engines.engine import fit_mask
from engines.graphs.glue import refine, shrink
from engines.networks.mrn import HALO


@pytest.mark.parametrize(("height", "width"), [(800, 800), (1080, 1920), (240, 320), (97, 51)])
def test_the_low_resolution_image_is_near_an_area_average(height: int, width: int) -> None:
    smooth = cv2.resize(np.random.default_rng(1).integers(0, 255, (12, 10, 3), np.uint8), (width, height))
    image = shrink(torch.from_numpy(smooth)).image[0].permute(1, 2, 0).numpy()
    way = cv2.INTER_AREA if height > image.shape[0] else cv2.INTER_LINEAR  # a smaller frame is enlarged
    expected = cv2.resize(smooth, image.shape[1::-1], interpolation=way) / 255
    assert np.abs(image - expected).mean() < 0.01


def test_a_4k_checkerboard_does_not_alias() -> None:
    frame = np.zeros((2160, 3840, 3), np.uint8)
    frame[::2, ::2] = frame[1::2, 1::2] = 255
    image = shrink(torch.from_numpy(frame)).image
    assert abs(float(image.mean()) - 0.5) < 0.02
    assert float(image.std()) < 0.2


def test_refine_pads_and_crops_without_a_shift() -> None:
    """A network that hands the mask and the picture through shows where the glue puts them."""

    class Through(torch.nn.Module):
        def forward(self, image: torch.Tensor, mask: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
            assert image.shape[-1] == 2 * mask.shape[-1]
            assert pixels.shape[2] % 2 == pixels.shape[3] % 2 == 0
            inner = pixels[:, :, HALO:-HALO, HALO:-HALO]
            return torch.cat([inner, torch.nn.functional.interpolate(mask, size=inner.shape[-2:], mode="bilinear")], dim=1)

    frame = np.random.default_rng(2).integers(0, 255, (203, 147, 3), np.uint8)
    mask = np.zeros((256, 192), np.float32)
    mask[:, 96:] = 1
    alpha, foreground = refine(Through(), torch.from_numpy(frame), torch.zeros(1, 3, 512, 384), torch.from_numpy(mask))
    np.testing.assert_array_equal(foreground.numpy(), frame)
    edge = np.argmax(alpha.numpy() > 0.5, axis=1)
    assert np.abs(edge - 147 / 2).max() <= 2


@pytest.mark.parametrize("size", [(256, 192), (192, 256)])
def test_fit_mask_keeps_the_area_of_the_person(size: tuple[int, int]) -> None:
    mask = np.zeros((480, 640), np.float32)
    mask[120:, 160:480] = 1
    fitted = fit_mask(mask, size)
    assert fitted.shape == size
    assert fitted.dtype == np.float32
    assert abs(fitted.mean() - mask.mean()) < 0.01
