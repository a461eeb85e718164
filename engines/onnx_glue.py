"""The glue of the three graphs as ONNX nodes: what stands between a uint8 frame and the networks, and after them.

The same as `engines.glue` does in PyTorch. A name with a slash is inside; names without one are inputs and outputs of a graph,
or of the network in it: image and mask in, output (MRN: the MATTE_ROWS) out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from engines.geometry import BASE, MASK_STRIDE, MODELS, OVERSAMPLING, STRIDE


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


def _resize(picture: str, size: str, output: str, axes: tuple[int, int] = (2, 3)) -> NodeProto:
    """Planes (1,c,H,W), or pixels with the axes 1 and 2, -> bilinearly to the height and width in `size`."""
    attributes = {"mode": "linear", "coordinate_transformation_mode": "half_pixel", "axes": axes}
    return _node("Resize", [picture, "", "", size], output, **attributes)


FRAME = _tensor("frame", TensorProto.UINT8, "H", "W", 3)
AXES = [
    _integers("axis_0", 0),
    _integers("axes_0_1", 0, 1),
    _integers("zero", 0),
    _integers("one", 1),
]


def _sides() -> list[NodeProto]:
    """Frame -> glue/height, glue/width, each int64 (1,)."""
    return [_node("Shape", ["frame"], "glue/height", start=0, end=1), _node("Shape", ["frame"], "glue/width", start=1, end=2)]


def _first_channel(output: str) -> list[NodeProto]:
    return [
        _node("Slice", ["output", "glue/zero", "glue/one", "glue/one"], "glue/first"),
        _node("Squeeze", ["glue/first", "glue/axes_0_1"], output),
    ]


def _down(rows: str, height: str, output: str) -> NodeProto:
    """Rows of any values, (1,H,1,n) -> bilinearly to a height. A row is one pixel with n channels: what a CPU does fastest."""
    return _resize(rows, height, output, axes=(1, 2))


def mpn_glue(model: str = BASE) -> Glue:
    """Frame uint8 (H,W,3) -> image (1,3,h,w) at the low resolution of the frame's direction, coarse mask (h,w).

    Resized in the three steps of `engines.geometry`: the height in all three, then the width, which is less to do by then.
    The first step keeps the colours of a pixel together: taken apart is what is left.
    """
    h, w = MODELS[model]
    before = [
        *_sides(),
        _node("Greater", ["glue/width", "glue/height"], "glue/is_landscape"),
        _node("Where", ["glue/is_landscape", "glue/landscape", "glue/portrait"], "glue/low"),
        _node("Mul", ["glue/low", "glue/oversampling"], "glue/oversampled"),
        _node("Concat", ["glue/height", "glue/width"], "glue/size", axis=0),
        _node("Div", ["glue/size", "glue/two"], "glue/half"),
        _node("Max", ["glue/half", "glue/oversampled"], "glue/at_least"),
    ]
    for size in ("low", "oversampled", "at_least"):
        before += [
            _node("Split", [f"glue/{size}"], [f"glue/{size}_height", f"glue/{size}_width"], axis=0, num_outputs=2),
            _node("Concat", [f"glue/{size}_height", "glue/one"], f"glue/{size}_rows", axis=0),
            _node("Concat", ["glue/low_height", f"glue/{size}_width"], f"glue/{size}_columns", axis=0),
        ]
    before += [
        _node("Unsqueeze", ["frame", "glue/axis_0"], "glue/pixels"),
        _node("Cast", ["glue/pixels"], "glue/float", to=TensorProto.FLOAT),
        _node("Concat", ["glue/one", "glue/height", "glue/one", "glue/minus_one"], "glue/as_rows", axis=0),
        _node("Reshape", ["glue/float", "glue/as_rows"], "glue/rows"),
        _down("glue/rows", "glue/at_least_rows", "glue/half_as_high"),
        _down("glue/half_as_high", "glue/oversampled_rows", "glue/twice_as_high"),
        _down("glue/twice_as_high", "glue/low_rows", "glue/low_rows_of_all"),
        _node("Concat", ["glue/one", "glue/low_height", "glue/width", "glue/three"], "glue/as_pixels", axis=0),
        _node("Reshape", ["glue/low_rows_of_all", "glue/as_pixels"], "glue/wide"),
        _resize("glue/wide", "glue/at_least_columns", "glue/half_as_wide", axes=(1, 2)),
        _node("Transpose", ["glue/half_as_wide"], "glue/halved", perm=[0, 3, 1, 2]),
        _resize("glue/halved", "glue/oversampled_columns", "glue/twice"),
        _resize("glue/twice", "glue/low_columns", "glue/levels"),
        _node("Mul", ["glue/levels", "glue/unit"], "image"),
    ]
    constants = [
        *AXES,
        _integers("portrait", h, w),
        _integers("landscape", w, h),
        _integers("oversampling", OVERSAMPLING),
        _integers("minus_one", -1),
        _integers("two", 2),
        _integers("three", 3),
        _number("unit", 1 / 255),
    ]
    outputs = [_tensor("image", TensorProto.FLOAT, 1, 3, "h", "w"), _tensor("coarse", TensorProto.FLOAT, "h", "w")]
    return Glue(before, _first_channel("coarse"), [FRAME], outputs, constants)


def qun_glue() -> Glue:
    """Image (1,3,h,w), coarse mask (h,w) -> unified mask (h,w)."""
    before = [_node("Unsqueeze", ["coarse", "glue/axes_0_1"], "mask")]
    inputs = [_tensor("image", TensorProto.FLOAT, 1, 3, "h", "w"), _tensor("coarse", TensorProto.FLOAT, "h", "w")]
    return Glue(before, _first_channel("unified"), inputs, [_tensor("unified", TensorProto.FLOAT, "h", "w")], AXES)


def _in_turn(rows: tuple[str, str], output: str) -> list[NodeProto]:
    """Upper and lower rows (1,c,H/2,W/2) of c values for each pair of pixels -> all of them in turn (H/2,2,cW/2)."""
    nodes = []
    for row in rows:
        nodes += [
            _node("Transpose", [row], f"glue/{row}_pairs", perm=[0, 2, 3, 1]),
            _node("Reshape", [f"glue/{row}_pairs", "glue/to_rows"], f"glue/{row}_rows"),
        ]
    return [*nodes, _node("Concat", [f"glue/{row}_rows" for row in rows], output, axis=1)]


def _crop(padded: str, output: str, size: str) -> list[NodeProto]:
    """Rows in turn (H/2,2,cW/2) -> a frame of the `size` that they fill, cropped to the size that came in."""
    return [
        _node("Reshape", [padded, size], f"{padded}_padded"),
        _node("Slice", [f"{padded}_padded", "glue/zeros", "glue/size", "glue/axes_0_1"], output),
    ]


# What MRN gives: for the upper and the lower row of each two, what to add to the colours, and to the mask's logit; that logit.
MATTE_ROWS = ("difference_upper", "difference_lower", "logit_upper", "logit_lower", "logit_known")


def mrn_glue() -> Glue:
    """Frame uint8 (H,W,3), unified mask (h,w) -> alpha (H,W) in [0, 1], foreground uint8 (H,W,3).

    The frame is read as pairs of pixels and the matte written row by row: no pixel is taken from its neighbours.
    """
    before = [
        *_sides(),
        _node("Concat", ["glue/height", "glue/width"], "glue/size", axis=0),
        # Not by a remainder: TensorRT does not see that one of a negative number is never negative.
        _node("Add", ["glue/size", "glue/stride_less_one"], "glue/up"),
        _node("Div", ["glue/up", "glue/stride"], "glue/strides"),
        _node("Mul", ["glue/strides", "glue/stride"], "glue/padded_size"),
        _node("Sub", ["glue/padded_size", "glue/size"], "glue/padding"),
        _node("Concat", ["glue/three_zeros", "glue/padding", "glue/zero"], "glue/pads", axis=0),
        _node("Pad", ["frame", "glue/pads"], "glue/padded", mode="edge"),
        _node("Div", ["glue/padded_size", "glue/two"], "glue/halves"),
        _node("Split", ["glue/padded_size"], ["glue/rows", "glue/columns"], axis=0, num_outputs=2),
        _node("Split", ["glue/halves"], ["glue/half_rows", "glue/half_columns"], axis=0, num_outputs=2),
        _node("Concat", ["glue/one", "glue/rows", "glue/half_columns", "glue/six"], "glue/in_pairs", axis=0),
        _node("Reshape", ["glue/padded", "glue/in_pairs"], "glue/pairs"),
        _node("Cast", ["glue/pairs"], "glue/float", to=TensorProto.FLOAT),
        _node("Transpose", ["glue/float"], "glue/levels", perm=[0, 3, 1, 2]),
        _node("Mul", ["glue/levels", "glue/unit"], "image"),
        # The mask at a quarter of the frame's size, rounded up, then padded as the frame was.
        _node("Add", ["glue/size", "glue/round_up"], "glue/more"),
        _node("Div", ["glue/more", "glue/mask_stride"], "glue/quarter"),
        _node("Unsqueeze", ["unified", "glue/axes_0_1"], "glue/low_mask"),
        _resize("glue/low_mask", "glue/quarter", "glue/quarter_mask"),
        _node("Div", ["glue/padding", "glue/mask_stride"], "glue/mask_padding"),
        _node("Concat", ["glue/six_zeros", "glue/mask_padding"], "glue/mask_pads", axis=0),
        _node("Pad", ["glue/quarter_mask", "glue/mask_pads"], "mask", mode="edge"),
    ]
    after = [
        _node("Concat", ["glue/half_rows", "glue/one", "glue/minus_one"], "glue/to_rows", axis=0),
        _node("Concat", ["glue/half_rows", "glue/two", "glue/minus_one"], "glue/to_two_rows", axis=0),
        _node("Concat", ["glue/padded_size", "glue/three"], "glue/padded_colours", axis=0),
        *_in_turn(MATTE_ROWS[:2], "glue/difference"),
        # From the bytes again: reading these costs less than keeping what the network sees.
        _node("Reshape", ["glue/padded", "glue/to_two_rows"], "glue/two_rows"),
        _node("Cast", ["glue/two_rows"], "glue/colours", to=TensorProto.FLOAT),
        _node("Mul", ["glue/difference", "glue/white"], "glue/scaled"),
        _node("Add", ["glue/colours", "glue/scaled"], "glue/sum"),
        _node("Add", ["glue/sum", "glue/half"], "glue/rounded"),
        _node("Clip", ["glue/rounded", "glue/black", "glue/white"], "glue/clipped"),  # the cast truncates, and wraps past 255
        _node("Cast", ["glue/clipped"], "glue/foreground", to=TensorProto.UINT8),
        *_crop("glue/foreground", "foreground", "glue/padded_colours"),
        *_in_turn(MATTE_ROWS[2:4], "glue/change"),
        _node("Reshape", ["logit_known", "glue/to_rows"], "glue/known"),
        _node("Add", ["glue/change", "glue/known"], "glue/logit"),
        _node("Sigmoid", ["glue/logit"], "glue/alpha"),
        *_crop("glue/alpha", "alpha", "glue/padded_size"),
    ]
    constants = [
        *AXES,
        _integers("minus_one", -1),
        _integers("two", 2),
        _integers("three", 3),
        _integers("six", 6),
        _integers("zeros", 0, 0),
        _integers("three_zeros", 0, 0, 0),
        _integers("six_zeros", *[0] * 6),
        _integers("stride", STRIDE),
        _integers("stride_less_one", STRIDE - 1),
        _integers("mask_stride", MASK_STRIDE),
        _integers("round_up", MASK_STRIDE - 1),
        _number("unit", 1 / 255),
        _number("white", 255.0),
        _number("half", 0.5),
        _number("black", 0.0),
    ]
    outputs = [_tensor("alpha", TensorProto.FLOAT, "H", "W"), _tensor("foreground", TensorProto.UINT8, "H", "W", 3)]
    return Glue(before, after, [FRAME, _tensor("unified", TensorProto.FLOAT, "h", "w")], outputs, constants)
