"""An ONNX model of the user's own, told by a small TOML file, as a function from a frame to its alpha.

    model = "modnet.onnx"       # beside this file, or a full path
    size = [512, 512]           # width and height that the model takes; leave it out for the frame's own
    multiple = 32               # of the frame's own size: its sides are rounded up to a multiple of this
    mean = [0.5, 0.5, 0.5]      # taken off the colours, which are from 0 to 1
    std = [0.5, 0.5, 0.5]       # then divided by
    colours = "rgb"             # or "bgr"
    layout = "nchw"             # or "nhwc"
    input = "input"             # the picture's input, by name; else the first
    output = "output"           # the alpha's output, by name; else the first
    activation = "none"         # "sigmoid", "softmax" over the channels, or "range": the least becomes 0, the most 1
    channel = 0                 # of the output, that of the person

    [constants]                 # what other inputs are fed with, float32
    downsample_ratio = { shape = [1], value = 0.25 }

Models run in OpenVINO, as ours do. It is imported in the process of its own that a peer has.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.commands.running import UsageError
from engines.engine import Frame, Mask

LAYOUTS = ("nchw", "nhwc")
ACTIVATIONS = ("none", "sigmoid", "softmax", "range")
COLOURS = ("rgb", "bgr")


@dataclass(frozen=True)
class Adapter:
    """What such a file says; see the top of this module."""

    model: Path
    size: tuple[int, int] | None = None
    multiple: int = 1
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    colours: str = "rgb"
    layout: str = "nchw"
    input: str | None = None
    output: str | None = None
    activation: str = "none"
    channel: int = 0
    constants: dict[str, NDArray[np.float32]] = field(default_factory=dict)


def read_adapter(path: Path) -> Adapter:
    """Reads such a file. Raises UsageError that names the file and the key where something is wrong in it."""
    try:
        said: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--onnx {path}: cannot be read ({error.strerror}); name a TOML file that tells of a model") from error
    except ValueError as error:
        raise UsageError(f"--onnx {path}: is no TOML: {error}") from error
    known = {each.name for each in fields(Adapter)}
    if unknown := set(said) - known:
        raise UsageError(f"--onnx {path}: {', '.join(sorted(unknown))}: unknown; known are {', '.join(sorted(known))}")
    if "model" not in said:
        raise UsageError(f"--onnx {path}: lacks model, the name of an ONNX file")
    said["model"] = path.parent / str(said["model"])
    if not said["model"].is_file():
        raise UsageError(f"--onnx {path}: model: there is no file {said['model']}")
    for key, choices in (("layout", LAYOUTS), ("activation", ACTIVATIONS), ("colours", COLOURS)):
        if said.get(key, choices[0]) not in choices:
            raise UsageError(f"--onnx {path}: {key}: take one of {', '.join(choices)}")
    for key, count, kind in (("size", 2, int), ("mean", 3, float), ("std", 3, float)):
        if key in said:
            said[key] = _numbers(path, key, said[key], count, kind)
    try:
        constants = said.get("constants", {})
        said["constants"] = {name: np.full(each["shape"], each["value"], np.float32) for name, each in constants.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"--onnx {path}: constants: each is NAME = {{ shape = [...], value = number }}") from error
    return Adapter(**said)


def _numbers(path: Path, key: str, value: Any, count: int, kind: type) -> tuple[Any, ...]:
    if not isinstance(value, list) or len(value) != count or not all(isinstance(each, int | float) for each in value):
        raise UsageError(f"--onnx {path}: {key}: give {count} numbers, such as {[1, 1, 1][:count]}")
    numbers = tuple(kind(each) for each in value)
    if key != "mean" and min(numbers) <= 0:
        raise UsageError(f"--onnx {path}: {key}: must be above 0")
    return numbers


def load_model(path: Path, threads: int, precision: str) -> Callable[[Frame], Mask]:
    """The model of such a file: uint8 RGB (H, W, 3) -> alpha, float32 (H, W). `precision`: "f32" or "bf16".

    Raises UsageError for what is no such file, or where the model has no such input or output.
    """
    import openvino as ov

    adapter = read_adapter(path)
    core = ov.Core()
    try:
        model = core.read_model(adapter.model)
    except RuntimeError as error:
        raise UsageError(f"--onnx {path}: {adapter.model}: OpenVINO cannot read it") from error
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": "1",
        "INFERENCE_NUM_THREADS": str(threads),
        "INFERENCE_PRECISION_HINT": precision,
    }
    picture = _port(path, "input", adapter.input, {name: each for each in model.inputs for name in each.get_names()})
    alpha = _port(path, "output", adapter.output, {name: each for each in model.outputs for name in each.get_names()})
    requests: dict[tuple[int, int], Any] = {}

    def request(width: int, height: int) -> Any:
        if (width, height) not in requests:
            shape = [1, 3, height, width] if adapter.layout == "nchw" else [1, height, width, 3]
            model.reshape({picture: shape} | {name: list(each.shape) for name, each in adapter.constants.items()})
            requests[width, height] = core.compile_model(model, "CPU", settings).create_infer_request()
            for name, each in adapter.constants.items():
                requests[width, height].set_tensor(name, ov.Tensor(each))
        return requests[width, height]

    def matte(frame: Frame) -> Mask:
        height, width = frame.shape[:2]
        size = adapter.size or (_up(width, adapter.multiple), _up(height, adapter.multiple))
        ready = request(*size)
        ready.set_tensor(picture, ov.Tensor(prepared(frame, size, adapter)))
        ready.infer()
        found = read_alpha(np.asarray(ready.get_tensor(alpha).data, np.float32), adapter)
        return np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR).clip(0, 1), np.float32)

    return matte


def prepared(frame: Frame, size: tuple[int, int], adapter: Adapter) -> NDArray[np.float32]:
    """The input that a model takes of a frame: resized to `size` (width, height), normalised, in its order of axes."""
    smaller = size[0] < frame.shape[1]
    pixels = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    if adapter.colours == "bgr":
        pixels = pixels[..., ::-1]
    mean, std = (np.asarray(each, np.float32) for each in (adapter.mean, adapter.std))
    scaled = (pixels * np.float32(1 / 255) - mean) / std
    ordered = scaled.transpose(2, 0, 1) if adapter.layout == "nchw" else scaled
    return np.ascontiguousarray(ordered[None], np.float32)


def read_alpha(output: NDArray[np.float32], adapter: Adapter) -> Mask:
    """The alpha (h, w) in what a model gives: (1, C, h, w), or (1, h, w, C) by its layout; axes of length 1 may be missing."""
    planes = output.reshape(output.shape[-3:]) if output.ndim > 3 else output
    if planes.ndim == 2:
        planes = planes[None]
    elif adapter.layout == "nhwc" and output.ndim > 3:
        planes = planes.transpose(2, 0, 1)
    if adapter.activation == "softmax":
        exponents = np.exp(planes - planes.max(axis=0))
        planes = exponents / exponents.sum(axis=0)
    plane = planes[adapter.channel]
    if adapter.activation == "sigmoid":
        plane = 1 / (1 + np.exp(-plane))
    if adapter.activation == "range":
        plane = (plane - plane.min()) / max(float(np.ptp(plane)), 1e-6)
    return np.ascontiguousarray(plane, np.float32)


def _port(path: Path, key: str, name: str | None, ports: dict[str, Any]) -> Any:
    if name is None and ports:
        return next(iter(ports.values()))
    if name not in ports:
        raise UsageError(f"--onnx {path}: {key} {name}: the model has {', '.join(sorted(ports))}")
    return ports[name]


def _up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple
