"""The glue of the three graphs as ONNX nodes: what stands between a uint8 frame and the networks, and after them.

The same as `engines.glue` does in PyTorch. A name with a slash is inside; names without one are inputs and outputs of a graph,
or of the network in it: image and mask in, output (MRN: padded_foreground and padded_alpha) out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from engines.geometry import LOW_RESOLUTION, MASK_STRIDE, OVERSAMPLING, STRIDE


@dataclass
class Glue:
    """Nodes before and after a network, with the inputs and outputs of the whole graph."""

    before: list[NodeProto]
    after: list[NodeProto]
    inputs: list[ValueInfoProto]
    outputs: list[ValueInfoProto]
    constants: list[TensorProto] = field(default_factory=list)


def _integers(name: str, *values: int) -> TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), f"glue/{name}")


def _number(name: str, value: float) -> TensorProto:
    return numpy_helper.from_array(np.array(value, np.float32), f"glue/{name}")


def _tensor(name: str, kind: int, *shape: int | str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _node(operator: str, inputs: Sequence[str], output: str | Sequence[str], **attributes: Any) -> NodeProto:
    outputs = [output] if isinstance(output, str) else list(output)
    return helper.make_node(
        operator, list(inputs), outputs, name=f"glue/{operator}:{outputs[0].removeprefix('glue/')}", **attributes
    )


def _resize(planes: str, size: str, output: str) -> list[NodeProto]:
    """Planes (1,c,H,W) -> bilinearly to the height and width in `size`."""
    sizes = f"{output}/sizes"
    shape = _node("Shape", [planes], f"{output}/channels", start=0, end=2)
    concatenate = _node("Concat", [f"{output}/channels", size], sizes, axis=0)
    attributes = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return [shape, concatenate, _node("Resize", [planes, "", "", sizes], output, **attributes)]


FRAME = _tensor("frame", TensorProto.UINT8, "H", "W", 3)
AXES = [
    _integers("axis_0", 0),
    _integers("axes_0_1", 0, 1),
    _integers("axes_2_3", 2, 3),
    _integers("zero", 0),
    _integers("one", 1),
]


def _planes() -> list[NodeProto]:
    """Frame (H,W,3) uint8 -> glue/planes (1,3,H,W) float in [0, 255]."""
    return [
        _node("Cast", ["frame"], "glue/float", to=TensorProto.FLOAT),
        _node("Transpose", ["glue/float"], "glue/chw", perm=[2, 0, 1]),
        _node("Unsqueeze", ["glue/chw", "glue/axis_0"], "glue/planes"),
    ]


def _sides() -> list[NodeProto]:
    """Frame -> glue/height, glue/width, each int64 (1,)."""
    return [_node("Shape", ["frame"], "glue/height", start=0, end=1), _node("Shape", ["frame"], "glue/width", start=1, end=2)]


def _first_channel(output: str) -> list[NodeProto]:
    return [
        _node("Slice", ["output", "glue/zero", "glue/one", "glue/one"], "glue/first"),
        _node("Squeeze", ["glue/first", "glue/axes_0_1"], output),
    ]


def mpn_glue() -> Glue:
    """Frame uint8 (H,W,3) -> image (1,3,h,w) at the low resolution of the frame's direction, coarse mask (h,w)."""
    h, w = LOW_RESOLUTION
    before = [
        *_planes(),
        *_sides(),
        _node("Greater", ["glue/width", "glue/height"], "glue/is_landscape"),
        _node("Where", ["glue/is_landscape", "glue/landscape", "glue/portrait"], "glue/low"),
        _node("Mul", ["glue/low", "glue/oversampling"], "glue/oversampled"),
        _node("Concat", ["glue/height", "glue/width"], "glue/size", axis=0),
        _node("Div", ["glue/size", "glue/two"], "glue/half"),
        _node("Max", ["glue/half", "glue/oversampled"], "glue/at_least"),
        *_resize("glue/planes", "glue/at_least", "glue/halved"),
        *_resize("glue/halved", "glue/oversampled", "glue/twice"),
        *_resize("glue/twice", "glue/low", "glue/levels"),
        _node("Mul", ["glue/levels", "glue/unit"], "image"),
    ]
    constants = [
        *AXES,
        _integers("portrait", h, w),
        _integers("landscape", w, h),
        _integers("oversampling", OVERSAMPLING),
        _integers("two", 2),
        _number("unit", 1 / 255),
    ]
    outputs = [_tensor("image", TensorProto.FLOAT, 1, 3, "h", "w"), _tensor("coarse", TensorProto.FLOAT, "h", "w")]
    return Glue(before, _first_channel("coarse"), [FRAME], outputs, constants)


