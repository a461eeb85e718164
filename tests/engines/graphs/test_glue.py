"""The glue against plain numpy and OpenCV."""

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from engines.engine import fit_mask
from engines.graphs.export import IR_VERSION, OPSET
from engines.graphs.glue import PATCH, foreground_mask, refine, shrink, without_doubtful
from engines.graphs.onnx_trust import CONSTANTS_OF_TRUST
from engines.graphs.onnx_trust import without_doubtful as trust_nodes
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


def _blob(mask: np.ndarray, row: int, column: int, value: float, side: int = 40) -> None:
    mask[row : row + side, column : column + side] = value


def test_a_mask_that_is_nowhere_sure_is_taken_for_nobody() -> None:
    mask = np.zeros((416, 320), np.float32)
    _blob(mask, 50, 60, 0.8)
    assert without_doubtful(torch.from_numpy(mask)[None, None]).max() == 0


def test_a_doubtful_region_stays_beside_a_sure_one_and_goes_far_from_it() -> None:
    mask = np.zeros((416, 320), np.float32)
    _blob(mask, 300, 200, 1.0)  # a person
    _blob(mask, 260, 200, 0.4)  # a thing in front of her
    _blob(mask, 20, 20, 0.7)  # a coat on the wall
    kept = without_doubtful(torch.from_numpy(mask)[None, None])[0, 0].numpy()
    np.testing.assert_array_equal(kept[200:], mask[200:])
    assert kept[:100].max() == 0


@pytest.mark.parametrize("size", [(416, 320), (320, 416), (704, 512)])
def test_doubt_in_onnx_is_that_in_pytorch_is_that_of_numpy(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    coarse = rng.uniform(0, 1, (7, 6)).astype(np.float32) ** 0.1
    mask = np.clip(cv2.resize(coarse, size[::-1]) * (rng.uniform(size=size) > 0.05), 0, 1).astype(np.float32)
    mask[: size[0] // 3] *= 0.95
    given, wanted = (helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 1, *size)) for name in ("mask", "kept"))
    graph = helper.make_graph(trust_nodes("mask", size, "kept"), "trust", [given], [wanted], CONSTANTS_OF_TRUST)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    (in_onnx,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"mask": mask[None, None]})
    in_torch = without_doubtful(torch.from_numpy(mask)[None, None]).numpy()
    np.testing.assert_allclose(in_onnx, in_torch, atol=1e-4)
    rows, columns = size[0] // PATCH, size[1] // PATCH
    patches = mask.reshape(rows, PATCH, columns, PATCH).mean((1, 3))
    near = max(rows, columns) // 4
    surest = cv2.dilate(patches, np.ones((2 * near + 1, 2 * near + 1)))  # an independent maximum over a window
    trust = np.clip((surest - 59 / 64) * 16, 0, 1)
    expected = mask * np.kron(trust, np.ones((PATCH, PATCH)))
    np.testing.assert_allclose(in_torch[0, 0], expected, atol=1e-4)
    assert 0.05 < (expected < mask - 0.01).mean() < 0.95


def test_a_small_mpn_still_gives_a_mask() -> None:
    sure = torch.nn.Conv2d(3, 2, 1)
    torch.nn.init.zeros_(sure.weight)
    torch.nn.init.ones_(sure.bias)
    mask = foreground_mask(sure, torch.zeros(1, 3, 128, 64), (32, 32))
    assert mask.shape == (1, 1, 64, 32)
    assert mask.min() == 1


@pytest.mark.parametrize("size", [(256, 192), (192, 256)])
def test_fit_mask_keeps_the_area_of_the_person(size: tuple[int, int]) -> None:
    mask = np.zeros((480, 640), np.float32)
    mask[120:, 160:480] = 1
    fitted = fit_mask(mask, size)
    assert fitted.shape == size
    assert fitted.dtype == np.float32
    assert abs(fitted.mean() - mask.mean()) < 0.01
