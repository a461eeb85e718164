"""The keys under which engines are cached: whatever changes an engine changes its key."""

import hashlib
from functools import cache
from pathlib import Path

from engines.geometry import BASE, MODELS
from engines.graphs.profile import Profile
from engines.store.cache import Key
from engines.weights import NETWORKS, SAFETENSORS, graph_file, verified

# What makes the FP16 graphs out of those that ship: a change in it changes the engines.
GRAPH_SOURCES = (
    "geometry.py",
    "graphs/casts.py",
    "graphs/dynamic.py",
    "graphs/fp16.py",
    "graphs/static.py",
    "backends/tensorrt/build.py",
)


@cache
def released_digests(model: str = BASE) -> tuple[str, str]:
    """SHA-256 of the weights, and of a model's three graphs together. Raises EngineError if these are missing or damaged."""
    digests = verified()["sha256"]
    together = hashlib.sha256("".join(digests[graph_file(name, model)] for name in NETWORKS).encode())
    return digests[SAFETENSORS], together.hexdigest()


@cache
def half_digest(model: str = BASE) -> str:
    """SHA-256 of a model's three graphs and of what makes FP16 graphs out of them."""
    digest = hashlib.sha256(released_digests(model)[1].encode())
    for name in GRAPH_SOURCES:
        digest.update((Path(__file__).parents[1] / name).read_bytes())
    return digest.hexdigest()


def openvino_key(height: int, width: int, *, precision: str, processor: str, compiler: str, model: str = BASE) -> Key:
    """For the graphs that OpenVINO compiled for one frame size. `processor`: name and abilities."""
    weights, graphs = released_digests(model)
    return Key("openvino", processor, str(Profile.of(height, width)), precision, compiler, weights, graphs)


def tensorrt_key(backend: str, profile: Profile, *, device: str, compiler: str) -> Key:
    """For FP16 engines of "tensorrt" or "tensorrt-rtx". `device`: a GPU generation ("sm89"), or a GPU's name and that."""
    return Key(backend, device, str(profile), "fp16", compiler, released_digests()[0], half_digest(profile.model))


def model_of(key: Key) -> str | None:
    """The model that an engine is of. None: of other weights or graphs than those that ship, so that nothing will load it."""
    if key.weights != released_digests()[0]:
        return None
    graphs = {released_digests(model)[1] if key.backend == "openvino" else half_digest(model): model for model in MODELS}
    return graphs.get(key.graphs)
