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


def mpn_glue() -> Glue:
    """Frame uint8 (H,W,3) -> image (1,3,h,w) at the low resolution of the frame's direction, coarse mask (h,w).

    The first step of the way down leaves the colours of a pixel together: taken apart is what is left, a quarter.
    """
    h, w = LOW_RESOLUTION
    before = [
        *_sides(),
        _node("Greater", ["glue/width", "glue/height"], "glue/is_landscape"),
        _node("Where", ["glue/is_landscape", "glue/landscape", "glue/portrait"], "glue/low"),
        _node("Mul", ["glue/low", "glue/oversampling"], "glue/oversampled"),
        _node("Concat", ["glue/height", "glue/width"], "glue/size", axis=0),
        _node("Div", ["glue/size", "glue/two"], "glue/half"),
        _node("Max", ["glue/half", "glue/oversampled"], "glue/at_least"),
        _node("Unsqueeze", ["frame", "glue/axis_0"], "glue/pixels"),
        _node("Cast", ["glue/pixels"], "glue/float", to=TensorProto.FLOAT),
        _resize("glue/float", "glue/at_least", "glue/half_size", axes=(1, 2)),
        _node("Transpose", ["glue/half_size"], "glue/halved", perm=[0, 3, 1, 2]),
        _resize("glue/halved", "glue/oversampled", "glue/twice"),
        _resize("glue/twice", "glue/low", "glue/levels"),
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


def _crop(blocks: str, channels: int, output: str) -> list[NodeProto]:
    """Blocks of 2x2 pixels (1,H/2,W/2,4c) -> a frame (H,W,c), cropped to the size that came in."""
    name = output.removeprefix("glue/")
    return [
        _node(
            "Concat", ["glue/rows", "glue/columns", "glue/two", f"glue/pair_of_{channels}"], f"glue/{name}_in_blocks", axis=0
        ),
        _node("Concat", ["glue/padded_size", f"glue/channels_{channels}"], f"glue/{name}_in_rows", axis=0),
        _node("Reshape", [blocks, f"glue/{name}_in_blocks"], f"glue/{name}_columns"),
        _node("Transpose", [f"glue/{name}_columns"], f"glue/{name}_rows", perm=[0, 2, 1, 3]),
        _node("Reshape", [f"glue/{name}_rows", f"glue/{name}_in_rows"], f"glue/{name}_padded"),
        _node("Slice", [f"glue/{name}_padded", "glue/zeros", "glue/size", "glue/axes_0_1"], output),
    ]


def mrn_glue() -> Glue:
    """Frame uint8 (H,W,3), unified mask (h,w) -> alpha (H,W) in [0, 1], foreground uint8 (H,W,3).

    Frames are padded, taken to blocks of 2x2 pixels and back as bytes: a quarter of what there is to move as floats.
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
        _node("Div", ["glue/padded_size", "glue/two"], "glue/blocks"),
        _node("Split", ["glue/blocks"], ["glue/rows", "glue/columns"], axis=0, num_outputs=2),
        _node("Concat", ["glue/rows", "glue/two", "glue/columns", "glue/two_pixels"], "glue/in_rows", axis=0),
        _node("Concat", ["glue/one", "glue/blocks", "glue/four_pixels"], "glue/in_blocks", axis=0),
        _node("Reshape", ["glue/padded", "glue/in_rows"], "glue/frame_rows"),
        _node("Transpose", ["glue/frame_rows"], "glue/frame_columns", perm=[0, 2, 1, 3]),
        _node("Reshape", ["glue/frame_columns", "glue/in_blocks"], "glue/frame_blocks"),
        _node("Cast", ["glue/frame_blocks"], "glue/float", to=TensorProto.FLOAT),
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
        _node("Transpose", ["difference"], "glue/difference", perm=[0, 2, 3, 1]),
        _node("Transpose", ["logit"], "glue/logit", perm=[0, 2, 3, 1]),
        _node("Mul", ["glue/difference", "glue/white"], "glue/scaled"),
        _node("Add", ["glue/float", "glue/scaled"], "glue/sum"),
        _node("Add", ["glue/sum", "glue/half"], "glue/rounded"),
        _node("Clip", ["glue/rounded", "glue/black", "glue/white"], "glue/clipped"),  # the cast truncates, and wraps past 255
        _node("Cast", ["glue/clipped"], "glue/colours", to=TensorProto.UINT8),
        *_crop("glue/colours", 3, "foreground"),
        _node("Sigmoid", ["glue/logit"], "glue/blocks_of_alpha"),
        *_crop("glue/blocks_of_alpha", 1, "glue/alpha"),
        _node("Squeeze", ["glue/alpha", "glue/axis_2"], "alpha"),
    ]
    constants = [
        *AXES,
        _integers("axis_2", 2),
        _integers("two", 2),
        _integers("two_pixels", 6),
        _integers("four_pixels", 12),
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
        *(_integers(f"channels_{c}", c) for c in (1, 3)),
        *(_integers(f"pair_of_{c}", 2 * c) for c in (1, 3)),
    ]
    outputs = [_tensor("alpha", TensorProto.FLOAT, "H", "W"), _tensor("foreground", TensorProto.UINT8, "H", "W", 3)]
    return Glue(before, after, [FRAME, _tensor("unified", TensorProto.FLOAT, "h", "w")], outputs, constants)
