"""Graphs for a range of sizes: what a compiler cannot infer about them becomes a constant."""

import numpy as np
from onnx import ModelProto, helper, numpy_helper

from engines.geometry import OVERSAMPLING, Size
from engines.graphs.edits import drop_unused_constants, replace_nodes


def make_dynamic(model: ModelProto, low: Size, seen: Size, inputs: dict[str, tuple[int | str, ...]]) -> None:
    """Turn a released graph, in place, into one for frames of any size that have the low resolution `low`.

    `seen`: their size as MPN sees them. `inputs` has the shape of each input, its free sides as names.

    The low resolution becomes a constant: TensorRT does not infer that both branches have the same shape.
    """
    constants = {
        "glue/low": np.array(low, np.int64),
        "glue/oversampled": np.array(low, np.int64) * OVERSAMPLING,
        "glue/seen_size": np.array(seen, np.int64),
    }
    replace_nodes(model, (node for node in model.graph.node if node.output[0] not in (*constants, "glue/is_landscape")))
    for value in model.graph.input:
        value.CopyFrom(helper.make_tensor_value_info(value.name, value.type.tensor_type.elem_type, inputs[value.name]))
    model.graph.initializer.extend(numpy_helper.from_array(number, name) for name, number in constants.items())
    drop_unused_constants(model)
