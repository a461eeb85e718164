"""Edits of ONNX graphs."""

from collections.abc import Collection, Iterable

from onnx import ModelProto, NodeProto


def rename_tensor(nodes: Iterable[NodeProto], old: str, new: str) -> None:
    """Rename a tensor, in place, in the inputs and outputs of nodes."""
    for node in nodes:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new


def replace_nodes(model: ModelProto, nodes: Iterable[NodeProto]) -> None:
    """Give a graph other nodes, in place."""
    kept = list(nodes)
    del model.graph.node[:]
    model.graph.node.extend(kept)


def drop_unused_constants(model: ModelProto) -> None:
    """Remove the initialisers that no node uses, in place."""
    used = {name for node in model.graph.node for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def cut_out(model: ModelProto, inputs: Collection[str], outputs: Collection[str]) -> ModelProto:
    """The part of a graph that computes some of its outputs from `inputs`, which may be tensors in it, and are not declared."""
    part = ModelProto()
    part.CopyFrom(model)
    needed, kept = set(outputs), list[NodeProto]()
    for node in reversed(model.graph.node):  # each comes after those that it takes from
        if not needed.isdisjoint(node.output):
            kept.append(node)
            needed |= set(node.input).difference(inputs, [""])
    replace_nodes(part, reversed(kept))
    drop_unused_constants(part)
    given = [each for each in model.graph.output if each.name in outputs]
    del part.graph.input[:], part.graph.output[:]
    part.graph.output.extend(given)
    return part
