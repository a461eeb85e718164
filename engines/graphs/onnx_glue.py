"""The glue of the three graphs as ONNX nodes: from a uint8 frame to the inputs of the networks, and from their outputs on.

`glue.py` does the same in PyTorch. A name with a slash is internal; names without one are inputs and outputs of a graph, or of
the network in it.
"""

from dataclasses import dataclass, field

import numpy as np
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from engines.geometry import BASE, MODELS, MPN_SIZES, OVERSAMPLING
from engines.graphs.onnx_nodes import integers, node, number
from engines.graphs.onnx_shrink import CONSTANTS, shrink
from engines.graphs.onnx_trust import CONSTANTS_OF_TRUST, without_doubtful
from engines.networks.mrn import FADE, HALO, MARGIN, MatteRows


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
DOUBLED = _tensor("doubled", TensorProto.FLOAT, 1, 3, "hh", "ww")
IMAGE = _tensor("image", TensorProto.FLOAT, 1, 3, "h", "w")
UNIFIED = _tensor("unified", TensorProto.FLOAT, "h", "w")
AXES = [
    integers("axis_0", 0),
    integers("axes_0_1", 0, 1),
    integers("zero", 0),
    integers("one", 1),
]
CONSTANTS_OF_DETAILS = [
    *AXES,
    integers("minus_one", -1),
    integers("two", 2),
    integers("three", 3),
    integers("six", 6),
    integers("halo", HALO, HALO),
    integers("minus_halo", -HALO, -HALO),
    integers("axes_1_2", 1, 2),
    number("unit", 1 / 255),
    number("white", 255.0),
    number("half", 0.5),
    number("black", 0.0),
    number("opaque", 1.0),
    number("fade", 1 / FADE),
    number("stretch", 1 / (1 - 2 * MARGIN)),
    number("margin", MARGIN / (1 - 2 * MARGIN)),
]


def _sides() -> list[NodeProto]:
    """Frame -> glue/height, glue/width, each int64 (1,)."""
    return [node("Shape", ["frame"], "glue/height", start=0, end=1), node("Shape", ["frame"], "glue/width", start=1, end=2)]


def _first_channel(output: str) -> NodeProto:
    return node("Slice", ["output", "glue/zero", "glue/one", "glue/one"], output)


def mpn_glue(model: str = BASE) -> Glue:
    """Frame uint8 (H,W,3) -> doubled (1,3,2h,2w), image (1,3,h,w) and coarse mask (h,w), at the low resolution of the frame."""
    h, w = MODELS[model]
    seen_h, seen_w = MPN_SIZES[model]
    resize = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
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
    before += [
        *shrink("frame", heights, widths, "glue/unit", "doubled", "image"),
        node("Where", ["glue/is_landscape", "glue/seen_landscape", "glue/seen_portrait"], "glue/seen_size"),
        node("Concat", ["glue/one", "glue/channels", "glue/seen_size"], "glue/seen_shape", axis=0),
        node("Resize", ["doubled", "", "", "glue/seen_shape"], "seen", **resize),
    ]
    after = [
        _first_channel("glue/first"),
        *without_doubtful("glue/first", MPN_SIZES[model], "glue/trusted"),
        node("Concat", ["glue/one", "glue/one", "glue/low"], "glue/mask_shape", axis=0),
        node("Resize", ["glue/trusted", "", "", "glue/mask_shape"], "glue/mask", **resize),
        node("Squeeze", ["glue/mask", "glue/axes_0_1"], "coarse"),
    ]
    constants = [
        *AXES,
        integers("portrait", h, w),
        integers("landscape", w, h),
        integers("oversampling", OVERSAMPLING),
        integers("seen_portrait", seen_h, seen_w),
        integers("seen_landscape", seen_w, seen_h),
        integers("channels", 3),
        integers("two", 2),
        number("unit", 1 / 255),
        *CONSTANTS,
        *CONSTANTS_OF_TRUST,
    ]
    outputs = [
        DOUBLED,
        IMAGE,
        _tensor("coarse", TensorProto.FLOAT, "h", "w"),
    ]
    return Glue(before, after, [FRAME], outputs, constants)


