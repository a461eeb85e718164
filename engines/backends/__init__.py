"""What runs the networks: a file or a folder for each backend, and the one table that lists them."""

import importlib.util
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Backend:
    """What is known of a backend before anything of it is imported."""

    module: str  # has open_engine(name, *, device, threads, precision, model)
    devices: tuple[Literal["gpu", "cpu"], ...]
    precisions: tuple[str, ...]
    packages: tuple[str, ...]  # modules that must be installed
    extras: str  # of this package, that install them
    compiles: str = ""  # the module that builds its engines ahead of time; has compile_ahead(request)

    def missing_packages(self) -> list[str]:
        """The modules that it needs and that are not installed."""
        return [name for name in self.packages if importlib.util.find_spec(name) is None]

    @property
    def remedy(self) -> str:
        """What to type to install what it needs."""
        return f"type: pip install 'semantic-human-matting[{self.extras}]'"


TENSORRT, OPENVINO = "engines.backends.tensorrt", "engines.backends.openvino"
BACKENDS = {  # fastest first
    "tensorrt": Backend(
        f"{TENSORRT}.engine", ("gpu",), ("fp16",), ("tensorrt", "torch", "onnx"), "tensorrt", f"{TENSORRT}.ahead"
    ),
    "tensorrt-rtx": Backend(
        f"{TENSORRT}.engine", ("gpu",), ("fp16",), ("tensorrt_rtx", "torch", "onnx"), "tensorrt-rtx,torch", f"{TENSORRT}.ahead"
    ),
    "torch": Backend("engines.backends.torch", ("gpu", "cpu"), ("fp32", "bf16", "fp16"), ("torch", "safetensors"), "torch"),
    "openvino": Backend(OPENVINO, ("cpu",), ("bf16", "fp32"), ("openvino",), "", OPENVINO),
}
BACKEND_NAMES = ("auto", *BACKENDS)
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
