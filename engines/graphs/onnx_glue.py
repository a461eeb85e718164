"""The glue of the three graphs as ONNX nodes: from a uint8 frame to the inputs of the networks, and from their outputs on.

`glue.py` does the same in PyTorch. A name with a slash is internal; names without one are inputs and outputs of a graph, or of
the network in it: image and mask in, output (MRN: the MATTE_ROWS) out.
"""

from dataclasses import dataclass, field

from onnx import NodeProto, TensorProto, ValueInfoProto, helper

from engines.geometry import BASE, MASK_STRIDE, MODELS, OVERSAMPLING, STRIDE
from engines.graphs.onnx_nodes import integers, node, number
from engines.graphs.onnx_shrink import CONSTANTS, shrink
from engines.networks.mrn import MatteRows


@dataclass
class Glue:
    """Nodes before and after a network, with the inputs and outputs of the whole graph."""

    before: list[NodeProto]
    after: list[NodeProto]
    inputs: list[ValueInfoProto]
    outputs: list[ValueInfoProto]
    constants: list[TensorProto] = field(default_factory=list)


def _tensor(name: str, kind: int, *shape: int | str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


FRAME = _tensor("frame", TensorProto.UINT8, "H", "W", 3)
AXES = [
    integers("axis_0", 0),
    integers("axes_0_1", 0, 1),
    integers("zero", 0),
    integers("one", 1),
]


def _sides() -> list[NodeProto]:
    """Frame -> glue/height, glue/width, each int64 (1,)."""
    return [node("Shape", ["frame"], "glue/height", start=0, end=1), node("Shape", ["frame"], "glue/width", start=1, end=2)]


def _first_channel(output: str) -> list[NodeProto]:
    return [
        node("Slice", ["output", "glue/zero", "glue/one", "glue/one"], "glue/first"),
        node("Squeeze", ["glue/first", "glue/axes_0_1"], output),
    ]


def mpn_glue(model: str = BASE) -> Glue:
    """Frame uint8 (H,W,3) -> image (1,3,h,w) at the low resolution of the frame's direction, coarse mask (h,w)."""
    h, w = MODELS[model]
    before = [
        *_sides(),
        node("Greater", ["glue/width", "glue/height"], "glue/is_landscape"),
        node("Where", ["glue/is_landscape", "glue/landscape", "glue/portrait"], "glue/low"),
        node("Mul", ["glue/low", "glue/oversampling"], "glue/oversampled"),
        node("Concat", ["glue/height", "glue/width"], "glue/size", axis=0),
        node("Div", ["glue/size", "glue/two"], "glue/half"),
        node("Max", ["glue/half", "glue/oversampled"], "glue/at_least"),
    ]
    for size in ("oversampled", "at_least"):
        before.append(node("Split", [f"glue/{size}"], [f"glue/{size}_height", f"glue/{size}_width"], axis=0, num_outputs=2))
    heights, widths = ((f"glue/{side}", f"glue/at_least_{side}", f"glue/oversampled_{side}") for side in ("height", "width"))
    before += shrink("frame", heights, widths, "glue/half_unit", "image")
    constants = [
        *AXES,
        integers("portrait", h, w),
        integers("landscape", w, h),
        integers("oversampling", OVERSAMPLING),
        integers("two", 2),
        number("half_unit", 0.5 / 255),
        *CONSTANTS,
    ]
    outputs = [_tensor("image", TensorProto.FLOAT, 1, 3, "h", "w"), _tensor("coarse", TensorProto.FLOAT, "h", "w")]
    return Glue(before, _first_channel("coarse"), [FRAME], outputs, constants)


def qun_glue() -> Glue:
    """Image (1,3,h,w), coarse mask (h,w) -> unified mask (h,w)."""
    before = [node("Unsqueeze", ["coarse", "glue/axes_0_1"], "mask")]
    inputs = [_tensor("image", TensorProto.FLOAT, 1, 3, "h", "w"), _tensor("coarse", TensorProto.FLOAT, "h", "w")]
    return Glue(before, _first_channel("unified"), inputs, [_tensor("unified", TensorProto.FLOAT, "h", "w")], AXES)


def _interleave_rows(rows: tuple[str, ...], output: str) -> list[NodeProto]:
    """Upper and lower rows (1,c,H/2,W/2) of c values for each pair of pixels -> both, alternating (H/2,2,cW/2)."""
    nodes = []
    for row in rows:
        nodes += [
            node("Transpose", [row], f"glue/{row}_pairs", perm=[0, 2, 3, 1]),
            node("Reshape", [f"glue/{row}_pairs", "glue/to_rows"], f"glue/{row}_rows"),
        ]
    return [*nodes, node("Concat", [f"glue/{row}_rows" for row in rows], output, axis=1)]


def _crop(padded: str, output: str, size: str) -> list[NodeProto]:
    """Alternating rows (H/2,2,cW/2) -> a frame of the padded `size`, cropped to the size that came in."""
    return [
        node("Reshape", [padded, size], f"{padded}_padded"),
        node("Slice", [f"{padded}_padded", "glue/zeros", "glue/size", "glue/axes_0_1"], output),
    ]


MATTE_ROWS = MatteRows._fields  # the outputs of MRN


def mrn_glue() -> Glue:
    """Frame uint8 (H,W,3), unified mask (h,w) -> alpha (H,W) in [0, 1], foreground uint8 (H,W,3).

    The frame is read as pairs of pixels and the matte written row by row, so that bytes stay in order.
    """
    before = [
        *_sides(),
        node("Concat", ["glue/height", "glue/width"], "glue/size", axis=0),
        # Not by a remainder: TensorRT does not infer that the remainder of a negative number is never negative.
        node("Add", ["glue/size", "glue/stride_less_one"], "glue/up"),
        node("Div", ["glue/up", "glue/stride"], "glue/strides"),
        node("Mul", ["glue/strides", "glue/stride"], "glue/padded_size"),
        node("Sub", ["glue/padded_size", "glue/size"], "glue/padding"),
        node("Concat", ["glue/three_zeros", "glue/padding", "glue/zero"], "glue/pads", axis=0),
        node("Pad", ["frame", "glue/pads"], "glue/padded", mode="edge"),
        node("Div", ["glue/padded_size", "glue/two"], "glue/halves"),
        node("Split", ["glue/padded_size"], ["glue/rows", "glue/columns"], axis=0, num_outputs=2),
        node("Split", ["glue/halves"], ["glue/half_rows", "glue/half_columns"], axis=0, num_outputs=2),
        node("Concat", ["glue/one", "glue/rows", "glue/half_columns", "glue/six"], "glue/in_pairs", axis=0),
        node("Reshape", ["glue/padded", "glue/in_pairs"], "glue/pairs"),
        node("Cast", ["glue/pairs"], "glue/float", to=TensorProto.FLOAT),
        node("Transpose", ["glue/float"], "glue/levels", perm=[0, 3, 1, 2]),
        node("Mul", ["glue/levels", "glue/unit"], "image"),
        # The mask at a quarter of the frame's size, rounded up, then padded like the frame.
        node("Add", ["glue/size", "glue/round_up"], "glue/more"),
        node("Div", ["glue/more", "glue/mask_stride"], "glue/quarter"),
        node("Unsqueeze", ["unified", "glue/axes_0_1"], "glue/low_mask"),
        node(
            "Resize",
            ["glue/low_mask", "", "", "glue/quarter"],
            "glue/quarter_mask",
            mode="linear",
            coordinate_transformation_mode="half_pixel",
            axes=(2, 3),
        ),
        node("Div", ["glue/padding", "glue/mask_stride"], "glue/mask_padding"),
        node("Concat", ["glue/six_zeros", "glue/mask_padding"], "glue/mask_pads", axis=0),
        node("Pad", ["glue/quarter_mask", "glue/mask_pads"], "mask", mode="edge"),
    ]
    after = [
        node("Concat", ["glue/half_rows", "glue/one", "glue/minus_one"], "glue/to_rows", axis=0),
        node("Concat", ["glue/half_rows", "glue/two", "glue/minus_one"], "glue/to_two_rows", axis=0),
        node("Concat", ["glue/padded_size", "glue/three"], "glue/padded_colours", axis=0),
        *_interleave_rows(MATTE_ROWS[:2], "glue/difference"),
        # From the bytes again: reading them costs less than keeping the floats that the network sees.
        node("Reshape", ["glue/padded", "glue/to_two_rows"], "glue/two_rows"),
        node("Cast", ["glue/two_rows"], "glue/colours", to=TensorProto.FLOAT),
        node("Mul", ["glue/difference", "glue/white"], "glue/scaled"),
        node("Add", ["glue/colours", "glue/scaled"], "glue/sum"),
        node("Add", ["glue/sum", "glue/half"], "glue/rounded"),
        node("Clip", ["glue/rounded", "glue/black", "glue/white"], "glue/clipped"),  # the cast truncates, and wraps past 255
        node("Cast", ["glue/clipped"], "glue/foreground", to=TensorProto.UINT8),
        *_crop("glue/foreground", "foreground", "glue/padded_colours"),
        *_interleave_rows(MATTE_ROWS[2:4], "glue/change"),
        node("Reshape", ["logit_known", "glue/to_rows"], "glue/known"),
        node("Add", ["glue/change", "glue/known"], "glue/logit"),
        node("Sigmoid", ["glue/logit"], "glue/alpha"),
        *_crop("glue/alpha", "alpha", "glue/padded_size"),
    ]
    constants = [
        *AXES,
        integers("minus_one", -1),
        integers("two", 2),
        integers("three", 3),
        integers("six", 6),
        integers("zeros", 0, 0),
        integers("three_zeros", 0, 0, 0),
        integers("six_zeros", *[0] * 6),
        integers("stride", STRIDE),
        integers("stride_less_one", STRIDE - 1),
        integers("mask_stride", MASK_STRIDE),
        integers("round_up", MASK_STRIDE - 1),
        number("unit", 1 / 255),
        number("white", 255.0),
        number("half", 0.5),
        number("black", 0.0),
    ]
    outputs = [_tensor("alpha", TensorProto.FLOAT, "H", "W"), _tensor("foreground", TensorProto.UINT8, "H", "W", 3)]
    return Glue(before, after, [FRAME, _tensor("unified", TensorProto.FLOAT, "h", "w")], outputs, constants)
