"""What travels through the loop: a frame with its own time, its own matte and the picture made of them."""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from engines.engine import Frame, Mask, Matte, Pending
from realtime.pixels.opacity import without_paper


@dataclass(slots=True, eq=False)  # arrays have no one answer to ==
class Packet:
    """One frame of a stream and all that is made of it: a matte is never composited on another frame.

    frame     uint8 (H, W, 3) RGB, C-contiguous, upright
    time      presentation time in the source, in seconds, exact
    index     0, 1, 2, ... in the order of the source; dropped frames leave gaps
    duration  time on screen in seconds, where the source has it
    matte     what an engine made of this very frame
    picture   uint8 (H, W, 3) RGB: this frame on its new background
    pending   the matte to come, while it is in an engine or on the engine's device
    opacity   uint8 (H, W): alpha of the frame itself, on white; None where nothing in it is clear
    fine      int16 (H, W, 3): what 8 bits leave out of a source of more, if that is wanted: 256 * frame + fine is RGB of 16
              bits, whose white is 65,280; of high range that is kept, see `realtime.pixels.high_range`. Once there is a
              picture, the same of the picture
    mask      float32 (h, w) in [0, 1]: given for this frame, in the place of the first network's; None to let that find one
    absent    True for a placeholder while a camera delivers nothing: a black frame with an empty matte
    """

    frame: Frame
    time: Fraction
    index: int
    duration: Fraction | None = None
    matte: Matte | None = None
    picture: Frame | None = None
    absent: bool = False
    pending: Pending | None = None
    opacity: NDArray[np.uint8] | None = None
    fine: NDArray[np.int16] | None = None
    mask: Mask | None = None

    def fetch(self) -> Matte:
        """Return the matte, downloaded from the engine's device if it is still there. Raises ValueError if there is none."""
        if self.matte is None and self.pending is not None:
            pending, self.pending = self.pending, None
            self.matte = pending.matte()
            self.keep_clear()
        if self.matte is None:
            raise ValueError("the packet has no matte yet")
        return self.matte

    def keep_clear(self) -> None:
        """Take out of the matte what is clear in the frame itself, and out of its colours the white behind that."""
        if self.matte is not None and self.opacity is not None:
            opacity = self.opacity * np.float32(1 / 255)
            foreground = without_paper(self.matte.foreground, self.frame, opacity)
            self.matte = replace(self.matte, alpha=np.minimum(self.matte.alpha, opacity), foreground=foreground)
