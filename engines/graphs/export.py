"""From trained networks to a release: weights as safetensors, three ONNX graphs that point into them, and the manifest."""

import json
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import ModelProto, TensorProto, helper
from safetensors.torch import save_file
from torch import Tensor, nn

from engines.atomic import replacing
from engines.geometry import BASE, MASK_STRIDE, MODELS, STRIDE
from engines.graphs.edits import replace_nodes
from engines.graphs.onnx_glue import mpn_glue, mrn_glue, qun_glue
from engines.networks import MRN, Networks
from engines.networks.blocks import pixel_pairs
from engines.networks.fold import fold
from engines.networks.mrn import MatteRows
from engines.weights import MANIFEST, SAFETENSORS, graph_file, sha256

OPSET = 18
IR_VERSION = 10
OTHER_GLUE = {"qun": qun_glue, "mrn": mrn_glue}


class Rows(nn.Module):
    """`MRN.matte` as a module, its parameters under their own names."""

    def __init__(self, mrn: MRN) -> None:
        super().__init__()
        self.mrn = mrn

    def forward(self, image: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.mrn.matte(image, mask))


def core(name: str, network: nn.Module) -> ModelProto:
    """A network without glue as ONNX, its sizes free multiples of its stride. Initialisers have the names of the parameters."""
    outputs = ["output"]
    stride = {"mpn": 32, "qun": 8, "mrn": STRIDE}[name]
    rows, columns = torch.export.Dim("rows", min=2, max=1024), torch.export.Dim("columns", min=2, max=1024)
    image = torch.rand(1, 3, 4 * stride, 6 * stride)
    inputs: tuple[Tensor, ...] = (image,)
    shapes: tuple[dict[int, Any], ...] = ({2: stride * rows, 3: stride * columns},)
    if name == "qun":
        inputs, shapes = (image, image[:, :1]), (shapes[0], shapes[0])
    elif isinstance(network, MRN):
        step = STRIDE // MASK_STRIDE
        inputs = (pixel_pairs(image), image[:, :1, ::MASK_STRIDE, ::MASK_STRIDE])
        shapes = ({2: STRIDE * rows, 3: STRIDE // 2 * columns}, {2: step * rows, 3: step * columns})
        network, outputs = Rows(network), list(MatteRows._fields)
    program = torch.onnx.export(
        network.eval(),
        inputs,
        dynamo=True,
        opset_version=OPSET,
        dynamic_shapes=shapes,
        input_names=["image", "mask"][: len(inputs)],
        output_names=outputs,
        verbose=False,
    )
    if program is None:
        raise RuntimeError(f"{name}: torch.onnx.export returned nothing")
    return program.model_proto


def with_glue(name: str, network: ModelProto, model: str = BASE) -> ModelProto:
    """The graph that every backend compiles: the network with its glue before and after."""
    glue = mpn_glue(model) if name == "mpn" else OTHER_GLUE[name]()
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


def export(networks: Networks, folder: Path, about: dict[str, Any]) -> None:
    """Write the release of three trained networks; `about`, with their dimensions, goes into the manifest.

    The networks are changed: batch normalisation is folded in, and numbers are rounded to float16, as every backend sees them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {}
    for name, network in networks._asdict().items():
        fold(network.float().to(memory_format=torch.contiguous_format))
        network.load_state_dict({k: v.half().float() for k, v in network.state_dict().items()})
        tensors |= {f"{name}.{key}": value.half().contiguous() for key, value in network.state_dict().items()}
    weights = folder / SAFETENSORS
    with replacing(weights) as path:
        save_file(tensors, path, metadata={"dimensions": json.dumps(about["dimensions"])})
        path.chmod(0o644)  # safetensors makes it readable by its owner only, and an installed package is for all users
    files = [SAFETENSORS]
    for name, network in networks._asdict().items():
        without_glue = core(name, network)
        for file, model in {graph_file(name, model): model for model in MODELS}.items():
            whole = with_glue(name, without_glue, model)
            for node in whole.graph.node:  # the source line of each node: of no use to a backend
                del node.metadata_props[:]
                node.doc_string = ""
            del whole.graph.value_info[:]
            point_into(whole, name, weights)
            with replacing(folder / file) as path:
                path.write_bytes(whole.SerializeToString())
            files.append(file)
    manifest = {**about, "sha256": {name: sha256(folder / name) for name in files}}
    with replacing(folder / MANIFEST) as path:
        path.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
