"""The work of a graph, against sums done by hand, and against another counter."""

from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.roofline import GPUS, ROOFLINE, Gpu, Layer, layers, report, transfer
from engines.half import half_graph
from engines.torch_engine import released_networks


def test_a_convolution_by_hand() -> None:
    weight = numpy_helper.from_array(np.ones((8, 4, 3, 3), np.float16), "weight")
    bias = numpy_helper.from_array(np.ones(8, np.float16), "bias")
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT16, (1, c, 10, 20)) for n, c in (("x", 4), ("y", 8)))
    nodes = [
        helper.make_node("Conv", ["x", "weight", "bias"], ["c"], pads=[1] * 4),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Conv", ["r", "again"], ["d"], pads=[1] * 4, group=8),
        helper.make_node("Add", ["r", "d"], ["y"]),
    ]
    again = numpy_helper.from_array(np.ones((8, 1, 3, 3), np.float16), "again")
    model = helper.make_model(helper.make_graph(nodes, "small", [x], [y], [weight, bias, again]))
    first, relu, second, add = layers(model)
    assert first == Layer(8 * 200 * (2 * 4 * 9 + 1), 2 * (4 * 200 + 8 * 4 * 9 + 8 + 8 * 200), fp32=False)
    assert relu == Layer(1600, 0, fp32=False)  # fused: it moves nothing
    assert second == Layer(8 * 200 * 2 * 9, 2 * (1600 + 72 + 1600), fp32=False)
    assert add == Layer(1600, 2 * 1600, fp32=False)  # fused, but it reads the other operand


def test_the_larger_of_computing_and_moving_counts() -> None:
    gpu = Gpu("small", fp16=1, fp32=0.5, memory=1, bus=1)
    assert Layer(10**12, 10, fp32=False).milliseconds(gpu) == pytest.approx(1000)
    assert Layer(10**12, 10, fp32=True).milliseconds(gpu) == pytest.approx(2000)
    assert Layer(10, 10**9, fp32=True).milliseconds(gpu) == pytest.approx(1000)


@pytest.mark.parametrize("name", ["qun", "mrn"])
def test_the_operations_are_those_that_pytorch_counts(name: str) -> None:
    networks = released_networks()
    image, mask = torch.zeros(1, 3, 256, 192), torch.zeros(1, 1, 256 if name == "qun" else 64, 192 if name == "qun" else 48)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        getattr(networks, name)(image, mask)
    ours = sum(layer.operations for layer in layers(half_graph(name, 256, 192)))
    assert 1 <= ours / counter.get_total_flops() < 1.05  # PyTorch counts convolutions only


def test_a_frame_goes_up_and_its_matte_comes_down() -> None:
    assert transfer(800, 800) == (3 * 800 * 800, 5 * 800 * 800 + 2 * 2 * 256 * 192)


def test_the_page_in_the_repository_is_the_one_that_the_graphs_give() -> None:
    page = report()
    assert all(page.count(f"| {gpu.name} |") == 4 for gpu in GPUS)
    assert Path(ROOFLINE).read_text(encoding="utf-8") == page
