"""`python -m benchmarks.roofline OUT`: on paper, how long the FP16 engines must at least take on some GPUs, from their graphs.

A layer takes at least its operations at the GPU's peak, and at least its bytes at the memory's peak; the larger counts (the
roofline model of Williams, Waterman and Patterson). What a compiler fuses moves no bytes: activations, additions, casts, crops.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from onnx import ModelProto, NodeProto, TensorProto, helper, shape_inference

from engines.errors import run
from engines.half import FULL_INSIDE, half_graph
from engines.lane import DOWN, buffer_kinds
from engines.weights import NETWORKS
from realtime.photos import check_target, write_beside

ROOFLINE = Path(__file__).with_name("roofline.md")
INTRODUCTION = """\
# How fast the TensorRT engines can get, on paper

Nothing on this page was measured. This computes it from the FP16 graphs, and MPN, which is float32 inside, at the FP32 peak:
`python -m benchmarks.roofline benchmarks/roofline.md --overwrite`

## The work

GFLOP (a product and a sum are two), and megabytes between the GPU's memory and its cores if all is fused that can be.
"""
NOTES = """\
*Within 2x* is what an engine has to reach to be within twice the floor. The floor leaves out what it costs to start a kernel,
and the peaks are those of large matrices: layers of 16 and 24 channels do not reach them. PCI Express is apart: a frame has to
go up before, and its matte down after, the 5 bytes a pixel of alpha and foreground.

## What the GPUs can do at most

From their makers' data sheets: dense, FP16 on tensor cores with FP32 sums.
"""
SIZES = ((800, 800), (1080, 1920), (2160, 3840))  # height, width
OWN_PASS = {"Conv", "Resize"}  # what is not fused into another: it reads its inputs and writes its output
RESIZE_OPERATIONS = 8  # of a bilinear output: four products, and their sum with the weights


@dataclass(frozen=True)
class Gpu:
    """Peak figures out of its maker's data sheet: dense, FP16 on tensor cores with FP32 sums."""

    name: str
    fp16: float  # TFLOP/s
    fp32: float  # TFLOP/s
    memory: float  # GB/s
    bus: float  # GB/s each way, of its PCI Express


GPUS = (
    Gpu("T4", fp16=65, fp32=8.1, memory=320, bus=16),
    Gpu("RTX 4060", fp16=30.2, fp32=15.1, memory=272, bus=16),
    Gpu("RTX 4090", fp16=165.2, fp32=82.6, memory=1008, bus=32),
    Gpu("H100 SXM", fp16=989, fp32=67, memory=3350, bus=64),
)


@dataclass(frozen=True)
class Layer:
    """What one pass over memory does: operations (a product and a sum are two), and the bytes that it reads and writes."""

    operations: int
    bytes: int
    fp32: bool

    def milliseconds(self, gpu: Gpu) -> float:
        """The least that it takes."""
        return 1e3 * max(self.computing(gpu), self.bytes / (gpu.memory * 1e9))

    def computing(self, gpu: Gpu) -> float:
        """Seconds of the operations alone."""
        return self.operations / ((gpu.fp32 if self.fp32 else gpu.fp16) * 1e12)


@dataclass(frozen=True)
class Tensors:
    """Sizes of the tensors of a graph of which each shape is known."""

    elements: dict[str, int]
    bytes: dict[str, int]
    shapes: dict[str, tuple[int, ...]]
    constants: set[str]


def tensors(model: ModelProto) -> Tensors:
    """Sizes of everything in a static graph."""
    inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    values = [(value.name, value.type.tensor_type) for value in (*inferred.input, *inferred.output, *inferred.value_info)]
    shapes = {name: tuple(int(side.dim_value) for side in kind.shape.dim) for name, kind in values}
    kinds = {name: kind.elem_type for name, kind in values}
    constants = {each.name for each in inferred.initializer}
    shapes |= {each.name: tuple(each.dims) for each in inferred.initializer}
    kinds |= {each.name: each.data_type for each in inferred.initializer}
    elements = {name: product(shape) for name, shape in shapes.items()}
    width = {
        name: helper.tensor_dtype_to_np_dtype(kind).itemsize for name, kind in kinds.items() if kind != TensorProto.UNDEFINED
    }
    return Tensors(elements, {name: elements[name] * width[name] for name in width}, shapes, constants)


def product(sides: tuple[int, ...]) -> int:
    """How many elements a shape has."""
    count = 1
    for side in sides:
        count *= side
    return count


