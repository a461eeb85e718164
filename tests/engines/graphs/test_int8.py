"""The graphs with convolutions of integers, run by another program, against the arithmetic and against those in floats."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from engines import Frame
from engines.geometry import BASE, MODELS, mpn_size
from engines.graphs.int8 import FIRST_IN_FLOAT, Activation, _weights, quantize, rounded_tensors
from engines.weights import FOLDER, INT8, graph, int8_graph
from tests.engines.graphs.test_export import session


def convolution(folder: Path, weight: np.ndarray, groups: int = 1) -> Path:
    """A graph with one convolution: image (1,C,h,w) -> output."""
    node = helper.make_node("Conv", ["image", "weight"], ["output"], group=groups)
    places = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("image", "output")]
    whole = helper.make_graph([node], "one", places[:1], places[1:], [numpy_helper.from_array(weight, "weight")])
    path = folder / "one.onnx"
    path.write_bytes(helper.make_model(whole, opset_imports=[helper.make_opsetid("", 18)], ir_version=10).SerializeToString())
    return path


@pytest.mark.parametrize(("low", "high"), [(-1.0, 3.0), (0.0, 6.0), (0.5, 2.0), (-3.0, -1.0)])
def test_one_convolution(tmp_path: Path, low: float, high: float) -> None:
    """Numbers are rounded to 256 levels of their range, which has 0 in it, and those beyond are clipped."""
    rng = np.random.default_rng(3)
    weight = rng.normal(size=(4, 2, 3, 3)).astype(np.float32)
    weight[3] = 0
    image = rng.uniform(low - 1, high + 1, (1, 2, 5, 5)).astype(np.float32)
    path = convolution(tmp_path, weight)
    dark = Activation(low, high, np.zeros(2, np.float32))
    (tmp_path / "int8.onnx").write_bytes(quantize(path, {"image": dark}).SerializeToString())
    (output,) = session(tmp_path / "int8.onnx").run(["output"], {"image": image})

    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / 255
    levels = np.round(image / step) + round(-low / step)
    seen = (np.clip(levels, 0, 255) - round(-low / step)) * step
    steps = np.abs(weight).max((1, 2, 3), keepdims=True) / 63
    weights = np.round(weight / np.where(steps == 0, 1, steps)) * steps
    expected = torch.nn.functional.conv2d(torch.from_numpy(seen).float(), torch.from_numpy(weights).float())
    np.testing.assert_allclose(output, expected.numpy(), atol=2e-4)


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_what_rounded_weights_change_on_average_is_taken_back(tmp_path: Path, groups: int) -> None:
    """Of a picture with one level a channel, all is."""
    rng = np.random.default_rng(4)
    weight = rng.normal(size=(12, 6 // groups, 3, 3)).astype(np.float32)
    levels = rng.integers(20, 256, 6).astype(np.float32) * np.float32(6 / 255)
    image = np.broadcast_to(levels.reshape(1, 6, 1, 1), (1, 6, 5, 5))
    path, off = convolution(tmp_path, weight, groups), []
    (exact,) = session(path).run(["output"], {"image": image})
    for means in (levels, np.zeros(6, np.float32)):
        (tmp_path / "int8.onnx").write_bytes(quantize(path, {"image": Activation(0.0, 6.0, means)}).SerializeToString())
        (output,) = session(tmp_path / "int8.onnx").run(["output"], {"image": image})
        off.append(np.abs(output - exact).max())
    assert off[0] < 1e-4 < 0.05 < off[1]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", INT8)
def test_two_products_fit_into_16_bits(model: str, name: str) -> None:
    """As CPUs without VNNI add them: with larger weights alpha of a hazy portrait was off by 10 levels there."""
    rounded = onnx.load(str(graph(int8_graph(name), model)), load_external_data=False)
    constants = {each.name: numpy_helper.to_array(each) for each in rounded.graph.initializer if each.name.startswith("int8/")}
    weights = _weights(rounded, FOLDER / model)
    for node in [node for node in rounded.graph.node if node.op_type == "QuantizeLinear"]:
        step = constants[node.input[1]]
        if step.ndim:
            levels = np.round(weights[node.input[0]] / step.reshape(-1, 1, 1, 1))
            assert 2 * 255 * np.abs(levels).max() < 2**15


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", INT8)
def test_all_convolutions_but_the_first_of_mpn_are_rounded(model: str, name: str) -> None:
    rounded = onnx.load(str(graph(int8_graph(name), model)), load_external_data=False)
    convolutions = [node for node in rounded.graph.node if node.op_type == "Conv"]
    of_integers = [node for node in convolutions if all(tensor.startswith("int8/") for tensor in node.input[:2])]
    assert of_integers == convolutions[FIRST_IN_FLOAT.get(name, 0) :]
    plain = onnx.load(str(graph(name, model)), load_external_data=False)
    assert {node.input[0].removeprefix("int8/") for node in of_integers} == set(rounded_tensors(name, plain))


@pytest.mark.parametrize("shade", [1, 8])
def test_mpn_of_integers_sees_the_same_people(portrait: Frame, shade: int) -> None:
    """In the dark, too: with the first convolutions rounded, an eighth of the light made the mask another."""
    height, width = mpn_size(*portrait.shape[:2], BASE)
    levels = cv2.resize(portrait // shade, (width, height), interpolation=cv2.INTER_AREA)
    seen = levels.transpose(2, 0, 1)[None] / np.float32(255)
    masks = [session(FOLDER / BASE / f"{name}.onnx").run(["mask"], {"seen": seen})[0] for name in ("mpn-low", "mpn-low-int8")]
    assert 0 < np.abs(masks[0] - masks[1]).mean() < 0.01
    assert 0.1 < masks[0].mean() < 0.9
