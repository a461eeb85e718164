"""A foreground on its new background: I = aF + (1-a)B, equation 1 of the paper."""

import cv2
import numpy as np

from engines.engine import Frame
from realtime.packet import Packet

BAND = 32  # rows blended at a time: few enough to stay in a core's cache


def composite(packet: Packet, background: Frame) -> Frame:
    """The packet's own foreground on a background, uint8 RGB (H, W, 3), within one level of the exact formula.

    `background` is uint8 RGB (H, W, 3) of the frame's size. The result is a new array.
    Raises ValueError where the packet has no matte yet, or a size differs.
    """
    matte = packet.matte
    if matte is None:
        raise ValueError("a packet is composited after it has its matte")
    if not packet.frame.shape == background.shape == matte.foreground.shape or matte.alpha.shape != background.shape[:2]:
        sizes = [packet.frame.shape, background.shape, matte.foreground.shape, matte.alpha.shape]
        raise ValueError(f"frame, background, foreground and alpha differ in size: {sizes}")
    picture = background.copy()
    for top in range(0, len(picture), BAND):
        # Most of a frame is background: only the columns that alpha reaches are blended. It halves the time.
        reached = cv2.convertScaleAbs(matte.alpha[top : top + BAND], alpha=255)
        left, down, width, height = cv2.boundingRect(reached)
        if width:
            part = np.s_[top + down : top + down + height, left : left + width]
            alpha = matte.alpha[part]
            cv2.blendLinear(matte.foreground[part], background[part], alpha, 1 - alpha, picture[part])
    return picture
