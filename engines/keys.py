"""The keys under which engines are cached: whatever changes an engine changes its key."""

import hashlib
from functools import cache
from pathlib import Path

from engines.cache import Key
from engines.profile import Profile
from engines.weights import NETWORKS, SAFETENSORS, verified

# What makes the FP16 graphs out of those that ship: a change in it changes the engines.
GRAPH_SOURCES = ("half.py", "static.py", "dynamic.py", "tensorrt_build.py")


@cache
def released_digests() -> tuple[str, str]:
    """SHA-256 of the weights, and of the three graphs together. Raises InputError if these are missing or damaged."""
    digests = verified()["sha256"]
    together = hashlib.sha256("".join(digests[f"{name}.onnx"] for name in NETWORKS).encode())
    return digests[SAFETENSORS], together.hexdigest()


@cache
def half_digest() -> str:
    """SHA-256 of the three graphs and of what makes FP16 graphs out of them."""
    digest = hashlib.sha256(released_digests()[1].encode())
    for name in GRAPH_SOURCES:
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()


def openvino_key(height: int, width: int, *, precision: str, processor: str, compiler: str) -> Key:
    """For the graphs that OpenVINO compiled for one frame size. `processor`: name and abilities."""
    weights, graphs = released_digests()
    return Key("openvino", processor, str(Profile.of(height, width)), precision, compiler, weights, graphs)


def tensorrt_key(backend: str, profile: Profile, *, device: str, compiler: str) -> Key:
    """For FP16 engines of "tensorrt" or "tensorrt-rtx". `device`: a GPU generation ("sm89"), or a GPU's name and that."""
    return Key(backend, device, str(profile), "fp16", compiler, released_digests()[0], half_digest())


def stale(key: Key) -> bool:
    """Whether an engine is of other weights or graphs than those that ship with this version: nothing will load it."""
    weights, graphs = released_digests()
    return key.weights != weights or key.graphs != (graphs if key.backend == "openvino" else half_digest())
