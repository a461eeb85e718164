"""Whether an engine agrees with PyTorch in float32: on a portrait, and on frames that are hard for low precision."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.engine import Frame, Matte
from engines.errors import EngineError, MediaError
from engines.geometry import BASE

PORTRAIT = Path(__file__).parents[2] / "realtime/samples/portrait.jpg"  # part of the package
KINDS = ("real", "dark", "bright", "noisy", "flat")
# The largest errors of alpha allowed, in 8-bit levels: the mean of a frame, and a pixel's.
MEAN, WORST = 0.5, 4.0
# In bfloat16 and in int8 a number has 8 significant bits: that moves hard edges by parts of a pixel, so the mean alone counts.
# Where float32 itself is unsure, as on a sixteenth of the contrast, MPN's mask may fall either way: there the rest is compared,
# given the reference's.
MEAN_OF = {"bf16": 1.0, "int8": 3.0}
UNSURE = ("dark", "bright")

MatteOf = Callable[..., Matte]  # of a frame, and of a mask as `Engine` takes it


@dataclass(frozen=True)
class Difference:
    """The error of alpha on one frame, in 8-bit levels."""

    kind: str
    mean: float
    worst: float

    def passes(self, precision: str) -> bool:
        """Whether it is below the limits of an engine's precision; NaN is not."""
        if precision in MEAN_OF:
            return self.mean < MEAN_OF[precision]
        return self.mean < MEAN and self.worst < WORST


def sample_frame(kind: str, height: int, width: int) -> Frame:
    """A frame of one of KINDS. Raises MediaError if the portrait is missing."""
    portrait = cv2.imread(str(PORTRAIT), cv2.IMREAD_COLOR_RGB)
    if portrait is None:
        raise MediaError(f"{PORTRAIT}: is missing; install the package again")
    real = np.asarray(cv2.resize(portrait, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    frames: dict[str, Callable[[], NDArray[np.integer[Any]]]] = {
        "real": lambda: real,
        "dark": lambda: real // 16,
        "bright": lambda: 255 - (255 - real) // 16,
        "noisy": lambda: np.random.default_rng(5).integers(0, 256, real.shape),
        "flat": lambda: np.full_like(real, 127),
    }
    return np.ascontiguousarray(frames[kind](), np.uint8)


def differences(
    matte_of: MatteOf, reference: MatteOf, height: int, width: int, precision: str = "fp32", *, untiled: MatteOf | None = None
) -> list[Difference]:
    """The errors of an engine of a precision against a reference, on each of KINDS, at one size.

    `untiled`: the same without tiles. Where the mask is at the bound of what is sure, a rounding decides whether a tile is
    computed, which moves alpha by up to 7 levels; so a pixel is held against the nearer of the two.
    """
    found = []
    for kind in KINDS:
        frame = sample_frame(kind, height, width)
        expected = reference(frame)
        given = (expected.coarse,) if precision in MEAN_OF and kind in UNSURE else ()
        alpha = matte_of(frame, *given).alpha
        error = np.abs(alpha - expected.alpha) * 255
        if untiled is not None and error.max() >= WORST:
            error = np.minimum(error, np.abs(alpha - untiled(frame, *given).alpha) * 255)
        found.append(Difference(kind, float(error.mean()), float(error.max())))
    return found


def check_parity(
    matte_of: MatteOf, height: int, width: int, model: str = BASE, *, tiled: bool = False, precision: str = "fp32"
) -> str:
    """Compare an engine with PyTorch in float32 on the CPU: one line of errors. Raises EngineError if they are too large.

    `tiled`: the engine leaves out the tiles of which the mask is sure. `precision`: the engine's.
    """
    from engines.backends.torch import TorchEngine

    of = partial(TorchEngine, precision="fp32", device="cpu", model=model, confirm=True)
    reference = of(tiled=tiled)
    untiled = of() if tiled and precision not in MEAN_OF else None
    found = differences(matte_of, reference, height, width, precision, untiled=untiled)
    errors = ", ".join(f"{each.kind} {each.mean:.2f} (worst {each.worst:.1f})" for each in found)
    line = f"{width}x{height}, alpha against PyTorch fp32, mean error in 8-bit levels: {errors}"
    if not all(each.passes(precision) for each in found):
        limits = f"the mean must be below {MEAN}, the worst below {WORST:.0f}"
        if precision in MEAN_OF:
            limits = f"the mean must be below {MEAN_OF[precision]}"
        raise EngineError(f"{line}; {limits}: the engine is not installed; take another precision or backend")
    return line
