"""From trained networks to a release: weights as safetensors, ONNX graphs that point into them, and the manifest."""

import json
import logging
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import onnx
import torch
from onnx import ModelProto, TensorProto, helper
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from engines.atomic import write_text
from engines.errors import WeightsError
from engines.geometry import BASE
from engines.graphs.edits import cut_out, replace_nodes
from engines.graphs.int8 import Activation, quantize
from engines.graphs.onnx_glue import Glue, details_glue, features_glue, low_glue, mpn_glue, mrn_glue, qun_glue
from engines.networks import MRN, Networks
from engines.networks.blocks import logit, pixel_pairs
from engines.networks.fold import fold
from engines.networks.mrn import HALO, MatteRows
from engines.weights import MANIFEST, SAFETENSORS, graph_file, int8_graph, sha256

OPSET = 18
IR_VERSION = 10
MPN_GLUE = {"mpn": mpn_glue, "mpn-low": low_glue}
Calibrate = Callable[[Path], Mapping[str, Mapping[str, Activation]]]  # of a folder with the graphs: by graph and tensor
OTHER_GLUE = {"qun": qun_glue, "mrn": mrn_glue, "mrn-details": details_glue}


class Whole(nn.Module):
    """MRN with the details of the whole frame, its parameters under their own names, and what stands between its two parts."""

    def __init__(self, mrn: MRN) -> None:
        super().__init__()
        self.mrn = mrn

    def forward(self, image: Tensor, mask: Tensor, pixels: Tensor) -> tuple[Tensor, ...]:
        by_position = self.mrn.features(image, mask)
        features = self.mrn.of_whole_frame(self.mrn.with_logit(by_position, mask), pixels)
        return *self.mrn.details(pixels, features), by_position, logit(mask), features


class Clamp(nn.Module):
    """ReLU6 by another name: PyTorch takes half as long to export a network with it."""

    def forward(self, values: Tensor) -> Tensor:
        return values.clamp(0, 6)


def _with_clamps(network: nn.Module) -> nn.Module:
    """A copy of a network with Clamp in place of ReLU6."""
    copy = deepcopy(network)
    for module in [*copy.modules()]:
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU6):
                setattr(module, name, Clamp())
    return copy


class Core(NamedTuple):
    """A network without glue: the module, example inputs by name, which sides of them are free, and the outputs' names."""

    module: nn.Module
    inputs: dict[str, Tensor]
    shapes: tuple[dict[int, Any], ...]
    outputs: list[str]


# The graphs of MRN: what they take and give.
ROWS = list(MatteRows._fields)
PARTS_OF_MRN = {
    "mrn": (["doubled", "mask", "pixels"], ROWS),
    "mrn-features": (["doubled", "mask"], ["by_position", "logit"]),
    "mrn-details": (["pixels", "features"], ROWS),
}


def _core(name: str, network: nn.Module) -> Core:
    """What a network is exported as."""
    dim = torch.export.Dim
    rows, columns = dim("rows", min=2, max=1024), dim("columns", min=2, max=1024)
    stride = {"mpn": 32, "qun": 8, "mrn": 8}[name]
    image = torch.rand(1, 3, 4 * stride, 6 * stride)
    low = {2: stride * rows, 3: stride * columns}
    if not isinstance(network, MRN):
        inputs = {"seen": image} if name == "mpn" else {"image": image, "mask": image[:, :1]}
        return Core(_with_clamps(network), inputs, (low,) * len(inputs), ["output"])
    inputs = {
        "doubled": torch.rand(1, 3, 8 * stride, 12 * stride),
        "mask": image[:, :1],
        "pixels": pixel_pairs(torch.rand(1, 3, 60, 80)),
    }
    double = {2: 2 * stride * rows, 3: 2 * stride * columns}
    high, wide = dim("high", min=HALO + 4, max=8192), dim("wide", min=HALO + 4, max=8192)
    return Core(Whole(network), inputs, (double, low, {2: 2 * high, 3: wide}), [*ROWS, "by_position", "logit", "features"])


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep PyTorch's exporter from warning of packages that these networks do not need, and of its own names."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def cores(name: str, network: nn.Module) -> dict[str, ModelProto]:
    """A network without glue as ONNX graphs, by their names; initialisers have the names of the parameters.

    Sizes are free multiples of the stride. MPN is two graphs with different glue; MRN is three: all of it, and two parts.
    """
    module, inputs, shapes, outputs = _core(name, network)
    with _quietly():
        program = torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=shapes,
            input_names=list(inputs),
            output_names=outputs,
            verbose=False,
        )
    if program is None:
        raise RuntimeError(f"{name}: torch.onnx.export returned nothing")
    whole = program.model_proto
    if name == "mrn":
        return {part: cut_out(whole, *ends) for part, ends in PARTS_OF_MRN.items()}
    return {"mpn": whole, "mpn-low": whole} if name == "mpn" else {name: whole}


