"""What a CUDA GPU can do at most, measured: how fast it copies and multiplies. A floor under the times of engines on it."""

from collections.abc import Callable, Sequence
from typing import Any

REPEATS = 20
COPIED = 2**30  # bytes of a copy on the card
MOVED = 64 * 2**20  # bytes of a copy between host and card
SIDE = 8192  # of the matrices
Card = dict[str, Any]


def measure(device: str = "cuda", *, copied: int = COPIED, moved: int = MOVED, side: int = SIDE) -> Card:
    """Name, bytes a second copied on the card (read and written), to it and from it, and FLOP a second of a product in FP16."""
    import torch
    from torch.utils.benchmark import Timer

    def seconds(work: Callable[[], object]) -> float:
        return float(Timer("work()", globals={"work": work}).timeit(REPEATS).mean)  # which waits for the GPU

    on = torch.device(device)
    first, second = (torch.zeros(copied, dtype=torch.uint8, device=on) for _ in range(2))
    host = torch.zeros(moved, dtype=torch.uint8, pin_memory=on.type == "cuda")
    left, right = (torch.randn(side, side, device=on).half() for _ in range(2))
    product = torch.empty_like(left)
    return {
        "name": torch.cuda.get_device_name(on) if on.type == "cuda" else "CPU",
        "copied": 2 * copied / seconds(lambda: second.copy_(first)),
        "up": moved / seconds(lambda: first[:moved].copy_(host, non_blocking=True)),
        "down": moved / seconds(lambda: host.copy_(first[:moved], non_blocking=True)),
        "fp16": 2 * side**3 / seconds(lambda: torch.mm(left, right, out=product)),
    }


def operations(size: tuple[int, int], model: str) -> dict[str, int]:
    """FLOP of the convolutions of each network, for a frame of a size (width, height)."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from engines.graphs.glue import predict, refine, shrink, unify
    from engines.networks import MPN, MRN, QUN

    width, height = size
    found = {}
    with torch.device("meta"), torch.no_grad():
        frame = torch.empty(height, width, 3, dtype=torch.uint8)
        image, doubled = shrink(frame, model)
        mask = torch.empty(image.shape[-2:])
        works: dict[str, Callable[[], object]] = {
            "mpn": lambda: predict(MPN().eval(), doubled, model),
            "qun": lambda: unify(QUN().eval(), image, mask),
            "mrn": lambda: refine(MRN().eval(), frame, doubled, mask),
        }
        for name, work in works.items():
            with FlopCounterMode(display=False) as counter:
                work()
            found[name] = counter.get_total_flops()
    return found


def measure_with_frames(sizes: Sequence[tuple[int, int]], models: Sequence[str]) -> Card | str:
    """The card, and the FLOP of frames of these sizes (width, height); or in a line why it cannot be measured."""
    try:
        card = measure()  # first: without a card, nothing is counted
    except (AssertionError, RuntimeError) as error:  # a PyTorch without CUDA raises the former
        return str(error).splitlines()[0]
    frames = [{"size": size, "model": model, "flop": operations(size, model)} for size in sizes for model in models]
    return card | {"frames": frames}


def sentence(card: Card) -> str:
    """The card's rates, and the least time of each frame on it, as lines of text."""
    rates = f"copies {card['copied'] / 1e9:.0f} GB/s, multiplies FP16 at {card['fp16'] / 1e12:.0f} TFLOP/s"
    lines = [f"Measured, {card['name']} {rates}; {card['up'] / 1e9:.1f} GB/s to it, {card['down'] / 1e9:.1f} GB/s from it."]
    for frame in card["frames"]:
        width, height = frame["size"]
        up, down = (3e3 * width * height / card[way] for way in ("up", "down"))  # ms
        flop = frame["flop"]["qun"] + frame["flop"]["mrn"]
        lines.append(
            f"{width}x{height}, {frame['model']}: the frame goes up in {up:.3f} ms and its picture down "
            f"in {down:.3f} ms at least; QUN and MRN are {flop / 1e9:.1f} GFLOP, "
            f"{1e3 * flop / card['fp16']:.3f} ms at that rate; MPN is {frame['flop']['mpn'] / 1e9:.1f} GFLOP in float32."
        )
    return "\n".join(lines)
