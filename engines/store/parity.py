"""Whether an engine gives what PyTorch gives in float32: on a portrait, and on frames that are hard for few bits."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.engine import Frame, Matte
from engines.errors import EngineError
from engines.geometry import BASE

PORTRAIT = Path(__file__).parents[2] / "realtime/samples/portrait.jpg"  # it ships with the package
KINDS = ("real", "dark", "bright", "noisy", "flat")
MEAN, WORST = 0.5, 4.0  # 8-bit levels by which alpha may be off

MatteOf = Callable[[Frame], Matte]


@dataclass(frozen=True)
class Difference:
    """How far alpha is from the oracle's on one frame, in 8-bit levels."""

    kind: str
    mean: float
    worst: float

    @property
    def passes(self) -> bool:
        """Whether it is below the limits; what is not a number is not."""
        return self.mean < MEAN and self.worst < WORST


def sample_frame(kind: str, height: int, width: int) -> Frame:
    """A frame of one of KINDS. Raises EngineError if the portrait is missing."""
    portrait = cv2.imread(str(PORTRAIT), cv2.IMREAD_COLOR_RGB)
    if portrait is None:
        raise EngineError(f"{PORTRAIT}: is missing; install the package again")
    real = np.asarray(cv2.resize(portrait, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    frames: dict[str, Callable[[], NDArray[np.integer[Any]]]] = {
        "real": lambda: real,
        "dark": lambda: real // 16,
        "bright": lambda: 255 - (255 - real) // 16,
        "noisy": lambda: np.random.default_rng(5).integers(0, 256, real.shape),
        "flat": lambda: np.full_like(real, 127),
    }
    return np.ascontiguousarray(frames[kind](), np.uint8)


def differences(matte_of: MatteOf, oracle: MatteOf, height: int, width: int) -> list[Difference]:
    """What an engine gives against what the oracle gives, on each of KINDS, at one size."""
    found = []
    for kind in KINDS:
        frame = sample_frame(kind, height, width)
        error = np.abs(matte_of(frame).alpha - oracle(frame).alpha) * 255
        found.append(Difference(kind, float(error.mean()), float(error.max())))
    return found


def check_parity(matte_of: MatteOf, height: int, width: int, model: str = BASE) -> str:
    """One line: how far an engine is from PyTorch in float32 on the CPU. Raises EngineError if that is too far."""
    from engines.backends.torch import TorchEngine

    found = differences(matte_of, TorchEngine(precision="fp32", device="cpu", model=model), height, width)
    told = ", ".join(f"{each.kind} {each.mean:.2f} (worst {each.worst:.1f})" for each in found)
    line = f"{width}x{height}, alpha against PyTorch fp32, mean error in 8-bit levels: {told}"
    if not all(each.passes for each in found):
        limits = f"the mean must be below {MEAN}, the worst below {WORST:.0f}"
        raise EngineError(f"{line}; {limits}: the engine is not installed; take another --precision or --backend")
    return line
