"""What travels through the loop: a frame together with its own time, its own matte and the picture made of them."""

from dataclasses import dataclass
from fractions import Fraction

from engines.engine import Frame, Matte


@dataclass(slots=True)
class Packet:
    """One frame of a stream and all that is made of it: a matte is never composited on another frame.

    frame     uint8 (H, W, 3) RGB, C-contiguous, the right way up
    time      presentation time in the source, in seconds, exact
    index     0, 1, 2, ... in the order of the source; dropped frames leave gaps
    duration  how long the frame is shown, in seconds, where the source tells
    matte     what an engine made of this very frame
    picture   uint8 (H, W, 3) RGB: this frame on its new background
    absent    whether no picture came from the camera: the frame is black, the matte empty
    """

    frame: Frame
    time: Fraction
    index: int
    duration: Fraction | None = None
    matte: Matte | None = None
    picture: Frame | None = None
    absent: bool = False
