"""FP16 graphs against the released FP32 ones, on ONNX Runtime's CPU provider: chained, on easy and on hard frames.

That provider computes an FP16 graph in float32 and rounds little in between. So this alone shows that the graphs are the same
ones; what float16 costs is measured with the result of each operation rounded to it.
"""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession

from engines import Frame
from engines.errors import MattingError
from engines.geometry import input_shapes
from engines.graphs.fp16 import FLOAT32_INSIDE, fp16_graph, fp16_graph_for, to_fp16
from engines.graphs.profile import parse_range
from engines.graphs.static import make_static
from engines.weights import NETWORKS, graph

SIZES = [(800, 800), (301, 211), (211, 397), (33, 32)]
KINDS = ["real", "dark", "bright", "noisy", "flat"]
LIMIT = 6550  # a tenth of the largest float16: room for sums inside an operation


def frame_of(kind: str, portrait: Frame, height: int, width: int) -> Frame:
    real = cv2.resize(portrait, (width, height), interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(5).integers(0, 256, real.shape)
    frames = {
        "real": real,
        "dark": real // 16,
        "bright": 255 - (255 - real) // 16,
        "noisy": noise,
        "flat": np.full_like(real, 127),
    }
    return np.ascontiguousarray(frames[kind], np.uint8)


def fp32_graph(name: str, height: int, width: int) -> ModelProto:
    model = onnx.load(graph(name))
    make_static(model, input_shapes(height, width)[name])
    return model


def session(model: ModelProto, optimised: bool = True) -> InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if not optimised:  # an optimiser may take the rounding out
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def sessions(graph_of: Callable[[str], ModelProto], optimised: bool = True) -> dict[str, InferenceSession]:
    """Of the three networks."""
    return {name: session(graph_of(name), optimised) for name in NETWORKS}


def run(network: InferenceSession, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip([output.name for output in network.get_outputs()], network.run(None, inputs), strict=True))


def cascade(networks: dict[str, InferenceSession], frame: Frame) -> dict[str, np.ndarray]:
    first = run(networks["mpn"], frame=frame)
    second = run(networks["qun"], image=first["image"], coarse=first["coarse"])
    return first | second | run(networks["mrn"], frame=frame, doubled=first["doubled"], unified=second["unified"])


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_fp16_graphs_give_what_the_fp32_ones_give(portrait: Frame, height: int, width: int) -> None:
    fp16, fp32 = (sessions(partial(graph_of, height=height, width=width)) for graph_of in (fp16_graph, fp32_graph))
    for kind in KINDS:
        frame = frame_of(kind, portrait, height, width)
        ours, oracle = cascade(fp16, frame), cascade(fp32, frame)
        for name, levels in (("coarse", 255), ("unified", 255), ("alpha", 255), ("foreground", 1)):
            assert ours[name].shape == oracle[name].shape
            assert np.isfinite(ours[name]).all()
            error = np.abs(ours[name].astype(np.float32) - oracle[name].astype(np.float32)) * levels
            print(f"{kind} {width}x{height} {name}: mean {error.mean():.3f}, worst {error.max():.2f} levels")
            assert error.mean() < 0.5, (kind, name, error.mean())
            assert error.max() < 4, (kind, name, error.max())


def rounded(name: str, height: int, width: int) -> ModelProto:
    """The FP32 graph with the result of each operation rounded to float16; of a network FP32 inside, only its outputs."""
    model = fp32_graph(name, height, width)
    values = [*model.graph.output]
    if name not in FLOAT32_INSIDE:
        values += onnx.shape_inference.infer_shapes(model).graph.value_info
    wide = {value.name for value in values if value.type.tensor_type.elem_type == TensorProto.FLOAT}
    again = {name for node in model.graph.node for name in node.input} & {value.name for value in model.graph.output}
    for node in model.graph.node:  # an output that is used inside is rounded for the next network, and exact inside
        for index, used in enumerate(node.input):
            if used in again and used in wide and name in FLOAT32_INSIDE:
                node.input[index] = f"{used}/exact"
    nodes = []
    for node in model.graph.node:
        nodes.append(node)
        result = node.output[0]
        if result in wide:
            node.output[0] = f"{result}/exact"
            nodes.append(helper.make_node("Cast", [f"{result}/exact"], [f"{result}/rounded"], to=TensorProto.FLOAT16))
            nodes.append(helper.make_node("Cast", [f"{result}/rounded"], [result], to=TensorProto.FLOAT))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


@pytest.fixture(scope="module")
def with_and_without_rounding() -> tuple[dict[str, InferenceSession], dict[str, InferenceSession]]:
    """For frames of 800x800."""
    size = {"height": 800, "width": 800}
    return sessions(partial(rounded, **size), optimised=False), sessions(partial(fp32_graph, **size))


@pytest.mark.parametrize("kind", KINDS)
def test_float16_after_each_operation_stays_close(
    with_and_without_rounding: tuple[dict[str, InferenceSession], dict[str, InferenceSession]], portrait: Frame, kind: str
) -> None:
    ours, oracle = (cascade(networks, frame_of(kind, portrait, 800, 800)) for networks in with_and_without_rounding)
    assert all(np.isfinite(value).all() for value in ours.values())
    for name in ("coarse", "unified", "alpha"):
        error = np.abs(ours[name] - oracle[name]) * 255
        print(f"{kind} {name}: mean {error.mean():.3f}, worst {error.max():.2f}")
        assert error.mean() < 0.5, (name, error.mean())
        assert error.max() < 4, (name, error.max())


def showing_all(name: str, height: int, width: int) -> ModelProto:
    """The FP32 graph that gives out the results of all its operations."""
    model = fp32_graph(name, height, width)
    shown = {output.name for output in model.graph.output}
    inferred = onnx.shape_inference.infer_shapes(model).graph.value_info
    model.graph.output.extend(
        value for value in inferred if value.type.tensor_type.elem_type == TensorProto.FLOAT and value.name not in shown
    )
    return model


@pytest.fixture(scope="module")
def all_shown() -> dict[str, InferenceSession]:
    """For frames of 211x301."""
    return sessions(partial(showing_all, height=301, width=211))


@pytest.mark.parametrize("kind", KINDS)
def test_no_operation_comes_near_the_limit_of_fp16(all_shown: dict[str, InferenceSession], portrait: Frame, kind: str) -> None:
    found: dict[str, np.ndarray] = {"frame": frame_of(kind, portrait, 301, 211)}
    for name, network in all_shown.items():
        values = run(network, **{value.name: found[value.name] for value in network.get_inputs()})
        found |= values
        largest = max(values, key=lambda key: float(np.abs(values[key].astype(np.float32)).max()))
        print(f"{kind} {name}: {largest} {np.abs(values[largest]).max():.0f}")
        assert np.abs(values[largest].astype(np.float32)).max() < LIMIT, (name, largest)


@pytest.mark.parametrize("name", NETWORKS)
def test_all_is_of_one_precision_and_sizes_are_constants(name: str) -> None:
    model = onnx.shape_inference.infer_shapes(fp16_graph(name, 301, 211))
    ends = {value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)}
    assert ends <= {TensorProto.FLOAT16, TensorProto.UINT8}
    kinds = {value.type.tensor_type.elem_type for value in model.graph.value_info} | {
        t.data_type for t in model.graph.initializer
    }
    number = TensorProto.FLOAT if name in FLOAT32_INSIDE else TensorProto.FLOAT16
    assert number in kinds
    assert kinds <= {number, TensorProto.UINT8, TensorProto.INT64, TensorProto.BOOL}
    assert not {"Shape", "Mod", "Greater"} & {node.op_type for node in model.graph.node}
    assert all(tensor.data_location != TensorProto.EXTERNAL for tensor in model.graph.initializer)


@pytest.mark.parametrize("text", ["32x32:200x200:300x400", "64x48:320x200:500x400"])
def test_a_graph_for_a_range_of_sizes_gives_what_those_for_one_size_give(portrait: Frame, text: str) -> None:
    profile = parse_range(text)
    for_all = sessions(partial(fp16_graph_for, profile=profile))
    for height, width in (profile.least, (profile.usual[0] - 3, profile.usual[1] + (5 if "x48" in text else -5)), profile.most):
        frame = frame_of("real", portrait, height, width)
        for_one = sessions(partial(fp16_graph, height=height, width=width))
        ours, oracle = cascade(for_all, frame), cascade(for_one, frame)
        for name in oracle:
            error = np.abs(ours[name].astype(np.float32) - oracle[name].astype(np.float32))
            assert ours[name].shape == oracle[name].shape
            assert error.max() <= (1 if name == "foreground" else 0.002), (name, width, height)


def test_a_weight_beyond_float16_is_refused() -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1,))
    weight = numpy_helper.from_array(np.array([1e5], np.float32), "weight")
    nodes = [helper.make_node("Mul", ["x", "weight"], ["y"])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1,))]
    model = helper.make_model(helper.make_graph(nodes, "large", [value], outputs, [weight]))
    with pytest.raises(MattingError, match="large: weight is too large for FP16"):
        to_fp16(model)
