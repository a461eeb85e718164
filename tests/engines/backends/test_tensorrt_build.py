"""The FP16 graphs in TensorRT for RTX, which parses and builds with no GPU. It cannot run an engine without one."""

import sys

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from engines.backends.tensorrt.build import ParsedGraph, check_target, package, targets
from engines.errors import BackendUnavailable, EngineError
from engines.graphs.fp16 import FLOAT32_INSIDE, fp16_graph, fp16_graph_for
from engines.graphs.profile import parse_range
from engines.weights import NETWORKS

trt = pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed")

TARGETS = ["sm75", "sm80", "sm86", "sm89", "sm120", "sm121"]  # TensorRT for RTX has none for sm90, the H100


@pytest.mark.parametrize("name", NETWORKS)
def test_only_mpn_has_float32_tensors_and_engines_build_for_each_target(name: str) -> None:
    graph = ParsedGraph(trt, fp16_graph(name, 800, 800))
    layers = [graph.definition.get_layer(index) for index in range(graph.definition.num_layers)]
    tensors = [layer.get_output(index) for layer in layers for index in range(layer.num_outputs)]
    tensors += [graph.definition.get_input(index) for index in range(graph.definition.num_inputs)]
    wide = {tensor.name for tensor in tensors if tensor.dtype == trt.float32}
    assert bool(wide) == (name in FLOAT32_INSIDE), wide
    for target in TARGETS:
        assert len(graph.build(target)) > 100_000


def test_an_engine_builds_for_full_hd() -> None:
    assert ParsedGraph(trt, fp16_graph("mrn", 1080, 1920)).build("sm89")


def test_one_engine_builds_for_a_range_of_sizes_odd_ones_too() -> None:
    profile = parse_range("33x32:801x601:1921x1081")
    for name in NETWORKS:
        assert ParsedGraph(trt, fp16_graph_for(name, profile)).build("sm89", profile=profile)


def test_the_h100_is_refused() -> None:
    with pytest.raises(ValueError, match=r"target sm90: tensorrt_rtx .* builds for sm75"):
        check_target(trt, "sm90")


def test_a_profile_that_does_not_fit_the_graph_is_refused_in_one_line() -> None:
    fixed, profile = fp16_graph("mrn", 800, 800), parse_range("640x480:1280x720:1920x1080")
    with pytest.raises(EngineError, match="mrn: ") as refused:
        ParsedGraph(trt, fixed).build("sm89", profile=profile)
    assert "\n" not in str(refused.value)


def test_a_build_reports_progress_and_can_be_stopped() -> None:
    graph = ParsedGraph(trt, fp16_graph("qun", 800, 800))
    shares: list[float] = []
    graph.build("sm89", on_progress=lambda phase, share: shares.append(share))
    assert shares == sorted(shares)
    assert 0 < shares[-1] <= 1

    def stop(phase: str, share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        graph.build("sm89", on_progress=stop)


def small(operator: str, weight: TensorProto, domain: str = "") -> ModelProto:
    value, result = (helper.make_tensor_value_info(name, TensorProto.FLOAT16, (1, 3, 8, 8)) for name in ("x", "y"))
    nodes = [helper.make_node(operator, ["x", "weight"], ["y"], name="node", domain=domain)]
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("elsewhere", 1)]
    return helper.make_model(
        helper.make_graph(nodes, "small", [value], [result], [weight]), opset_imports=imports, ir_version=10
    )


@pytest.mark.parametrize(
    ("operator", "kind", "domain"), [("Mul", np.float32, ""), ("Fancy", np.float16, "elsewhere")], ids=["float32", "operator"]
)
def test_a_broken_graph_is_refused_in_one_line(operator: str, kind: type, domain: str) -> None:
    weight = numpy_helper.from_array(np.ones((1, 3, 1, 1), kind), "weight")
    with pytest.raises(EngineError, match="small: ") as refused:
        ParsedGraph(trt, small(operator, weight, domain)).build("sm89")
    assert "\n" not in str(refused.value)


def test_an_unknown_target_is_refused_with_the_known_ones() -> None:
    graph = ParsedGraph(trt, fp16_graph("qun", 800, 800))
    assert set(TARGETS) <= set(targets(trt))
    with pytest.raises(ValueError, match=r"target sm61: tensorrt_rtx .* builds for sm75, "):
        graph.build("sm61")


def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    with pytest.raises(BackendUnavailable, match=r"pip install 'semantic-human-matting\[tensorrt-rtx\]'"):
        package("tensorrt-rtx")