def layers(model: ModelProto) -> list[Layer]:
    """The passes of a static graph. Raises KeyError for a graph of which a shape is not known."""
    sizes = tensors(model)
    fp32 = model.graph.name in FULL_INSIDE
    stored = {value.name: sizes.bytes[value.name] for value in model.graph.input}  # bytes that reading a tensor costs
    found = []
    for node in model.graph.node:
        [output, *_] = node.output
        inputs = [name for name in node.input if name and name not in sizes.constants]
        if not inputs:
            continue
        if node.op_type in OWN_PASS:
            constants = sum(sizes.bytes[name] for name in node.input if name in sizes.constants)
            moved = sum(stored[name] for name in inputs) + constants + sizes.bytes[output]
            found.append(Layer(operations_of(node, sizes), moved, fp32))
            stored[output] = sizes.bytes[output]
        elif node.op_type == "Concat":  # its parts are written next to each other
            stored[output] = sum(stored[name] for name in inputs)
        else:
            # Fused into the pass before it, which then reads the other operands as well.
            others = sum(sorted(stored[name] for name in inputs)[:-1])
            found.append(Layer(sizes.elements[output] if pointwise(node) else 0, others, fp32))
            stored[output] = stored[inputs[0]] if len(inputs) == 1 else sizes.bytes[output]
    return found


def pointwise(node: NodeProto) -> bool:
    """Whether a node computes, rather than moves or renames."""
    return node.op_type in {"Add", "Sub", "Mul", "Div", "Relu", "Clip", "Sigmoid", "Softmax", "HardSwish"}


def operations_of(node: NodeProto, sizes: Tensors) -> int:
    """Operations of a node with a pass of its own."""
    outputs = sizes.elements[node.output[0]]
    if node.op_type == "Resize":
        return outputs * RESIZE_OPERATIONS
    _, *kernel = sizes.shapes[node.input[1]]  # input channels of a group, height, width
    return outputs * (2 * product(tuple(kernel)) + (len(node.input) > 2))


def transfer(height: int, width: int) -> tuple[int, int]:
    """Bytes that go up to the GPU and come down from it for a frame."""
    kinds = buffer_kinds(height, width)
    size = {name: product(shape) * kind.itemsize for name, (shape, kind) in kinds.items()}
    return size["frame"], sum(size[name] for name in DOWN)


def report() -> str:
    """The page, in Markdown."""
    passes = {(size, name): layers(half_graph(name, *size)) for size in SIZES for name in NETWORKS}
    lines = [
        INTRODUCTION,
        "| frame | " + " | ".join(NETWORKS) + " | all three | up / down over PCI Express |",
        "|---|" + "---|" * (len(NETWORKS) + 2),
    ]
    for size in SIZES:
        sums = [(sum(p.operations for p in passes[size, n]), sum(p.bytes for p in passes[size, n])) for n in NETWORKS]
        sums.append((sum(flops for flops, _ in sums), sum(moved for _, moved in sums)))
        up, down = transfer(*size)
        cells = [f"{flops / 1e9:.2f} GFLOP, {moved / 1e6:.0f} MB" for flops, moved in sums]
        lines.append(f"| {label(size)} | " + " | ".join(cells) + f" | {up / 1e6:.1f} MB / {down / 1e6:.1f} MB |")
    lines += [
        "",
        "## The floor",
        "",
        "Milliseconds a frame. *Memory* is the share of the floor in passes that memory bounds.",
        "",
    ]
    for size in SIZES:
        lines += [
            f"### {label(size)}",
            "",
            "| GPU | " + " | ".join(NETWORKS) + " | floor | memory | within 2x | PCI Express, up and down |",
            "|---|" + "---|" * (len(NETWORKS) + 4),
        ]
        lines += [floor_row(gpu, size, {name: passes[size, name] for name in NETWORKS}) for gpu in GPUS]
        lines.append("")
    lines += [
        NOTES,
        "| GPU | FP16, TFLOP/s | FP32, TFLOP/s | memory, GB/s | PCI Express, GB/s each way |",
        "|---|---|---|---|---|",
        *(f"| {gpu.name} | {gpu.fp16:g} | {gpu.fp32:g} | {gpu.memory:g} | {gpu.bus:g} |" for gpu in GPUS),
    ]
    return "\n".join(lines) + "\n"


def label(size: tuple[int, int]) -> str:
    """Width x height of (height, width)."""
    return f"{size[1]}x{size[0]}"


def floor_row(gpu: Gpu, size: tuple[int, int], passes: dict[str, list[Layer]]) -> str:
    """A GPU's row."""
    times = [sum(layer.milliseconds(gpu) for layer in passes[name]) for name in NETWORKS]
    every = [layer for name in NETWORKS for layer in passes[name]]
    by_memory = sum(layer.milliseconds(gpu) for layer in every if layer.milliseconds(gpu) > 1e3 * layer.computing(gpu))
    bus = sum(transfer(*size)) / (gpu.bus * 1e6)
    cells = [f"{time:.2f}" for time in (*times, sum(times))]
    return f"| {gpu.name} | {' | '.join(cells)} | {by_memory / sum(times):.0%} | {2 * sum(times):.2f} | {bus:.2f} |"


app = typer.Typer(add_completion=False, rich_markup_mode="rich")


@app.command()
def roofline(
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The page to write.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", "-y", help="Replace it if it exists.")] = False,
) -> None:
    """Compute how long the FP16 engines must at least take on some GPUs.

    [bold]Examples[/bold]

      python -m benchmarks.roofline benchmarks/roofline.md --overwrite
    """
    check_target(target, overwrite=overwrite)
    write_beside(target, report().encode())


def main() -> None:
    """The command."""
    run(app)


if __name__ == "__main__":
    main()
