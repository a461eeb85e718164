"""The ranges and means that int8 needs: what the convolutions of the exported graphs take on frames of training scenes."""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx

from engines import Frame
from engines.backends.openvino import openvino
from engines.backends.openvino_networks import Requests, chain, part_shapes, predict, shrink_into
from engines.geometry import BASE, MODELS, Size, low_resolution
from engines.graphs.int8 import Activation, rounded_tensors
from engines.weights import INT8, PARTS, graph_file
from train.data.library import Library
from train.data.samples import Samples, doubled_view
from train.recipe import Recipe

FRAMES = 100


def scene_frames(library: Library, model: str = BASE, count: int = FRAMES) -> Iterator[Frame]:
    """Frames (2h,2w,3) of scenes as the model's networks are trained on them, always the same."""
    recipe = Recipe(low_resolution=MODELS[model])
    samples = Samples(library, recipe, batch=1)
    for number in range(count):
        rng = random.Random(f"calibration:{number}")
        yield doubled_view(samples.scene(rng), recipe.low_resolution, recipe.augment, rng).picture


def observe(frames: Iterable[Frame], folder: Path, model: str, channels: int) -> dict[str, dict[str, Activation]]:
    """Each of `rounded_tensors` in a model's graphs of INT8: means of the frames' least and largest values, and of their means.

    `folder`: of the graphs. `channels`: of MRN's features, and the logit.
    """
    graphs = {name: onnx.load(str(folder / graph_file(name)), load_external_data=False) for name in INT8}
    taken = {name: rounded_tensors(name, graph) for name, graph in graphs.items()}
    ready: dict[Size, Requests] = {}
    seen: dict[tuple[str, str], list[Activation]] = defaultdict(list)
    for frame in frames:
        height, width = frame.shape[:2]
        size = low_resolution(height, width, model)
        if size not in ready:
            shapes, models = part_shapes(height, width, model, channels), {}
            for name in PARTS:
                network = openvino().read_model(folder / graph_file(name))
                network.reshape(shapes[name])
                network.add_outputs(taken.get(name, []))
                models[name] = openvino().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
            ready[size] = chain(models)
        requests = ready[size]
        shrink_into(requests, frame)
        predict(requests)
        requests["qun"].infer()
        requests["mrn-features"].infer()
        for name, tensors in taken.items():
            for tensor in tensors:
                values = requests[name].get_tensor(tensor).data
                seen[name, tensor].append(Activation(float(values.min()), float(values.max()), values.mean((0, 2, 3))))
    activations: dict[str, dict[str, Activation]] = {name: {} for name in INT8}
    for (name, tensor), found in seen.items():
        low, high, means = (np.mean(part, axis=0) for part in zip(*found, strict=True))
        activations[name][tensor] = Activation(float(low), float(high), means)
    return activations