def low_glue(model: str = BASE) -> Glue:
    """Seen (1,3,h,w) -> mask (h,w), both of MPN's size: MPN where the engine resizes frame and mask itself."""
    after = [
        _first_channel("glue/first"),
        *without_doubtful("glue/first", MPN_SIZES[model], "glue/trusted"),
        node("Squeeze", ["glue/trusted", "glue/axes_0_1"], "mask"),
    ]
    seen, mask = _tensor("seen", TensorProto.FLOAT, 1, 3, "h", "w"), _tensor("mask", TensorProto.FLOAT, "h", "w")
    return Glue([], after, [seen], [mask], [*AXES, *CONSTANTS_OF_TRUST])


def qun_glue() -> Glue:
    """Image (1,3,h,w), coarse mask (h,w) -> unified mask (h,w)."""
    before = [node("Unsqueeze", ["coarse", "glue/axes_0_1"], "mask")]
    after = [_first_channel("glue/first"), node("Squeeze", ["glue/first", "glue/axes_0_1"], "unified")]
    inputs = [IMAGE, _tensor("coarse", TensorProto.FLOAT, "h", "w")]
    return Glue(before, after, inputs, [_tensor("unified", TensorProto.FLOAT, "h", "w")], AXES)


def _to_pairs(pixels: str, size: str) -> list[NodeProto]:
    """Pixels, float (N,H,W,3) of [0, 255] and of `size` H, W, both even -> pixels (N,6,H,W/2) in [0, 1], as MRN takes them."""
    return [
        node("Split", [size], ["glue/pixel_rows", "glue/pixel_columns"], axis=0, num_outputs=2),
        node("Div", ["glue/pixel_columns", "glue/two"], "glue/pair_columns"),
        node("Concat", ["glue/minus_one", "glue/pixel_rows", "glue/pair_columns", "glue/six"], "glue/in_pairs", axis=0),
        node("Reshape", [pixels, "glue/in_pairs"], "glue/pairs"),
        node("Transpose", ["glue/pairs"], "glue/levels", perm=[0, 3, 1, 2]),
        node("Mul", ["glue/levels", "glue/unit"], "pixels"),
    ]


def _interleave_rows(rows: tuple[str, ...], output: str) -> list[NodeProto]:
    """Upper and lower rows (N,c,H/2,W/2) of c values for each pair of pixels -> both, alternating (N,H/2,2,W/2,c)."""
    nodes = []
    for row in rows:
        nodes += [
            node("Transpose", [row], f"glue/{row}_pairs", perm=[0, 2, 3, 1]),
            node("Unsqueeze", [f"glue/{row}_pairs", "glue/two"], f"glue/{row}_rows"),
        ]
    return [*nodes, node("Concat", [f"glue/{row}_rows" for row in rows], output, axis=2)]


MATTE_ROWS = MatteRows._fields  # the outputs of MRN's details


