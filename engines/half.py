"""The graphs in FP16, made from those that ship: each number is a float16 from the frame's pixels to alpha and foreground.

TensorRT takes the precision from the graph and mixes none by itself ("strongly typed"), so the graph has to say it all. Nothing
stays float32: pixels are whole numbers up to 255, exact in float16 up to 2048; weights are stored as float16 anyway; every
other value stays far below 65504, where float16 ends (the tests measure how far). alpha leaves as float16 as well: its steps,
at most 1/2048, are an eighth of an 8-bit level, and half as many bytes leave the GPU.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, numpy_helper

from engines.errors import InputError
from engines.geometry import input_shapes
from engines.static import static
from engines.weights import FOLDER, graph

STORED = ".stored"  # ends the name of a float16 weight in the graphs that ship; a cast gives it its own name


def halve(model: ModelProto) -> None:
    """Makes, in place, every float32 of a graph that ships float16: weights, constants, casts, inputs and outputs.

    Raises InputError that names a number which float16 does not hold.
    """
    nodes = []
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0].endswith(STORED):
            continue
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.FLOAT16
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    for tensor in model.graph.initializer:
        tensor.name = tensor.name.removesuffix(STORED)
        if tensor.data_type not in (TensorProto.FLOAT, TensorProto.FLOAT16):
            continue
        with np.errstate(over="ignore"):  # what overflows is refused below
            numbers = numpy_helper.to_array(tensor).astype(np.float16)
        if not np.isfinite(numbers).all():
            raise InputError(f"{model.graph.name}: {tensor.name} is too large for FP16; take --backend openvino or torch")
        tensor.CopyFrom(numpy_helper.from_array(numbers, tensor.name))
    for value in (*model.graph.input, *model.graph.output):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.FLOAT16


def half_graph(name: str, height: int, width: int, folder: Path = FOLDER) -> ModelProto:
    """A network that ships, "mpn", "qun" or "mrn", with its glue, in FP16, its weights in it, for frames of one size.

    Inputs and outputs have the names and shapes of the graph that ships; those that were float32 are float16.
    Raises InputError if the weights are missing or damaged, or hold a number that float16 does not.
    """
    model = onnx.load(graph(name, folder))
    halve(model)
    static(model, input_shapes(height, width)[name])
    onnx.checker.check_model(model)
    return model