def qun_glue() -> Glue:
    """Image (1,3,h,w), coarse mask (h,w) -> unified mask (h,w)."""
    before = [_node("Unsqueeze", ["coarse", "glue/axes_0_1"], "mask")]
    inputs = [_tensor("image", TensorProto.FLOAT, 1, 3, "h", "w"), _tensor("coarse", TensorProto.FLOAT, "h", "w")]
    return Glue(before, _first_channel("unified"), inputs, [_tensor("unified", TensorProto.FLOAT, "h", "w")], AXES)


def mrn_glue() -> Glue:
    """Frame uint8 (H,W,3), unified mask (h,w) -> alpha (H,W) in [0, 1], foreground uint8 (H,W,3)."""
    before = [
        *_planes(),
        *_sides(),
        _node("Concat", ["glue/height", "glue/width"], "glue/size", axis=0),
        _node("Neg", ["glue/size"], "glue/negative"),
        _node("Mod", ["glue/negative", "glue/stride"], "glue/padding"),
        _node("Concat", ["glue/six_zeros", "glue/padding"], "glue/pads", axis=0),
        _node("Mul", ["glue/planes", "glue/unit"], "glue/unpadded"),
        _node("Pad", ["glue/unpadded", "glue/pads"], "image", mode="edge"),
        # The mask at a quarter of the frame's size, rounded up, then padded as the frame was.
        _node("Add", ["glue/size", "glue/round_up"], "glue/more"),
        _node("Div", ["glue/more", "glue/mask_stride"], "glue/quarter"),
        _node("Unsqueeze", ["unified", "glue/axes_0_1"], "glue/low_mask"),
        *_resize("glue/low_mask", "glue/quarter", "glue/quarter_mask"),
        _node("Div", ["glue/padding", "glue/mask_stride"], "glue/mask_padding"),
        _node("Concat", ["glue/six_zeros", "glue/mask_padding"], "glue/mask_pads", axis=0),
        _node("Pad", ["glue/quarter_mask", "glue/mask_pads"], "mask", mode="edge"),
    ]
    after = [
        _node("Slice", ["padded_alpha", "glue/zeros", "glue/size", "glue/axes_2_3"], "glue/cropped_alpha"),
        _node("Squeeze", ["glue/cropped_alpha", "glue/axes_0_1"], "alpha"),
        _node("Slice", ["padded_foreground", "glue/zeros", "glue/size", "glue/axes_2_3"], "glue/colours"),
        _node("Mul", ["glue/colours", "glue/white"], "glue/scaled"),
        _node("Add", ["glue/scaled", "glue/half"], "glue/rounded"),
        _node("Clip", ["glue/rounded", "glue/black", "glue/white"], "glue/clipped"),  # the cast truncates, and wraps past 255
        _node("Squeeze", ["glue/clipped", "glue/axis_0"], "glue/clipped_chw"),
        _node("Transpose", ["glue/clipped_chw"], "glue/hwc", perm=[1, 2, 0]),
        _node("Cast", ["glue/hwc"], "foreground", to=TensorProto.UINT8),
    ]
    constants = [
        *AXES,
        _integers("zeros", 0, 0),
        _integers("six_zeros", *[0] * 6),
        _integers("stride", STRIDE),
        _integers("mask_stride", MASK_STRIDE),
        _integers("round_up", MASK_STRIDE - 1),
        _number("unit", 1 / 255),
        _number("white", 255.0),
        _number("half", 0.5),
        _number("black", 0.0),
    ]
    outputs = [_tensor("alpha", TensorProto.FLOAT, "H", "W"), _tensor("foreground", TensorProto.UINT8, "H", "W", 3)]
    return Glue(before, after, [FRAME, _tensor("unified", TensorProto.FLOAT, "h", "w")], outputs, constants)