def _to_pixels(pixels: str) -> list[NodeProto]:
    """MRN's details of `pixels`, float (N,H+2*HALO,W+2*HALO,3) of [0, 255] -> alphas, uint8 foreground, by pairs of rows."""
    return [
        node("Shape", ["logit_upper"], "glue/rows", start=2, end=3),
        node("Shape", ["logit_upper"], "glue/columns", start=3, end=4),
        node("Concat", ["glue/minus_one", "glue/rows", "glue/two", "glue/columns", "glue/two"], "glue/as_alphas", axis=0),
        node("Concat", ["glue/as_alphas", "glue/three"], "glue/as_triples", axis=0),
        *_interleave_rows(MATTE_ROWS[2:4], "glue/logit"),
        node("Sigmoid", ["glue/logit"], "glue/sigmoid"),
        node("Mul", ["glue/sigmoid", "glue/stretch"], "glue/stretched"),
        node("Sub", ["glue/stretched", "glue/margin"], "glue/beyond"),
        node("Clip", ["glue/beyond", "glue/black", "glue/opaque"], "glue/opacity"),
        *_interleave_rows(MATTE_ROWS[:2], "glue/difference"),
        node("Sub", ["glue/opaque", "glue/opacity"], "glue/transparency"),
        node("Mul", ["glue/transparency", "glue/fade"], "glue/faded"),
        node("Min", ["glue/faded", "glue/opaque"], "glue/share"),
        node("Unsqueeze", ["glue/share", "glue/minus_one"], "glue/share_of_colours"),
        node("Reshape", ["glue/difference", "glue/as_triples"], "glue/triples"),
        node("Mul", ["glue/triples", "glue/share_of_colours"], "glue/shared"),
        # From the bytes again: reading them costs less than keeping the floats that the network sees.
        node("Slice", [pixels, "glue/halo", "glue/minus_halo", "glue/axes_1_2"], "glue/inner"),
        node("Reshape", ["glue/inner", "glue/as_triples"], "glue/colours"),
        node("Mul", ["glue/shared", "glue/white"], "glue/scaled"),
        node("Add", ["glue/colours", "glue/scaled"], "glue/sum"),
        node("Add", ["glue/sum", "glue/half"], "glue/rounded"),
        node("Clip", ["glue/rounded", "glue/black", "glue/white"], "glue/clipped"),  # the cast truncates, and wraps past 255
        node("Cast", ["glue/clipped"], "glue/bytes", to=TensorProto.UINT8),
    ]


def mrn_glue() -> Glue:
    """Frame uint8 (H,W,3), doubled (1,3,2h,2w), unified mask (h,w) -> alpha (H,W) in [0, 1], foreground uint8 (H,W,3).

    All of MRN, with the details of the whole frame. The frame is read as pairs of pixels and the matte written row by row, so
    that bytes stay in order.
    """
    before = [
        *_sides(),
        node("Concat", ["glue/height", "glue/width"], "glue/size", axis=0),
        node("Add", ["glue/size", "glue/one"], "glue/up"),
        node("Div", ["glue/up", "glue/two"], "glue/halves"),
        node("Mul", ["glue/halves", "glue/two"], "glue/even"),
        node("Sub", ["glue/even", "glue/size"], "glue/padding"),
        node("Add", ["glue/padding", "glue/halo_2"], "glue/after"),
        node("Concat", ["glue/halo_2", "glue/zero", "glue/after", "glue/zero"], "glue/pads", axis=0),
        node("Pad", ["frame", "glue/pads"], "glue/padded", mode="edge"),
        node("Unsqueeze", ["glue/padded", "glue/axis_0"], "glue/one_tile"),
        node("Cast", ["glue/one_tile"], "glue/float", to=TensorProto.FLOAT),
        node("Add", ["glue/even", "glue/both_halos"], "glue/padded_size"),
        *_to_pairs("glue/float", "glue/padded_size"),
        node("Unsqueeze", ["unified", "glue/axes_0_1"], "mask"),
    ]
    after = [
        *_to_pixels("glue/float"),
        node("Concat", ["glue/even", "glue/three"], "glue/even_colours", axis=0),
        node("Reshape", ["glue/bytes", "glue/even_colours"], "glue/whole_foreground"),
        node("Slice", ["glue/whole_foreground", "glue/zeros", "glue/size", "glue/axes_0_1"], "foreground"),
        node("Reshape", ["glue/opacity", "glue/even"], "glue/whole_alpha"),
        node("Slice", ["glue/whole_alpha", "glue/zeros", "glue/size", "glue/axes_0_1"], "alpha"),
    ]
    constants = [
        *CONSTANTS_OF_DETAILS,
        integers("zeros", 0, 0),
        integers("halo_2", HALO, HALO),
        integers("both_halos", 2 * HALO, 2 * HALO),
    ]
    inputs = [FRAME, DOUBLED, UNIFIED]
    outputs = [_tensor("alpha", TensorProto.FLOAT, "H", "W"), _tensor("foreground", TensorProto.UINT8, "H", "W", 3)]
    return Glue(before, after, inputs, outputs, constants)


