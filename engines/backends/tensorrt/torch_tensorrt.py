"""The second way to TensorRT engines: PyTorch's own graphs, through torch-tensorrt, with no ONNX between.

Pairs that go together: torch-tensorrt 2.13 with torch 2.13 and TensorRT 11.0; 2.14 with torch 2.14 and TensorRT below 11.2.
It can be imported only where there is a GPU.
"""

import importlib
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from engines.backends.tensorrt.compile import Told
from engines.backends.torch import released_networks
from engines.errors import EngineError
from engines.geometry import input_shapes
from engines.graphs.glue import predict, refine, shrink, unify
from engines.graphs.profile import Profile
from engines.store.cache import Engines
from engines.weights import NETWORKS

# Precision is the graph's, as on the ONNX way; MPN's float32 is meant.
SETTINGS = {"use_explicit_typing": True, "disable_tf32": True, "cache_built_engines": False, "reuse_cached_engines": False}


class Predicted(nn.Module):
    """MPN with its glue, as its graph has it: float32 inside, float16 handed on."""

    def __init__(self, mpn: nn.Module, model: str) -> None:
        super().__init__()
        self.mpn = mpn
        self.model = model

    def forward(self, frame: Tensor) -> tuple[Tensor, Tensor]:
        """Frame uint8 (H,W,3) -> image (1,3,h,w), coarse mask (h,w)."""
        image = shrink(frame, self.model)
        return image.half(), predict(self.mpn, image).half()


class Unified(nn.Module):
    """QUN with its glue, in float16."""

    def __init__(self, qun: nn.Module) -> None:
        super().__init__()
        self.qun = qun.half()

    def forward(self, image: Tensor, coarse: Tensor) -> Tensor:
        """Image (1,3,h,w), coarse mask (h,w) -> unified mask (h,w)."""
        return unify(self.qun, image, coarse)


class Refined(nn.Module):
    """MRN with its glue, in float16."""

    def __init__(self, mrn: Any) -> None:
        super().__init__()
        self.mrn = mrn.half()

    def forward(self, frame: Tensor, unified: Tensor) -> tuple[Tensor, Tensor]:
        """Frame uint8 (H,W,3), unified mask (h,w) -> alpha (H,W), foreground uint8 (H,W,3)."""
        return refine(self.mrn, frame, unified, torch.float16)


def programs(profile: Profile, device: str) -> dict[str, tuple[ExportedProgram, tuple[Tensor, ...]]]:
    """The three networks with their glue as exported programs for one frame size, each with inputs that fit it."""
    networks = released_networks()
    modules: dict[str, nn.Module] = {
        "mpn": Predicted(networks.mpn, profile.model),
        "qun": Unified(networks.qun),
        "mrn": Refined(networks.mrn),
    }
    shapes = input_shapes(*profile.usual, profile.model)
    found = {}
    for name in NETWORKS:
        kinds = [torch.uint8 if tensor == "frame" else torch.float16 for tensor in shapes[name]]
        inputs = tuple(
            torch.zeros(shape, dtype=kind, device=device) for shape, kind in zip(shapes[name].values(), kinds, strict=True)
        )
        found[name] = (torch.export.export(modules[name].eval().to(device), inputs), inputs)
    return found


def require_torch_tensorrt() -> Any:
    """The module. Raises EngineError that says what to do where it cannot be imported."""
    try:
        return importlib.import_module("torch_tensorrt")
    except (ImportError, OSError, RuntimeError) as error:
        remedy = "type: pip install 'semantic-human-matting[torch-tensorrt]', on a machine with an NVIDIA GPU"
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise EngineError(f"--via torch-tensorrt: cannot be imported ({said}); {remedy}") from error


def build_from_torch(profile: Profile, timing: bytes, told: Told) -> tuple[Engines, bytes]:
    """The three engines for one frame size, as a `Build` of `compile.py`. torch-tensorrt keeps its own timings.

    Raises EngineError for a range of sizes, and where torch-tensorrt is missing or fails.
    """
    if not profile.fixed:
        raise EngineError(f"--via torch-tensorrt: takes --size, not --dynamic {profile}")
    torch_tensorrt = require_torch_tensorrt()
    engines: Engines = {}
    for index, (name, (program, inputs)) in enumerate(programs(profile, device="cuda").items()):
        told(name, index / len(NETWORKS))
        try:
            engines[name] = torch_tensorrt.dynamo.convert_exported_program_to_serialized_trt_engine(
                program, arg_inputs=inputs, **SETTINGS
            )
        except RuntimeError as error:
            raise EngineError(f"--via torch-tensorrt: {name}: {str(error).splitlines()[0]}; take --via onnx") from error
    told(NETWORKS[-1], 1.0)
    return engines, timing
