"""What is shown of a packet: the finished picture, or one of the things that it is made of."""

from typing import Literal

import cv2
import numpy as np

from engines.engine import Frame
from realtime.compositing.backgrounds import Background
from realtime.compositing.composite import composite
from realtime.packet import Packet

View = Literal["picture", "alpha", "foreground", "split"]
NOBODY = 128  # level of the foreground view where there is no foreground


def viewed(packet: Packet, background: Background, view: View, *, light_wrap: float = 0.0) -> Frame:
    """The packet as uint8 RGB (H, W, 3).

    "picture" is the frame on its new background, "alpha" the matte in grey, "foreground" the person's own colours wherever
    alpha is above 0, on grey, and "split" the frame as it came on the left and the picture on the right.
    See `composite` for `light_wrap`. Raises ValueError where the packet has no matte yet.
    """
    if view == "alpha":
        levels = cv2.convertScaleAbs(packet.fetch().alpha, alpha=255)
        return np.asarray(cv2.cvtColor(levels, cv2.COLOR_GRAY2RGB), np.uint8)
    if view == "foreground":
        matte = packet.fetch()
        return np.where(matte.alpha[..., None] > 0, matte.foreground, np.uint8(NOBODY))
    picture = composite(packet, background.frame(packet), light_wrap=light_wrap)
    if view == "split":
        middle = picture.shape[1] // 2
        picture[:, :middle] = packet.frame[:, :middle]
    return picture
