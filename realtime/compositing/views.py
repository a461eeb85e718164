"""What is shown of a packet: the finished picture, or a part of what it is made of."""

import cv2
import numpy as np

from engines.engine import Frame
from realtime.choices import View
from realtime.compositing.backgrounds import Background
from realtime.compositing.composite import composite
from realtime.packet import Packet

EMPTY = 128  # level of the foreground view where alpha is 0


def render_view(packet: Packet, background: Background, view: View, *, light_wrap: float = 0.0) -> Frame:
    """Render a packet as uint8 RGB (H, W, 3).

    "picture" is the frame on its new background, "alpha" the matte in grey, "foreground" the person's own colours where alpha
    is above 0, on grey, and "split" the original frame on the left and the picture on the right.
    For `light_wrap` see `composite`. Raises ValueError if the packet has no matte yet.
    """
    if view == "alpha":
        levels = cv2.convertScaleAbs(packet.fetch().alpha, alpha=255)
        return np.asarray(cv2.cvtColor(levels, cv2.COLOR_GRAY2RGB), np.uint8)
    if view == "foreground":
        matte = packet.fetch()
        return np.where(matte.alpha[..., None] > 0, matte.foreground, np.uint8(EMPTY))
    picture = composite(packet, background.frame(packet), light_wrap=light_wrap)
    if view == "split":
        middle = picture.shape[1] // 2
        picture[:, :middle] = packet.frame[:, :middle]
    return picture
