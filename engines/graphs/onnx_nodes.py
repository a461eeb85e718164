"""ONNX nodes and constants, named so that a graph is readable. Names with a slash are internal to a graph."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper


def integers(name: str, *values: int) -> TensorProto:
    """glue/NAME, int64 (n,)."""
    return numpy_helper.from_array(np.array(values, np.int64), f"glue/{name}")


def number(name: str, value: float) -> TensorProto:
    """glue/NAME, float32 ()."""
    return numpy_helper.from_array(np.array(value, np.float32), f"glue/{name}")


def count(name: str, value: int) -> TensorProto:
    """glue/NAME, int64 ()."""
    return numpy_helper.from_array(np.array(value, np.int64), f"glue/{name}")


def node(operator: str, inputs: Sequence[str], output: str | Sequence[str], **attributes: Any) -> NodeProto:
    """A node, named after its output and in the same folder: "glue" for glue/frame."""
    outputs = [output] if isinstance(output, str) else list(output)
    folder, _, name = outputs[0].rpartition("/")
    return helper.make_node(operator, list(inputs), outputs, name=f"{folder or 'glue'}/{operator}:{name}", **attributes)
