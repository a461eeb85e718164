"""Every call to TensorRT exists under its name in the real bindings. Whether it works, only a GPU can show.

The bindings of TensorRT for RTX come with their libraries. Those of TensorRT itself are imported on top of empty libraries that
are compiled by the test: enough to inspect their names.
"""

import ast
import importlib.util
import inspect
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from engines.backends.tensorrt import build as tensorrt_build
from engines.backends.tensorrt import engine as tensorrt_engine
from engines.backends.tensorrt import plans as tensorrt_plans

OURS = (tensorrt_build, tensorrt_plans, tensorrt_engine)
KINDS = {  # our names of the package's objects, and their types in it
    "trt": "",
    "self.trt": "",
    "self.builder": "Builder",
    "self.parser": "OnnxParser",
    "first": "ParserError",
    "config": "IBuilderConfig",
    "ranges": "IOptimizationProfile",
    "self._runtime": "Runtime",
    "engine": "ICudaEngine",
    "self._engine": "ICudaEngine",
    "context": "IExecutionContext",
    "self._context": "IExecutionContext",
    "config.get_timing_cache()": "ITimingCache",
    "trt.ILogger": "ILogger",
    "trt.ILogger.Severity": "ILogger.Severity",
    "trt.TensorIOMode": "TensorIOMode",
    "self.trt.BuilderFlag": "BuilderFlag",
}
# TensorRT for RTX alone builds ahead of time; what it lacks, `targets` looks for first.
AHEAD_OF_TIME = {"ComputeCapability", "num_compute_capabilities", "set_compute_capability"}
SIGNATURES = {
    ("IExecutionContext", "execute_async_v3"): ["stream_handle"],
    ("IExecutionContext", "set_tensor_address"): ["name", "memory"],
    ("IExecutionContext", "set_input_shape"): ["name", "shape"],
    ("IBuilderConfig", "set_timing_cache"): ["cache", "ignore_mismatch"],
    ("IBuilderConfig", "create_timing_cache"): ["serialized_timing_cache"],
    ("IOptimizationProfile", "set_shape"): ["input", "min", "opt", "max"],
}
EXPORTS = {  # what the bindings want of the libraries
    "libnvinfer.so.11": "createInferBuilder_INTERNAL createInferRefitter_INTERNAL createInferRuntime_INTERNAL "
    "getBuilderPluginRegistry getPluginRegistry",
    "libnvinfer_plugin.so.11": "initLibNvInferPlugins",
    "libnvonnxparser.so.11": "createNvOnnxParserRefitter_INTERNAL createNvOnnxParser_INTERNAL getNvOnnxParserVersion",
}
PROGRAM = """
import ctypes, importlib, json, operator, sys
package, kinds, *libraries = sys.argv[1:]
for library in libraries:
    ctypes.CDLL(library, ctypes.RTLD_GLOBAL)
module = importlib.import_module(package)
things = {kind: operator.attrgetter(kind)(module) if kind else module for kind in json.loads(kinds)}
found = {kind: {name: str(getattr(thing, name, "").__doc__) for name in dir(thing)} for kind, thing in things.items()}
print(json.dumps(found))
"""

Names = dict[str, dict[str, str]]  # of each kind: its attributes, with what the bindings say of them


def empty_libraries(folder: Path) -> list[str]:
    """Libraries that have what the bindings of TensorRT want, and do nothing."""
    made = []
    for name, exports in EXPORTS.items():
        source = folder / f"{name}.c"
        source.write_text("".join(f"void *{function}(void) {{ return 0; }}\n" for function in exports.split()))
        command = ["cc", "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", str(folder / name), str(source)]
        subprocess.run(command, check=True)
        made.append(str(folder / name))
    return made


@pytest.fixture(scope="module", params=["tensorrt_rtx", "tensorrt_bindings"])
def names(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Names:
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    libraries: list[str] = []
    if request.param == "tensorrt_bindings":
        if shutil.which("cc") is None:
            pytest.skip("there is no C compiler")
        libraries = empty_libraries(tmp_path_factory.mktemp("libraries"))
    words = [sys.executable, "-c", PROGRAM, request.param, json.dumps(sorted(set(KINDS.values()))), *libraries]
    found: Names = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    return found


def attributes(module: ModuleType) -> set[tuple[str, str]]:
    """Each (object, attribute) that the source of a module names."""
    tree = ast.parse(inspect.getsource(module))
    return {(ast.unparse(node.value), node.attr) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


CALLS = sorted(pair for pair in set().union(*map(attributes, OURS)) if pair[0] in KINDS and pair[1] != "__name__")


def test_each_call_exists(names: Names) -> None:
    ahead_of_time = "ComputeCapability" in names[""]
    missing = [
        f"{thing}.{attribute}"
        for thing, attribute in CALLS
        if attribute not in names[KINDS[thing]] and (ahead_of_time or attribute not in AHEAD_OF_TIME)
    ]
    assert missing == []
    assert "execute_async_v4" not in names["IExecutionContext"]  # a wrong name would be found


def test_the_calls_of_a_build_and_of_a_frame_are_among_them() -> None:
    wanted = {"build_serialized_network", "set_shape", "set_timing_cache", "parse", "deserialize_cuda_engine"}
    wanted |= {"create_execution_context", "set_input_shape", "set_tensor_address", "execute_async_v3", "INPUT", "TF32"}
    assert wanted <= {attribute for _, attribute in CALLS}


def test_calls_take_the_arguments_that_we_give(names: Names) -> None:
    for (kind, call), arguments in SIGNATURES.items():
        signature = names[kind][call].split("->")[0]
        assert re.findall(r"(\w+): ", signature)[1:] == arguments, signature
