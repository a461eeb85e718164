"""A foreground on its new background: I = aF + (1-a)B, equation 1 of the paper."""

from typing import NamedTuple, TypeVar

import cv2
import numpy as np

from engines.arguments import is_number
from engines.engine import Frame, Mask, kind_of
from realtime.packet import Packet
from realtime.pixels.depth import Pixels

Small = TypeVar("Small", Pixels, Mask)

BAND = 32  # rows blended at a time: few enough to stay in a core's cache
WRAP_SIZE = 128  # small pixels of the longer side on which light is spread, about
WRAP_SIGMA = 0.015  # standard deviation of its reach over the edge, as a part of the longer side


def composite(packet: Packet, background: Frame, *, light_wrap: float = 0.0) -> Frame:
    """Composite the packet's foreground on a background: uint8 RGB (H, W, 3), within 1.5 levels of the exact formula.

    alpha is rounded to 8 bits, as in every file, and so is each of the two products: this takes half as long as floats do.

    `background` is uint8 RGB (H, W, 3) of the frame's size; the packet's own frame gives that frame. The result is a new array.
    A matte that is still on the engine's device stays there, and the picture is made there, unless light is wrapped or parts of
    the frame are clear.
    Raises ValueError if the packet has no matte yet, the background is of another form or size, or `light_wrap`, how much of
    its light reaches over the edges, is not from 0 to 1.
    """
    light_wrap = check_light_wrap(light_wrap)
    if not isinstance(packet, Packet):
        raise ValueError(f"composite takes a packet, not {kind_of(packet)}; take one of mattes(source, engine)")
    if not isinstance(background, np.ndarray) or background.dtype != np.uint8:
        kind = background.dtype if isinstance(background, np.ndarray) else type(background).__name__
        remedy = "take open_background(...).frame(packet), or an array of your own"
        raise ValueError(f"a background is uint8 RGB (H, W, 3) of the frame's size, not {kind}; {remedy}")
    if packet.pending is not None and packet.opacity is None and not light_wrap:
        pending, packet.pending = packet.pending, None
        return background.copy() if background is packet.frame else pending.composite(background)
    matte = packet.fetch()
    if not packet.frame.shape == background.shape == matte.foreground.shape or matte.alpha.shape != background.shape[:2]:
        sizes = [packet.frame.shape, background.shape, matte.foreground.shape, matte.alpha.shape]
        raise ValueError(f"frame, background, foreground and alpha differ in size: {sizes}")
    if background is packet.frame:
        return background.copy()
    return np.asarray(blend(matte.foreground, matte.alpha, background, light_wrap=light_wrap), np.uint8)


def blend(foreground: Pixels, alpha: Mask, background: Pixels, *, light_wrap: float = 0.0, in_place: bool = False) -> Pixels:
    """Blend a foreground over a background by alpha, (H, W): RGB (H, W, 3), both uint8 or both uint16, into a new array.

    alpha and each of the two products are rounded to the bits of the colours. With `in_place` the background is overwritten.
    """
    picture = background if in_place else background.copy()
    full = int(np.iinfo(picture.dtype).max)
    light = background_light(alpha, background, light_wrap) if light_wrap else None
    for top in range(0, len(picture), BAND):
        # Most of a frame is background: blending only the box that alpha reaches halves the time.
        reached = cv2.convertScaleAbs(alpha[top : top + BAND], alpha=255)
        left, down, width, height = cv2.boundingRect(reached)
        if width:
            part = np.s_[top + down : top + down + height, left : left + width]
            front = foreground[part]
            if light is not None:
                spread = upsample_region(light.colours, light.block, top + down, left, (height, width))
                share = upsample_region(light.share, light.block, top + down, left, (height, width))
                front = weighted_mean(spread, front, share)
            levels = reached[down : down + height, left : left + width]
            if full > 255:
                levels = np.rint(alpha[part] * np.float32(full)).astype(picture.dtype)
            weight = cv2.cvtColor(levels, cv2.COLOR_GRAY2RGB)
            own = cv2.multiply(front, weight, scale=1 / full)
            cv2.bitwise_not(weight, weight)
            cv2.add(own, cv2.multiply(background[part], weight, scale=1 / full), picture[part])
    return picture


def weighted_mean(first: Pixels, second: Pixels, share: Mask) -> Pixels:
    """Mix two pictures of one depth by the `share` of the first, (H, W)."""
    if first.dtype == np.uint8:
        return np.asarray(cv2.blendLinear(first, second, share, 1 - share), np.uint8)
    floats = cv2.blendLinear(first.astype(np.float32), second.astype(np.float32), share, 1 - share)
    return np.rint(floats).astype(first.dtype)


class Light(NamedTuple):
    """The background's light around the person, downsampled: a pixel for each block of `block` by `block` pixels."""

    colours: Pixels  # (h, w, 3)
    share: Mask  # float32 (h, w): of the light in the foreground's colours
    block: int


def background_light(alpha: Mask, background: Pixels, amount: float) -> Light:
    """Blur the background's light: `amount` of it where all around is background, half of that on a straight edge."""
    height, width = alpha.shape
    block = min(height, width, max(1, round(max(height, width) / WRAP_SIZE)))  # an integer: such an average is fast
    size = (width // block, height // block)
    even = np.s_[: size[1] * block, : size[0] * block]
    share = amount - amount * np.asarray(cv2.resize(alpha[even], size, interpolation=cv2.INTER_AREA), np.float32)
    light = cv2.resize(background[even], size, interpolation=cv2.INTER_AREA)
    sigma = WRAP_SIGMA * WRAP_SIZE
    blurred = cv2.GaussianBlur(light, (0, 0), sigma), cv2.GaussianBlur(share, (0, 0), sigma)
    return Light(np.asarray(blurred[0], background.dtype), np.asarray(blurred[1], np.float32), block)


def upsample_region(small: Small, block: int, top: int, left: int, part: tuple[int, int]) -> Small:
    """The part (height, width) at `top`, `left` of a small picture that is enlarged `block` times, bilinearly.

    The whole of it would not stay in a core's cache.
    """
    place = np.array([[1 / block, 0, (left + 0.5) / block - 0.5], [0, 1 / block, (top + 0.5) / block - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(small, place, part[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE), small.dtype)


def check_light_wrap(amount: float) -> float:
    """The amount as a float. Raises ValueError unless it is from 0 to 1."""
    if not is_number(amount) or not 0 <= amount <= 1:
        raise ValueError(f"a light wrap of {amount} is out of range; give a number from 0, which is off, to 1")
    return float(amount)