def _glue(name: str, network: ModelProto, model: str) -> Glue:
    if name in MPN_GLUE:
        return MPN_GLUE[name](model)
    if name == "mrn-features":
        return features_glue(network.graph.output[0].type.tensor_type.shape.dim[1].dim_value)
    return OTHER_GLUE[name]()


def with_glue(name: str, network: ModelProto, model: str = BASE) -> ModelProto:
    """The graph that every backend compiles: the network with its glue before and after."""
    glue = _glue(name, network, model)
    nodes = [*glue.before, *network.graph.node, *glue.after]
    graph = helper.make_graph(nodes, name, glue.inputs, glue.outputs, [*glue.constants, *network.graph.initializer])
    whole = helper.make_model(graph, opset_imports=network.opset_import, functions=network.functions, ir_version=IR_VERSION)
    onnx.checker.check_model(whole)
    return whole


def _offsets(path: Path) -> dict[str, tuple[int, int]]:
    """Offset and length in bytes of each tensor of a safetensors file."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    return {
        k: (8 + length + v["data_offsets"][0], v["data_offsets"][1] - v["data_offsets"][0])
        for k, v in header.items()
        if k != "__metadata__"
    }


def point_into(model: ModelProto, network: str, weights: Path) -> None:
    """Replace, in place, each initialiser that the weights hold by a reference to its float16 numbers in them, and a cast."""
    offsets = _offsets(weights)
    casts = []
    for initialiser in model.graph.initializer:
        place = offsets.get(f"{network}.{initialiser.name.removeprefix(f'{network}.')}")
        if place is None:
            continue
        name, shape = initialiser.name, list(initialiser.dims)
        initialiser.Clear()
        initialiser.name, initialiser.data_type = f"{name}.stored", TensorProto.FLOAT16
        initialiser.dims.extend(shape)
        initialiser.data_location = TensorProto.EXTERNAL
        for key, value in (("location", weights.name), ("offset", place[0]), ("length", place[1])):
            initialiser.external_data.add(key=key, value=str(value))
        casts.append(helper.make_node("Cast", [initialiser.name], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    replace_nodes(model, [*casts, *model.graph.node])


def export(networks: Networks, folder: Path, about: dict[str, Any], calibrate: Calibrate, model: str = BASE) -> None:
    """Write the release of a model's three networks; `about`, with their dimensions, goes into the manifest.

    `calibrate` gives what `int8.quantize` asks for; the graphs lie in the folder by then.
    The networks are changed: batch normalisation is folded in, and numbers are rounded to float16, as every backend sees them.
    What was in the folder stays until all is written. Raises WeightsError if that fails.
    """
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        beside.mkdir(parents=True)
        files = _write(networks, beside, about["dimensions"], calibrate, model)
        manifest = {**about, "sha256": {name: sha256(beside / name) for name in files}}
        write_text(beside / MANIFEST, json.dumps(manifest, indent=2) + "\n")
        folder.mkdir(exist_ok=True)
        for name in (*files, MANIFEST):
            (beside / name).replace(folder / name)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{folder}: cannot be written ({error}); make room on the disk, or name another folder") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write(networks: Networks, folder: Path, dimensions: Any, calibrate: Calibrate, model: str) -> list[str]:
    """Write the weights and the graphs into a folder; their names."""
    tensors: dict[str, Tensor] = {}
    for name, network in networks._asdict().items():
        fold(network.float().to(memory_format=torch.contiguous_format))
        network.load_state_dict({k: v.half().float() for k, v in network.state_dict().items()})
        tensors |= {f"{name}.{key}": value.half().contiguous() for key, value in network.state_dict().items()}
    weights = folder / SAFETENSORS
    save_file(tensors, weights, metadata={"dimensions": json.dumps(dimensions)})
    weights.chmod(0o644)  # safetensors makes it readable by its owner only, and an installed package is for all users
    files = [SAFETENSORS]
    for name, network in networks._asdict().items():
        for graph, core in cores(name, network).items():
            whole, file = with_glue(graph, core, model), graph_file(graph)
            for node in whole.graph.node:  # the source line of each node: of no use to a backend
                del node.metadata_props[:]
                node.doc_string = ""
            del whole.graph.value_info[:]
            point_into(whole, name, weights)
            (folder / file).write_bytes(whole.SerializeToString())
            files.append(file)
    for graph, activations in calibrate(folder).items():
        file = graph_file(int8_graph(graph))
        (folder / file).write_bytes(quantize(folder / graph_file(graph), activations).SerializeToString())
        files.append(file)
    return files
