"""Graphs for one size: arithmetic on sizes becomes constants, for compilers that want none of it at run time."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from engines.graphs.edits import drop_unused_constants, replace_nodes

Sizes = dict[str, NDArray[np.generic]]


def known_shapes(model: ModelProto) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor of a graph whose every side is known."""
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    found = {}
    for value in (*inferred.input, *inferred.output, *inferred.value_info):
        if value.type.tensor_type.HasField("shape"):
            sides = value.type.tensor_type.shape.dim
            if all(side.HasField("dim_value") for side in sides):
                found[value.name] = tuple(int(side.dim_value) for side in sides)
    return found


def evaluate(node: NodeProto, model: ModelProto, shapes: dict[str, tuple[int, ...]], sizes: Sizes) -> list[NDArray[np.generic]]:
    """The outputs of a node that depends on nothing but sizes; otherwise an empty list."""
    if node.op_type == "Shape" and node.input[0] in shapes:
        sides = {attribute.name: attribute.i for attribute in node.attribute}
        shape = shapes[node.input[0]]
        return [np.array(shape[sides.get("start", 0) : sides.get("end", len(shape))], np.int64)]
    if not node.input or not all(name in sizes for name in node.input):
        return []
    alone = helper.make_graph(
        [node],
        "sizes",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(sizes[name].dtype), None)
            for name in set(node.input)
        ],
        [helper.make_tensor_value_info(name, onnx.TensorProto.UNDEFINED, None) for name in node.output],
    )
    evaluator = ReferenceEvaluator(helper.make_model(alone, opset_imports=model.opset_import))
    return [np.asarray(result) for result in evaluator.run(None, {name: sizes[name] for name in node.input})]


def make_static(model: ModelProto, inputs: dict[str, tuple[int, ...]]) -> None:
    """Fix, in place, the shapes of the inputs by name, and fold all arithmetic on sizes into constants.

    Outputs get the shapes that follow. Unused nodes and constants are removed.
    """
    for value in model.graph.input:
        value.CopyFrom(helper.make_tensor_value_info(value.name, value.type.tensor_type.elem_type, inputs[value.name]))
    for value in model.graph.output:  # their sides are named after those of the inputs
        value.CopyFrom(helper.make_tensor_value_info(value.name, value.type.tensor_type.elem_type, None))
    integers = (onnx.TensorProto.INT64, onnx.TensorProto.BOOL)
    sizes: Sizes = {
        each.name: numpy_helper.to_array(each)
        for each in model.graph.initializer
        if each.data_type in integers or (each.name.startswith("glue/") and not each.dims)
    }
    folded = True
    while folded:  # each round makes more shapes known, and so more sizes
        folded = False
        shapes = known_shapes(model)
        nodes = []
        for node in model.graph.node:
            results = evaluate(node, model, shapes, sizes)
            if not results:
                nodes.append(node)
                continue
            folded = True
            for name, result in zip(node.output, results, strict=True):
                sizes[name] = result
                model.graph.initializer.append(numpy_helper.from_array(result, name))
        replace_nodes(model, nodes)
    drop_unused_constants(model)
    for value in model.graph.output:
        kind = value.type.tensor_type.elem_type
        value.CopyFrom(helper.make_tensor_value_info(value.name, kind, shapes[value.name]))
