"""A foreground on its new background: I = aF + (1-a)B, equation 1 of the paper."""

import cv2
import numpy as np

from engines.engine import Frame, Mask
from engines.errors import InputError
from realtime.packet import Packet

BAND = 32  # rows blended at a time: few enough to stay in a core's cache
WRAP_SIZE = 128  # pixels of the longer side on which light is spread, at most
WRAP_SIGMA = 0.015  # standard deviation of its reach over the edge, as a part of the longer side


def composite(packet: Packet, background: Frame, *, light_wrap: float = 0.0) -> Frame:
    """The packet's own foreground on a background, uint8 RGB (H, W, 3), within one level of the exact formula.

    `background` is uint8 RGB (H, W, 3) of the frame's size. The result is a new array. With `light_wrap`, up to 1, the light
    of the background reaches over the person's edges.
    Raises ValueError where the packet has no matte yet, or a size differs.
    """
    matte = packet.matte
    if matte is None:
        raise ValueError("a packet is composited after it has its matte")
    if not packet.frame.shape == background.shape == matte.foreground.shape or matte.alpha.shape != background.shape[:2]:
        sizes = [packet.frame.shape, background.shape, matte.foreground.shape, matte.alpha.shape]
        raise ValueError(f"frame, background, foreground and alpha differ in size: {sizes}")
    foreground = wrapped(matte.foreground, matte.alpha, background, light_wrap) if light_wrap else matte.foreground
    picture = background.copy()
    for top in range(0, len(picture), BAND):
        # Most of a frame is background: only the columns that alpha reaches are blended. It halves the time.
        reached = cv2.convertScaleAbs(matte.alpha[top : top + BAND], alpha=255)
        left, down, width, height = cv2.boundingRect(reached)
        if width:
            part = np.s_[top + down : top + down + height, left : left + width]
            alpha = matte.alpha[part]
            cv2.blendLinear(foreground[part], background[part], alpha, 1 - alpha, picture[part])
    return picture


def wrapped(foreground: Frame, alpha: Mask, background: Frame, amount: float) -> Frame:
    """The foreground, uint8 (H, W, 3), with the background's blurred light mixed in near the edge of alpha.

    Its share is `amount` where all around is background, half of it on a straight edge, nothing deep inside. A new array.
    """
    height, width = alpha.shape
    scale = min(1.0, WRAP_SIZE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    sigma = max(0.5, WRAP_SIGMA * max(size))
    open_sky = 1 - np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32)
    light = np.asarray(cv2.resize(background, size, interpolation=cv2.INTER_AREA), np.uint8)
    share = cv2.resize(cv2.GaussianBlur(open_sky, (0, 0), sigma), (width, height), interpolation=cv2.INTER_LINEAR) * amount
    spread = cv2.resize(cv2.GaussianBlur(light, (0, 0), sigma), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.blendLinear(spread, foreground, share, 1 - share), np.uint8)


def check_light_wrap(amount: float) -> float:
    """The amount itself. Raises InputError unless it is from 0 to 1."""
    if not 0 <= amount <= 1:
        raise InputError(f"--light-wrap {amount:g}: give a number from 0, which is off, to 1")
    return amount
