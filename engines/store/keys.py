"""The keys of cached engines: whatever changes an engine changes its key."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from engines.geometry import BASE
from engines.graphs.profile import Profile
from engines.store.entries import Key
from engines.weights import GRAPHS, SAFETENSORS, graph_file, models, verified

ENGINES = Path(__file__).parents[1]
# The sources that turn the released graphs, or the networks, into FP16 engines: a change in one changes the engines. A test
# compares these lists with what the modules import.
FP16_SOURCES = {
    "onnx": (
        "backends/tensorrt/build.py",
        "geometry.py",
        "graphs/casts.py",
        "graphs/dynamic.py",
        "graphs/edits.py",
        "graphs/fp16.py",
        "graphs/profile.py",
        "graphs/static.py",
        "weights.py",
    ),
    "torch": (
        "backends/gpu/confirming.py",
        "backends/gpu/focus.py",
        "backends/torch_lane/networks.py",
        "confirming.py",
        "focus.py",
        "geometry.py",
        "graphs/glue.py",
        "networks/__init__.py",
        "networks/blocks.py",
        "networks/lite0.py",
        "networks/mpn.py",
        "networks/mrn.py",
        "networks/qun.py",
        "weights.py",
    ),
    "torch-tensorrt": (
        "backends/tensorrt/torch_tensorrt.py",
        "backends/torch.py",
        "confirming.py",
        "focus.py",
        "geometry.py",
        "graphs/glue.py",
        "graphs/profile.py",
        "networks/__init__.py",
        "networks/blocks.py",
        "networks/fold.py",
        "networks/lite0.py",
        "networks/mpn.py",
        "networks/mrn.py",
        "networks/qun.py",
        "tiles.py",
        "weights.py",
    ),
}


class Digests(NamedTuple):
    """SHA-256 of the weights, and of a model's graphs together."""

    weights: str
    graphs: str


def released_digests(model: str = BASE) -> Digests:
    """The digests of a released model. Raises WeightsError if its files are missing or damaged."""
    digests = verified(model)["sha256"]
    together = hashlib.sha256("".join(digests[graph_file(name)] for name in GRAPHS).encode())
    return Digests(digests[SAFETENSORS], together.hexdigest())


def fp16_digest(model: str = BASE, via: str = "onnx") -> str:
    """SHA-256 of a model's graphs and of the sources that make FP16 engines of them."""
    digest = hashlib.sha256(released_digests(model).graphs.encode())
    for name in FP16_SOURCES[via]:
        digest.update((ENGINES / name).read_bytes())
    return digest.hexdigest()


def openvino_key(height: int, width: int, *, precision: str, processor: str, compiler: str, model: str = BASE) -> Key:
    """The key of the graphs that OpenVINO compiled for one low resolution. `processor`: its name and capabilities."""
    weights, graphs = released_digests(model)
    return Key("openvino", processor, str(Profile.of(height, width)), precision, compiler, weights, graphs)


def tensorrt_key(backend: str, profile: Profile, *, device: str, compiler: str, via: str = "onnx") -> Key:
    """The key of FP16 engines of "tensorrt" or "tensorrt-rtx", built via "onnx" or "torch-tensorrt".

    `device`: a GPU generation ("sm89"), or a GPU's name and that.
    """
    weights = released_digests(profile.model).weights
    return Key(backend, device, str(profile), "fp16", compiler, weights, fp16_digest(profile.model, via))


def torch_key(profile: Profile, *, device: str, compiler: str) -> Key:
    """The key of the FP16 networks that PyTorch compiled for one frame size. `device`: a GPU's name."""
    weights = released_digests(profile.model).weights
    return Key("torch", device, str(profile), "fp16", compiler, weights, fp16_digest(profile.model, "torch"))


def model_of(key: Key) -> str | None:
    """The model of an engine, or None if its weights or graphs are not the released ones, so that nothing will load it."""
    for model in models():
        digests = released_digests(model)
        graphs = {digests.graphs} if key.backend == "openvino" else {fp16_digest(model, via) for via in FP16_SOURCES}
        if key.weights == digests.weights and key.graphs in graphs:
            return model
    return None
