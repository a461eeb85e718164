"""Hysteresis on MPN's mask as ONNX nodes: `without_doubtful` of `glue.py`."""

import numpy as np
from onnx import NodeProto, numpy_helper

from engines.graphs.glue import DOUBTED, PATCH, TRUSTED, reach
from engines.graphs.onnx_nodes import node, number

# Bilinear resizing would take ten times as long as all the rest.
NEAREST = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
CONSTANTS_OF_TRUST = [
    number("per_trust", 1 / (TRUSTED - DOUBTED)),
    number("doubted", DOUBTED / (TRUSTED - DOUBTED)),
    number("no_trust", 0.0),
    number("full_trust", 1.0),
    numpy_helper.from_array(np.array([1, 1, PATCH, PATCH], np.float32), "glue/to_pixels"),
]


def without_doubtful(mask: str, size: tuple[int, int], output: str) -> list[NodeProto]:
    """Nodes: mask (1,1,h,w) of MPN's `size` or its transpose -> the same, 0 where no patch nearby is sure to be a person."""
    window = reach(*size)
    beside = window // 2
    return [
        node("AveragePool", [mask], "glue/patches", kernel_shape=[PATCH, PATCH], strides=[PATCH, PATCH]),
        node("MaxPool", ["glue/patches"], "glue/surest_of_column", kernel_shape=[window, 1], pads=[beside, 0, beside, 0]),
        node("MaxPool", ["glue/surest_of_column"], "glue/surest", kernel_shape=[1, window], pads=[0, beside, 0, beside]),
        node("Mul", ["glue/surest", "glue/per_trust"], "glue/steep"),
        node("Sub", ["glue/steep", "glue/doubted"], "glue/beyond_doubt"),
        node("Clip", ["glue/beyond_doubt", "glue/no_trust", "glue/full_trust"], "glue/trust"),
        node("Resize", ["glue/trust", "", "glue/to_pixels"], "glue/trust_of_pixels", **NEAREST),
        node("Mul", [mask, "glue/trust_of_pixels"], output),
    ]
