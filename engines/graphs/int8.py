"""Convolutions of 8-bit integers: an ONNX graph with a QuantizeLinear and a DequantizeLinear before each of their inputs.

A backend that multiplies integers makes one integer convolution of the four nodes and the one behind them. What rounded weights
change on average, the bias takes back (Nagel et al., 2019, section 4.2). All else stays as it is: sums, resizing, what the
graph gives out, and the first convolutions of MPN.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from engines.graphs.edits import replace_nodes

LEVELS = 255  # steps of an activation's range, from 0 to 255
# Of a weight; the range is symmetric. A CPU without VNNI adds two products in 16 bits: 255 * 127 * 2 would saturate there.
LARGEST = 63
# The stem and the first block of MPN stay: in a dark picture all is within a few levels there.
FIRST_IN_FLOAT = {"mpn-low": 3}
SMALLEST_STEP = 1e-8  # where a channel's weights are all 0


class Activation(NamedTuple):
    """What a convolution takes: its least and largest value, and the mean of each channel (C,)."""

    low: float
    high: float
    means: NDArray[np.float32]


def rounded_tensors(name: str, model: ModelProto) -> list[str]:
    """The tensors to round to 8 bits in one of `weights.INT8`: what its convolutions take, each once."""
    taken = [node.input[0] for node in model.graph.node if node.op_type == "Conv"]
    return list(dict.fromkeys(taken[FIRST_IN_FLOAT.get(name, 0) :]))


def _weights(model: ModelProto, folder: Path) -> dict[str, NDArray[np.float32]]:
    """The numbers of each initialiser, by the name under which the nodes know it: of a stored one, that of its cast."""
    casts = {node.input[0]: node.output[0] for node in model.graph.node if node.op_type == "Cast"}
    return {
        casts.get(tensor.name, tensor.name): numpy_helper.to_array(tensor, str(folder)).astype(np.float32)
        for tensor in model.graph.initializer
    }


def _rounding(
    name: str, step: NDArray[np.float32], zero: NDArray[np.integer]
) -> tuple[list[NodeProto], list[TensorProto], str]:
    """Nodes that round a tensor to levels and back, their constants, and their output. One step, or one a channel."""
    levels, output = f"int8/{name}/levels", f"int8/{name}"
    constants = [numpy_helper.from_array(step, f"int8/{name}/step"), numpy_helper.from_array(zero, f"int8/{name}/zero")]
    scaling = [constant.name for constant in constants]
    per_channel: dict[str, Any] = {"axis": 0} if step.ndim else {}
    nodes = [
        helper.make_node("QuantizeLinear", [name, *scaling], [levels], name=f"{levels}:round", **per_channel),
        helper.make_node("DequantizeLinear", [levels, *scaling], [output], name=f"{output}:restore", **per_channel),
    ]
    return nodes, constants, output


def _mean_change(weight: NDArray[np.float32], steps: NDArray[np.float32], means: NDArray[np.float32]) -> NDArray[np.float32]:
    """What rounding a convolution's weights (O,I,k,k) by a step for each output (O,) adds to its outputs (O,), on average."""
    steps = steps.reshape(-1, 1, 1, 1)
    change = (np.round(weight / steps) * steps - weight).sum((2, 3))
    groups = len(means) // weight.shape[1]
    return np.asarray((change * np.repeat(means.reshape(groups, -1), len(weight) // groups, 0)).sum(1), np.float32)


def quantize(path: Path, activations: Mapping[str, Activation]) -> ModelProto:
    """A released graph with convolutions of 8-bit integers. `activations`: each of `rounded_tensors`.

    A value beyond its range is clipped. Weights have a range for each output channel, that of their largest.
    """
    model = onnx.load(str(path), load_external_data=False)
    weights = _weights(model, path.parent)
    nodes: list[NodeProto] = []
    rounded: dict[str, str] = {}

    def round_once(name: str, step: NDArray[np.float32], zero: NDArray[np.integer]) -> str:
        if name not in rounded:
            added, constants, rounded[name] = _rounding(name, step, zero)
            nodes.extend(added)
            model.graph.initializer.extend(constants)
        return rounded[name]

    for node in model.graph.node:
        if node.op_type == "Conv" and node.input[0] in activations:
            taken, weight = activations[node.input[0]], weights[node.input[1]]
            low, high = min(taken.low, 0.0), max(taken.high, 0.0)
            step = np.float32(max((high - low) / LEVELS, SMALLEST_STEP))
            steps = np.maximum(np.abs(weight).reshape(len(weight), -1).max(1) / LARGEST, np.float32(SMALLEST_STEP))
            bias = weights[node.input[2]] if len(node.input) > 2 else np.zeros(len(weight), np.float32)
            corrected = numpy_helper.from_array(bias - _mean_change(weight, steps, taken.means), f"int8/{node.output[0]}/bias")
            model.graph.initializer.append(corrected)
            node.input[:] = [
                round_once(node.input[0], np.array(step), np.array(round(-low / step), np.uint8)),
                round_once(node.input[1], steps, np.zeros(len(steps), np.int8)),
                corrected.name,
            ]
        nodes.append(node)
    replace_nodes(model, nodes)
    return model
