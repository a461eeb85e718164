"""What a CUDA GPU can do at most, measured: how fast it copies and multiplies. A floor under the times of engines on it.

`python -m benchmarks.measuring.card` prints it as a line of JSON: PyTorch stays out of the process that shows the figures.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

ROOT = Path(__file__).parents[2]
SECONDS = 180.0  # after which a card is given up
REPEATS = 20
COPIED = 2**30  # bytes of a copy on the card
MOVED = 64 * 2**20  # bytes of a copy between host and card
SIDE = 8192  # of the matrices
Card = dict[str, Any]


def measure(device: str = "cuda", *, copied: int = COPIED, moved: int = MOVED, side: int = SIDE) -> Card:
    """Name, bytes a second copied on the card (read and written), to it and from it, and FLOP a second of a product in FP16."""
    import torch

    on = torch.device(device)
    first, second = (torch.zeros(copied, dtype=torch.uint8, device=on) for _ in range(2))
    host = torch.zeros(moved, dtype=torch.uint8, pin_memory=on.type == "cuda")
    left, right = (torch.randn(side, side, device=on).half() for _ in range(2))
    product = torch.empty_like(left)
    return {
        "name": torch.cuda.get_device_name(on) if on.type == "cuda" else "CPU",
        "copied": 2 * copied / _seconds(lambda: second.copy_(first), on),
        "up": moved / _seconds(lambda: first[:moved].copy_(host, non_blocking=True), on),
        "down": moved / _seconds(lambda: host.copy_(first[:moved], non_blocking=True), on),
        "fp16": 2 * side**3 / _seconds(lambda: torch.mm(left, right, out=product), on),
    }


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of some work, the mean of several in a row, after a few that do not count."""
    import time

    import torch

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    for _ in range(3):
        work()
    wait()
    begin = time.perf_counter()
    for _ in range(REPEATS):
        work()
    wait()
    return (time.perf_counter() - begin) / REPEATS


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


def measure_apart(sizes: Sequence[tuple[int, int]], models: Sequence[str]) -> Card | str:
    """The card, and the FLOP of frames of these sizes, measured in a process of its own; or why that failed."""
    command = [sys.executable, "-m", "benchmarks.measuring.card", json.dumps({"sizes": sizes, "models": models})]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=SECONDS)
    except subprocess.CalledProcessError as error:
        return str((error.stderr.strip().splitlines() or [f"exit code {error.returncode}"])[-1])
    except subprocess.TimeoutExpired:
        return f"it took more than {SECONDS:.0f} s"
    card: Card = json.loads(done.stdout.splitlines()[-1])
    return card


def sentence(card: Card) -> str:
    """The card's rates, and the least time of each frame on it, as lines of text."""
    rates = f"copies {card['copied'] / 1e9:.0f} GB/s, multiplies FP16 at {card['fp16'] / 1e12:.0f} TFLOP/s"
    lines = [f"Measured, {card['name']} {rates}; {card['up'] / 1e9:.1f} GB/s to it, {card['down'] / 1e9:.1f} GB/s from it."]
    for frame in card["frames"]:
        width, height = frame["size"]
        bytes_ = 3 * width * height
        flop = frame["flop"]
        fast = (flop["qun"] + flop["mrn"]) / card["fp16"]
        lines.append(
            f"{width}x{height}, {frame['model']}: the frame goes up in {1e3 * bytes_ / card['up']:.3f} ms and its picture down "
            f"in {1e3 * bytes_ / card['down']:.3f} ms at least; QUN and MRN are {(flop['qun'] + flop['mrn']) / 1e9:.1f} GFLOP, "
            f"{1e3 * fast:.3f} ms at that rate; MPN is {flop['mpn'] / 1e9:.1f} GFLOP in float32."
        )
    return "\n".join(lines)


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    measured = measure()  # first: without a card, nothing is counted
    frames = [
        {"size": size, "model": model, "flop": operations(tuple(size), model)}
        for size in asked["sizes"]
        for model in asked["models"]
    ]
    print(json.dumps(measured | {"frames": frames}))
