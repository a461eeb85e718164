"""What runs the networks: a file or a folder for each backend, and the one table that lists them."""

import importlib.util
import sys
from dataclasses import dataclass
from typing import Literal

# With this package, OpenVINO's import tells Google Analytics of each run, and writes an identifier into ~/intel.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None: as if it were not installed


@dataclass(frozen=True)
class Backend:
    """What is known of a backend before anything of it is imported."""

    module: str  # has open_engine(name, *, device, threads, precision, model, at_once)
    devices: tuple[Literal["gpu", "cpu"], ...]
    precisions: tuple[str, ...]
    packages: tuple[str, ...]  # modules that must be installed
    extras: str  # of this package, that install them
    compiles: str = ""  # the module that builds its engines ahead of time; has compile_ahead(request)
    build_options: tuple[str, ...] = ()  # of shm-compile, that it takes

    def missing_packages(self) -> list[str]:
        """The modules that it needs and that are not installed."""
        return [name for name in self.packages if importlib.util.find_spec(name) is None]

    @property
    def remedy(self) -> str:
        """What to type to install what it needs."""
        package = f"semantic-human-matting[{self.extras}]" if self.extras else "semantic-human-matting"
        return f"type: pip install '{package}'"


MAX_THREADS = 1024  # of a CPU: OpenVINO fails at numbers that its integers do not hold
TENSORRT, TORCH, OPENVINO = "engines.backends.tensorrt", "engines.backends.torch_lane", "engines.backends.openvino"
BACKENDS = {  # fastest first
    "tensorrt": Backend(
        f"{TENSORRT}.engine",
        devices=("gpu",),
        precisions=("fp16",),
        packages=("tensorrt", "torch", "onnx"),
        extras="tensorrt",
        compiles=f"{TENSORRT}.ahead",
        build_options=("dynamic", "target", "via"),
    ),
    "tensorrt-rtx": Backend(
        f"{TENSORRT}.engine",
        devices=("gpu",),
        precisions=("fp16",),
        packages=("tensorrt_rtx", "torch", "onnx"),
        extras="tensorrt-rtx,torch",
        compiles=f"{TENSORRT}.ahead",
        build_options=("dynamic", "target", "via"),
    ),
    "torch": Backend(
        f"{TORCH}.opening",
        devices=("gpu", "cpu"),
        precisions=("fp32", "bf16", "fp16"),
        packages=("torch", "safetensors"),
        extras="torch",
        compiles=f"{TORCH}.ahead",
    ),
    "openvino": Backend(
        OPENVINO, devices=("cpu",), precisions=("int8", "bf16", "fp32"), packages=("openvino",), extras="", compiles=OPENVINO
    ),
}
BACKEND_NAMES = ("auto", *BACKENDS)
PRECISIONS = ("auto", "fp32", "bf16", "fp16", "int8")
