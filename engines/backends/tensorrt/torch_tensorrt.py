"""A second way to build TensorRT engines: PyTorch's own graphs, through torch-tensorrt, without ONNX.

Versions that go together: torch-tensorrt 2.13 with torch 2.13 and TensorRT 11.0; 2.14 with torch 2.14 and TensorRT below 11.2.
It can be imported only where there is a GPU.
"""

import importlib
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from engines.backends.ahead import OnProgress
from engines.backends.tensorrt.build import Built
from engines.backends.torch import released_networks
from engines.errors import BackendUnavailable, EngineError
from engines.geometry import input_shapes
from engines.graphs.glue import predict, refine, shrink, unify
from engines.graphs.profile import Profile
from engines.store.entries import Engines
from engines.weights import NETWORKS

# Precision is the graph's, as with ONNX; MPN's float32 is intended.
SETTINGS = {"use_explicit_typing": True, "disable_tf32": True, "cache_built_engines": False, "reuse_cached_engines": False}


class Predicted(nn.Module):
    """MPN with its glue, as in its ONNX graph: float32 inside, float16 outputs."""

    def __init__(self, mpn: nn.Module, model: str) -> None:
        super().__init__()
        self.mpn = mpn
        self.model = model

    def forward(self, frame: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Frame uint8 (H,W,3) -> doubled (1,3,2h,2w), image (1,3,h,w), coarse mask (h,w)."""
        image, doubled = shrink(frame, self.model)
        return doubled.half(), image.half(), predict(self.mpn, doubled, self.model).half()


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

    def forward(self, frame: Tensor, doubled: Tensor, unified: Tensor) -> tuple[Tensor, Tensor]:
        """Frame uint8 (H,W,3), doubled (1,3,2h,2w), unified mask (h,w) -> alpha (H,W), foreground uint8 (H,W,3)."""
        return refine(self.mrn, frame, doubled, unified, torch.float16)


class Program(NamedTuple):
    """A network with its glue, exported, and example inputs."""

    exported: ExportedProgram
    inputs: tuple[Tensor, ...]


def programs(profile: Profile, device: str) -> dict[str, Program]:
    """The three networks with their glue as exported programs for one frame size, each with example inputs."""
    networks = released_networks(profile.model)
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
        found[name] = Program(torch.export.export(modules[name].eval().to(device), inputs), inputs)
    return found


def require_torch_tensorrt() -> Any:
    """Import torch_tensorrt. Raises BackendUnavailable that says what to do where it cannot be imported."""
    try:
        return importlib.import_module("torch_tensorrt")
    except (ImportError, OSError, RuntimeError) as error:
        remedy = "type: pip install 'semantic-human-matting[torch-tensorrt]', on a machine with an NVIDIA GPU"
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BackendUnavailable(f"torch-tensorrt cannot be imported ({reason}); {remedy}") from error


def build_from_torch(profile: Profile, timing_cache: bytes, on_progress: OnProgress) -> Built:
    """Build the three engines for one frame size: a `Build` of `build.py`. torch-tensorrt keeps its own timing cache.

    Raises ValueError for a range of sizes, BackendUnavailable where torch-tensorrt is missing, and EngineError where it fails.
    """
    if not profile.fixed:
        raise ValueError(f"torch-tensorrt builds for one frame size, not for the range {profile}")
    torch_tensorrt = require_torch_tensorrt()
    engines: Engines = {}
    for index, (name, (program, inputs)) in enumerate(programs(profile, device="cuda").items()):
        on_progress(name, index / len(NETWORKS))
        try:
            engines[name] = torch_tensorrt.dynamo.convert_exported_program_to_serialized_trt_engine(
                program, arg_inputs=inputs, **SETTINGS
            )
        except RuntimeError as error:
            raise EngineError(f"{name}: torch-tensorrt fails ({str(error).splitlines()[0]}); build from ONNX") from error
    on_progress(NETWORKS[-1], 1.0)
    return Built(engines, timing_cache)
