"""Edits of ONNX graphs in place."""

from collections.abc import Iterable

from onnx import ModelProto, NodeProto


def rename_tensor(nodes: Iterable[NodeProto], old: str, new: str) -> None:
    """Rename a tensor in the inputs and outputs of nodes."""
    for node in nodes:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new


def replace_nodes(model: ModelProto, nodes: Iterable[NodeProto]) -> None:
    """Give a graph other nodes."""
    kept = list(nodes)
    del model.graph.node[:]
    model.graph.node.extend(kept)


def drop_unused_constants(model: ModelProto) -> None:
    """Remove the initialisers that no node uses."""
    used = {name for node in model.graph.node for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
