"""What an engine is: one call from a frame to its matte, the same for every backend."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
Mask = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Matte:
    """What the three networks make of one frame of height H and width W.

    alpha       float32 (H, W) in [0, 1]
    foreground  uint8 (H, W, 3) RGB: F of I = aF + (1-a)B (equation 1), defined where alpha > 0
    coarse      float32 (h, w) in [0, 1]: MPN's foreground mask, or the mask that was given
    unified     float32 (h, w) in [0, 1]: QUN's mask
    """

    alpha: Mask
    foreground: Frame
    coarse: Mask
    unified: Mask


class Engine(Protocol):
    """Three networks made ready for one device. It keeps no state between frames: one engine may serve several streams."""

    name: str  # of the backend: "openvino", "torch", ...
    device: str  # as its maker names it: "AMD EPYC", "NVIDIA H100", ...
    precision: str  # "bf16", "fp32", "fp16"

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        """The matte of a frame: uint8 RGB (H, W, 3), C-contiguous, H and W at least 32.

        With `mask`, float32 (h, w) in [0, 1] of the same field of view, MPN is skipped (section 6 of the paper).
        The arrays returned are the caller's own. Raises ValueError for a frame of another form.
        """
        ...

    def close(self) -> None:
        """Gives back what the engine holds."""
        ...
