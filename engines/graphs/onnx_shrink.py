"""The low-resolution images of a frame, as ONNX nodes: the resizings of `engines.geometry` in one.

Each of the first two is linear, so a row of their result is a weighted sum of at most four rows of the frame, and likewise for
columns. Which rows, and their weights, depends on the sizes alone: a compiler that knows them folds them into constants. What
remains is gathering, weighting and adding whole rows of bytes, in a fifth of the time that OpenVINO's resize takes for them.
"""

from onnx import NodeProto, TensorProto

from engines.graphs.onnx_nodes import count, integers, node, number

TAPS = (
    "00",
    "01",
    "10",
    "11",
)  # which of two lines of the second step, and which of two lines of the first that one is made of

CONSTANTS = [
    count("none", 0),
    count("next", 1),
    integers("axes_1_2", 1, 2),
    number("middle", 0.5),
    number("nothing", 0.0),
    number("whole", 1.0),
]


def _neighbours(before: str, after: str, step: str) -> list[NodeProto]:
    """The source pixels of a line of `before` pixels that is resized bilinearly to `after`, both int64 (1,).

    STEP/line_0, STEP/line_1, int64 (after,): the two old pixels beside each new one; STEP/share_0, STEP/share_1,
    float (after,): their weights.
    """
    return [
        node("Squeeze", [after], f"{step}/count"),
        node("Range", ["glue/none", f"{step}/count", "glue/next"], f"{step}/index"),
        node("Cast", [f"{step}/index"], f"{step}/number", to=TensorProto.FLOAT),
        node("Cast", [before], f"{step}/before", to=TensorProto.FLOAT),
        node("Cast", [after], f"{step}/after", to=TensorProto.FLOAT),
        node("Div", [f"{step}/before", f"{step}/after"], f"{step}/stride"),
        node("Add", [f"{step}/number", "glue/middle"], f"{step}/centre"),
        node("Mul", [f"{step}/centre", f"{step}/stride"], f"{step}/centre_before"),
        node("Sub", [f"{step}/centre_before", "glue/middle"], f"{step}/anywhere"),
        node("Sub", [before, "glue/one"], f"{step}/last"),
        node("Cast", [f"{step}/last"], f"{step}/edge", to=TensorProto.FLOAT),
        node("Max", [f"{step}/anywhere", "glue/nothing"], f"{step}/not_before"),
        node("Min", [f"{step}/not_before", f"{step}/edge"], f"{step}/place"),
        node("Floor", [f"{step}/place"], f"{step}/floor"),
        node("Cast", [f"{step}/floor"], f"{step}/line_0", to=TensorProto.INT64),
        node("Add", [f"{step}/line_0", "glue/one"], f"{step}/beyond"),
        node("Min", [f"{step}/beyond", f"{step}/last"], f"{step}/line_1"),
        node("Sub", [f"{step}/place", f"{step}/floor"], f"{step}/share_1"),
        node("Sub", ["glue/whole", f"{step}/share_1"], f"{step}/share_0"),
    ]


def _taps(sizes: tuple[str, str, str], axis: str, scale: str) -> list[NodeProto]:
    """For each of TAPS the lines to gather, AXIS/line_TAP, and their weights, AXIS/weight_TAP, float (n,1,1).

    `sizes`: of a side before the first step, after it and after the second. The weights sum to the number `scale`.
    """
    own, halved, twice = sizes
    nodes = [*_neighbours(own, halved, f"{axis}/halved"), *_neighbours(halved, twice, f"{axis}/twice")]
    for j in "01":
        line, share = f"{axis}/twice/line_{j}", f"{axis}/share_{j}"
        nodes.append(node("Mul", [f"{axis}/twice/share_{j}", scale], share))
        for i in "01":
            tap = f"{j}{i}"
            nodes += [
                node("Gather", [f"{axis}/halved/line_{i}", line], f"{axis}/line_{tap}"),
                node("Gather", [f"{axis}/halved/share_{i}", line], f"{axis}/of_{tap}"),
                node("Mul", [f"{axis}/of_{tap}", share], f"{axis}/product_{tap}"),
                node("Unsqueeze", [f"{axis}/product_{tap}", "glue/axes_1_2"], f"{axis}/weight_{tap}"),
            ]
    return nodes


def _weighted_sum(lines: str, axis: str, output: str, *, bytes_in: bool) -> list[NodeProto]:
    """Lines (H,a,b) of bytes or floats -> (h,a,b) floats: the weighted sum of an axis's taps."""
    nodes, total = [], ""
    for tap in TAPS:
        picked, weighed = f"glue/{axis}_{tap}", f"glue/{axis}_{tap}_weighed"
        nodes.append(node("Gather", [lines, f"{axis}/line_{tap}"], picked, axis=0))
        if bytes_in:
            nodes.append(node("Cast", [picked], f"{picked}_float", to=TensorProto.FLOAT))
            picked = f"{picked}_float"
        nodes.append(node("Mul", [picked, f"{axis}/weight_{tap}"], weighed))
        if total:
            so_far = output if tap == TAPS[-1] else f"glue/{axis}_{tap}_so_far"
            nodes.append(node("Add", [total, weighed], so_far))
            weighed = so_far
        total = weighed
    return nodes


def shrink(
    frame: str, heights: tuple[str, str, str], widths: tuple[str, str, str], unit: str, doubled: str, image: str
) -> list[NodeProto]:
    """Nodes: frame uint8 (H,W,3) -> doubled (1,3,2h,2w) and image (1,3,h,w), floats: its levels times the number `unit`.

    `heights`, `widths`: of the frame, after the first step and after the second, each int64 (1,).
    """
    return [
        *_taps(heights, "rows", "glue/whole"),
        *_taps(widths, "columns", unit),
        *_weighted_sum(frame, "rows", "glue/low_rows", bytes_in=True),
        # Columns become rows, so that each one gathered is contiguous in memory.
        node("Transpose", ["glue/low_rows"], "glue/turned", perm=[1, 2, 0]),
        *_weighted_sum("glue/turned", "columns", "glue/low_columns", bytes_in=False),
        node("Transpose", ["glue/low_columns"], "glue/planes", perm=[1, 2, 0]),
        node("Unsqueeze", ["glue/planes", "glue/axis_0"], doubled),
        node("AveragePool", [doubled], image, kernel_shape=[2, 2], strides=[2, 2]),
    ]
