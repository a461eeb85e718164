"""What travels through the loop: a frame together with its own time, its own matte and the picture made of them."""

from dataclasses import dataclass
from fractions import Fraction

from engines.engine import Frame, Matte, Pending


@dataclass(slots=True)
class Packet:
    """One frame of a stream and all that is made of it: a matte is never composited on another frame.

    frame     uint8 (H, W, 3) RGB, C-contiguous, the right way up
    time      presentation time in the source, in seconds, exact
    index     0, 1, 2, ... in the order of the source; dropped frames leave gaps
    duration  how long the frame is shown, in seconds, where the source tells
    matte     what an engine made of this very frame
    picture   uint8 (H, W, 3) RGB: this frame on its new background
    pending   what is to become the matte, where it is still on its way through an engine, or on the engine's device
    absent    whether no picture came from the camera: the frame is black, the matte empty
    """

    frame: Frame
    time: Fraction
    index: int
    duration: Fraction | None = None
    matte: Matte | None = None
    picture: Frame | None = None
    absent: bool = False
    pending: Pending | None = None

    def fetch(self) -> Matte:
        """The matte, brought from the engine's device if it is there. Raises ValueError where there is none yet."""
        if self.matte is None and self.pending is not None:
            pending, self.pending = self.pending, None
            self.matte = pending.matte()
        if self.matte is None:
            raise ValueError("the packet has no matte yet")
        return self.matte
