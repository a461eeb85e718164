"""Casts between uint8 and float moved to a graph's boundaries, for compilers that take uint8 nowhere inside it."""

from onnx import ModelProto, NodeProto, TensorProto, helper

from engines.graphs.edits import rename_tensor, replace_nodes


def _cast(node: NodeProto, kind: int) -> bool:
    return node.op_type == "Cast" and node.attribute[0].i == kind


def cast_at_boundaries(model: ModelProto) -> None:
    """Move, in place, the casts from uint8 right after the frame, and the one to uint8 right before the foreground.

    Paddings, reshapes and gathers between them then work on floats, with the same result. Casts of sizes are not named
    "glue/...", and stay.
    """
    nodes = list(model.graph.node)
    for value in model.graph.input:
        if value.type.tensor_type.elem_type == TensorProto.UINT8:
            for inner in [node for node in nodes if _cast(node, TensorProto.FLOAT) and node.name.startswith("glue/")]:
                nodes.remove(inner)
                rename_tensor(nodes, inner.output[0], inner.input[0])
            rename_tensor(nodes, value.name, f"{value.name}/float")
            nodes.insert(0, helper.make_node("Cast", [value.name], [f"{value.name}/float"], to=TensorProto.FLOAT))
    for value in model.graph.output:
        if value.type.tensor_type.elem_type == TensorProto.UINT8:
            inner = next(node for node in nodes if _cast(node, TensorProto.UINT8))
            nodes.remove(inner)
            rename_tensor(nodes, inner.output[0], inner.input[0])
            rename_tensor(nodes, value.name, f"{value.name}/float")
            nodes.append(helper.make_node("Cast", [f"{value.name}/float"], [value.name], to=TensorProto.UINT8))
    replace_nodes(model, nodes)
