"""The graphs in FP16, made from the released ones.

TensorRT takes the precision from the graph and mixes none by itself ("strongly typed"), so the graph states all of it.

QUN and MRN are float16 from the frame's pixels to alpha and foreground: pixels are whole numbers up to 255, exact in float16 up
to 2048; weights are stored as float16 anyway; every other value stays far below 65504, where float16 ends (the tests measure
how far). alpha leaves as float16 as well: its steps, at most 1/2048, are an eighth of an 8-bit level, and half as many bytes
leave the GPU.

MPN is float32 inside, and only its outputs are float16: rounding each of its operations moves the edge of the mask, on dark
and bright frames by more than 40 levels of alpha. It is small: it sees 416x320 pixels (the large model: 704x512), whatever the
frame's size.
"""

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

from engines.errors import EngineError
from engines.geometry import BASE, input_shapes
from engines.graphs.casts import cast_at_boundaries
from engines.graphs.dynamic import make_dynamic
from engines.graphs.edits import rename_tensor, replace_nodes
from engines.graphs.profile import Profile
from engines.graphs.static import make_static
from engines.weights import graph

STORED = ".stored"  # ends the name of a float16 weight in the released graphs; a cast gives it its own name
FLOAT32_INSIDE = {"mpn"}  # the networks that stay float32 inside


def to_fp16(model: ModelProto) -> None:
    """Convert, in place, every float32 of a released graph to float16: weights, constants, casts, inputs and outputs.

    Of a network in FLOAT32_INSIDE only the outputs. Raises EngineError that names a number which float16 cannot hold.
    """
    cast_at_boundaries(model)
    full = model.graph.name in FLOAT32_INSIDE
    kind, number = (TensorProto.FLOAT, np.float32) if full else (TensorProto.FLOAT16, np.float16)
    nodes = []
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0].endswith(STORED):
            continue
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = kind
        nodes.append(node)
    replace_nodes(model, nodes)
    for tensor in model.graph.initializer:
        tensor.name = tensor.name.removesuffix(STORED)
        if tensor.data_type not in (TensorProto.FLOAT, TensorProto.FLOAT16):
            continue
        with np.errstate(over="ignore"):  # an overflow is refused below
            numbers = numpy_helper.to_array(tensor).astype(number)
        if not np.isfinite(numbers).all():
            raise EngineError(f"{model.graph.name}: {tensor.name} is too large for FP16; take the backend openvino or torch")
        tensor.CopyFrom(numpy_helper.from_array(numbers, tensor.name))
    for value in (*model.graph.input, *model.graph.output):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
    if full:
        cast_outputs(model)


def cast_outputs(model: ModelProto) -> None:
    """Cast, in place, the float32 outputs of a graph to float16."""
    for value in model.graph.output:
        full = f"{value.name}/float32"
        rename_tensor(model.graph.node, value.name, full)
        cast = f"glue/Cast:{value.name}"
        model.graph.node.append(helper.make_node("Cast", [full], [value.name], name=cast, to=TensorProto.FLOAT16))


def fp16_graph(name: str, height: int, width: int, model: str = BASE) -> ModelProto:
    """A released network, "mpn", "qun" or "mrn", with its glue and its weights, in FP16, for frames of one size.

    Inputs and outputs have the names and shapes of the released graph; those that were float32 are float16.
    Raises WeightsError if the weights are missing or damaged, and EngineError if they hold a number that float16 cannot.
    """
    proto = onnx.load(graph(name, model))
    to_fp16(proto)
    make_static(proto, input_shapes(height, width, model)[name])
    onnx.checker.check_model(proto)
    return proto


def fp16_graph_for(name: str, profile: Profile) -> ModelProto:
    """The same for a range of frame sizes: of the frame's inputs and outputs, height and width are free."""
    if profile.fixed:
        return fp16_graph(name, *profile.usual, profile.model)
    model = onnx.load(graph(name, profile.model))
    to_fp16(model)
    shapes: dict[str, tuple[int | str, ...]] = {**input_shapes(*profile.usual, profile.model)[name]}
    if "frame" in shapes:
        shapes["frame"] = ("H", "W", 3)
    make_dynamic(model, profile.low_resolution, profile.mpn_size, shapes)
    onnx.checker.check_model(model)
    return model
