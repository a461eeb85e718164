"""Graphs for a range of sizes: what a compiler cannot work out about them is said in another way, or is a constant."""

import numpy as np
from onnx import ModelProto, helper, numpy_helper

from engines.geometry import OVERSAMPLING, STRIDE


def dynamic(model: ModelProto, low: tuple[int, int], inputs: dict[str, tuple[int | str, ...]]) -> None:
    """Makes, in place, a graph that ships one for frames of any size that have the low resolution `low` (height, width).

    `inputs` has the shape of each input, its free sides as names.

    The low resolution becomes a constant, and the padding to the stride is computed by division: TensorRT does not see that
    the remainder of a negative number, which the graphs that ship take, is never negative.
    """
    constants = {
        "glue/low": np.array(low, np.int64),
        "glue/oversampled": np.array(low, np.int64) * OVERSAMPLING,
        "glue/stride_less_one": np.array(STRIDE - 1, np.int64),
    }
    nodes = []
    for node in model.graph.node:
        [result, *_] = node.output
        if result == "glue/negative":
            nodes.append(helper.make_node("Add", ["glue/size", "glue/stride_less_one"], ["glue/up"]))
            nodes.append(helper.make_node("Div", ["glue/up", "glue/stride"], ["glue/strides"]))
            nodes.append(helper.make_node("Mul", ["glue/strides", "glue/stride"], ["glue/padded"]))
        elif result == "glue/padding":
            nodes.append(helper.make_node("Sub", ["glue/padded", "glue/size"], ["glue/padding"]))
        elif result not in (*constants, "glue/is_landscape"):
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    for value in model.graph.input:
        value.CopyFrom(helper.make_tensor_value_info(value.name, value.type.tensor_type.elem_type, inputs[value.name]))
    model.graph.initializer.extend(numpy_helper.from_array(number, name) for name, number in constants.items())
    needed = {name for node in model.graph.node for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