def features_glue(channels: int) -> Glue:
    """Doubled (1,3,2h,2w), unified mask (h,w) -> features (1,channels,h,w) and logit (1,1,h,w): the first part of MRN.

    OpenVINO has the channels of a position side by side. It takes a third of the time of all that comes before to copy them
    into planes, where a product with the identity takes a twentieth.
    """
    before = [node("Unsqueeze", ["unified", "glue/axes_0_1"], "mask")]
    after = [
        node("Shape", ["by_position"], "glue/shape"),
        node("Transpose", ["by_position"], "glue/channels_last", perm=[0, 2, 3, 1]),
        node("Reshape", ["glue/channels_last", "glue/rows_of_channels"], "glue/positions"),
        node("Gemm", ["glue/identity", "glue/positions"], "glue/planes", transB=1),
        node("Reshape", ["glue/planes", "glue/shape"], "features"),
    ]
    constants = [
        *AXES,
        integers("rows_of_channels", -1, channels),
        numpy_helper.from_array(np.eye(channels, dtype=np.float32), "glue/identity"),
    ]
    outputs = [_tensor(name, TensorProto.FLOAT, 1, count, "h", "w") for name, count in (("features", channels), ("logit", 1))]
    return Glue(before, after, [DOUBLED, UNIFIED], outputs, constants)


def details_glue() -> Glue:
    """The second part of MRN, for N tiles of T x T pixels.

    tiles     uint8 (N,T+2*HALO,T+2*HALO,3)
    all_features  (1,C,h,w), of the whole frame, the last the logit of the mask
    places    (1,N*(T/2+2),T/2+2,2): where in them each pair of rows and pixels of a tile is, and one more on each side: x, y in
              [-1, 1], as GridSample takes them
    -> alpha (N,T,T), foreground uint8 (N,T,T,3)
    """
    before = [
        node("Cast", ["tiles"], "glue/float", to=TensorProto.FLOAT),
        node("Shape", ["tiles"], "glue/count", start=0, end=1),
        node("Shape", ["tiles"], "glue/padded_size", start=1, end=3),
        *_to_pairs("glue/float", "glue/padded_size"),
        node("GridSample", ["all_features", "places"], "glue/sampled", mode="bilinear", padding_mode="border", align_corners=0),
        node("Shape", ["glue/sampled"], "glue/channels", start=1, end=2),
        node("Shape", ["glue/sampled"], "glue/across", start=3, end=4),
        node("Concat", ["glue/channels", "glue/count", "glue/across", "glue/across"], "glue/by_tile", axis=0),
        node("Reshape", ["glue/sampled", "glue/by_tile"], "glue/channels_first"),
        node("Transpose", ["glue/channels_first"], "features", perm=[1, 0, 2, 3]),
    ]
    after = [
        *_to_pixels("glue/float"),
        node("Sub", ["glue/padded_size", "glue/both_halos"], "glue/tile"),
        node("Concat", ["glue/count", "glue/tile"], "glue/tile_alphas", axis=0),
        node("Reshape", ["glue/opacity", "glue/tile_alphas"], "alpha"),
        node("Concat", ["glue/tile_alphas", "glue/three"], "glue/tile_colours", axis=0),
        node("Reshape", ["glue/bytes", "glue/tile_colours"], "foreground"),
    ]
    inputs = [
        _tensor("tiles", TensorProto.UINT8, "N", "T", "T", 3),
        _tensor("all_features", TensorProto.FLOAT, 1, "C", "h", "w"),
        _tensor("places", TensorProto.FLOAT, 1, "R", "S", 2),
    ]
    outputs = [_tensor("alpha", TensorProto.FLOAT, "N", "t", "t"), _tensor("foreground", TensorProto.UINT8, "N", "t", "t", 3)]
    return Glue(before, after, inputs, outputs, [*CONSTANTS_OF_DETAILS, integers("both_halos", 2 * HALO, 2 * HALO)])
