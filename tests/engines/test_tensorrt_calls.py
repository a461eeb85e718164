"""Every call that we make to TensorRT exists under its name in the real bindings. That it works takes a GPU."""

import ast
import inspect
import re
from types import ModuleType

import pytest

from engines import tensorrt_build, tensorrt_compile, tensorrt_engine

trt = pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed")

OURS = (tensorrt_build, tensorrt_compile, tensorrt_engine)
KINDS = {  # our names of what comes from the package, and its types
    "trt": trt,
    "self.trt": trt,
    "self.builder": trt.Builder,
    "self.parser": trt.OnnxParser,
    "first": trt.ParserError,
    "config": trt.IBuilderConfig,
    "ranges": trt.IOptimizationProfile,
    "self._runtime": trt.Runtime,
    "engine": trt.ICudaEngine,
    "self._engine": trt.ICudaEngine,
    "context": trt.IExecutionContext,
    "self._context": trt.IExecutionContext,
    "config.get_timing_cache()": trt.ITimingCache,
    "trt.ILogger": trt.ILogger,
    "trt.ILogger.Severity": trt.ILogger.Severity,
    "trt.TensorIOMode": trt.TensorIOMode,
    "self.trt.BuilderFlag": trt.BuilderFlag,
    "self.trt.ComputeCapability": trt.ComputeCapability,
}
PYTHONS_OWN = {"__name__"}


def attributes(module: ModuleType) -> set[tuple[str, str]]:
    """Each (object, attribute) that the source of a module names."""
    tree = ast.parse(inspect.getsource(module))
    return {(ast.unparse(node.value), node.attr) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


CALLS = sorted(pair for pair in set().union(*map(attributes, OURS)) if pair[0] in KINDS and pair[1] not in PYTHONS_OWN)


@pytest.mark.parametrize(("thing", "attribute"), CALLS, ids=[".".join(pair) for pair in CALLS])
def test_the_name_exists(thing: str, attribute: str) -> None:
    assert hasattr(KINDS[thing], attribute)


def test_the_calls_of_a_build_and_of_a_frame_are_among_them() -> None:
    wanted = {"build_serialized_network", "set_shape", "set_timing_cache", "parse", "deserialize_cuda_engine"}
    wanted |= {"create_execution_context", "set_input_shape", "set_tensor_address", "execute_async_v3", "INPUT", "TF32"}
    assert wanted <= {attribute for _, attribute in CALLS}
    assert not hasattr(trt.IExecutionContext, "execute_async_v4")  # a wrong name would be found


def test_calls_take_as_many_arguments_as_we_give() -> None:
    expected = [
        (trt.IExecutionContext.execute_async_v3, ["stream_handle"]),
        (trt.IExecutionContext.set_tensor_address, ["name", "memory"]),
        (trt.IExecutionContext.set_input_shape, ["name", "shape"]),
        (trt.IBuilderConfig.set_timing_cache, ["cache", "ignore_mismatch"]),
        (trt.IBuilderConfig.create_timing_cache, ["serialized_timing_cache"]),
        (trt.IOptimizationProfile.set_shape, ["input", "min", "opt", "max"]),
    ]
    for call, names in expected:
        signature = str(call.__doc__).split("->")[0]
        assert re.findall(r"(\w+): ", signature)[1:] == names, signature
