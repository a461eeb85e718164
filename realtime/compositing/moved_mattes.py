"""Blends a matte with another that is moved by optical flow, only where that changes anything: near outlines.

A frame is seen in blocks of pixels, each a small pixel of the flow. Where a block is 0 throughout, or 1, and so is all that
moves into it, it stays as it is.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.engine import Frame, Mask

COLUMNS = 160  # blocks along the longer side, about
MIN_SIDE = 32  # blocks along the shorter side: OpenCV's flow crashes on less
SURE = 1e-4  # a block whose mean is as near to 0 or 1 is taken for that throughout
CHUNK = 256  # blocks computed at a time: few enough to stay in a core's cache
NEAR = np.ones((3, 3), np.uint8)

Small = NDArray[np.float32]
Places = NDArray[np.float32]  # (h, w, 2): x and y


def block_size(frame: Frame | Mask) -> int:
    """Pixels of the frame, each way, in one block: an integer, because averages over such blocks are fast."""
    height, width = frame.shape[:2]
    return int(max(1, min(round(max(height, width) / COLUMNS), min(height, width) // MIN_SIDE)))


def blend_moved(alpha: Mask, other: Mask, flow: Places, kept: Small) -> Mask:
    """Blend `alpha` with the share `kept`, (h, w), of another, warped by `flow`, (h, w, 2), in blocks: a new array.

    All in [0, 1].
    """
    height, width = alpha.shape
    block = block_size(alpha)
    blended = _of_whole_blocks(alpha, block).copy()
    own, others = _means(blended, block), _means(_of_whole_blocks(other, block), block)
    flow_x, flow_y, share = (_surrounded(each, own.shape) for each in (flow[..., 0], flow[..., 1], kept))
    rows, columns = np.nonzero(_changing(own, others, flow_x, flow_y, block))
    levels, row = blended.reshape(-1), blended.shape[1]
    down, right = (each.reshape(-1) for each in np.indices((block, block)))
    weights = _interpolation(block)
    around = (np.arange(3)[:, None] * share.shape[1] + np.arange(3)).reshape(-1)
    for start in range(0, len(rows), CHUNK):
        top, left = (block * each[start : start + CHUNK, None] for each in (rows, columns))
        near = top // block * share.shape[1] + left // block + around  # (n, 9): the blocks around each, and itself
        x, y, part = (each.take(near) @ weights for each in (flow_x, flow_y, share))  # (n, pixels of a block)
        x = block * x + (left + right).astype(np.float32)
        y = block * y + (top + down).astype(np.float32)
        change = cv2.remap(other, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        here = (top * row + left) + (down * row + right)
        before = levels.take(here)
        levels[here] = before + part * (change - before)
    return np.ascontiguousarray(blended[:height, :width])


def _of_whole_blocks(alpha: Mask, block: int) -> Mask:
    """With rows and columns added, like the last ones, where the last blocks are not whole."""
    height, width = alpha.shape
    if height % block == width % block == 0:
        return alpha
    return np.asarray(cv2.copyMakeBorder(alpha, 0, -height % block, 0, -width % block, cv2.BORDER_REPLICATE), np.float32)


def _means(alpha: Mask, block: int) -> Small:
    """The mean of each block."""
    height, width = alpha.shape
    return np.asarray(cv2.resize(alpha, (width // block, height // block), interpolation=cv2.INTER_AREA), np.float32)


def _surrounded(small: Small, shape: tuple[int, ...]) -> Small:
    """One more block on each side, beside those of `shape`, like those at the edge."""
    beyond = [1 + have - of for have, of in zip(shape, small.shape, strict=True)]
    return np.asarray(cv2.copyMakeBorder(small, 1, beyond[0], 1, beyond[1], cv2.BORDER_REPLICATE), np.float32)


def _changing(own: Small, others: Small, flow_x: Small, flow_y: Small, block: int) -> NDArray[np.bool_]:
    """Which blocks blending may change, by the means of both mattes, (h, w), and the flow, with one more on each side."""
    height, width = own.shape
    left, right = _reach(flow_x, np.arange(width, dtype=np.float32), block)
    top, bottom = _reach(flow_y, np.arange(height, dtype=np.float32)[:, None], block)
    solid = own > 0.5
    # Blocks of the other that are not 0, and behind them those that are not 1, counted over what moves into each block.
    sums = np.concatenate([cv2.integral((others > SURE).view(np.uint8)), cv2.integral((others < 1 - SURE).view(np.uint8))])
    row = width + 1
    base = solid * np.int32(sums.size // 2)
    top, bottom = base + row * top, base + row * bottom
    flat = sums.reshape(-1)
    unlike = flat.take(bottom + right) - flat.take(top + right) - flat.take(bottom + left) + flat.take(top + left)
    return np.asarray((unlike > 0) | (np.abs(own - solid) > SURE))


def _reach(flow: Small, blocks: NDArray[np.float32], block: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Along one side, the first block that moves into each, and the one behind the last; a pixel more is interpolated over."""
    least, most = (each(flow, NEAR)[1:-1, 1:-1] for each in (cv2.erode, cv2.dilate))
    last = blocks.size - 1
    first = np.clip(blocks + least - np.float32(1 / block), 0, last).astype(np.int32)
    return first, np.clip(blocks + most + np.float32(1 + 1 / block), 0, last).astype(np.int32) + 1


@lru_cache(maxsize=4)
def _interpolation(block: int) -> Small:
    """(9, pixels of a block): the bilinear weights of the blocks around one, and of itself, for each of its pixels."""
    place = (np.arange(block) + 0.5) / block - 0.5
    weights = np.stack([np.maximum(-place, 0), 1 - np.abs(place), np.maximum(place, 0)])
    products = np.einsum("yi,xj->yxij", weights, weights)
    return np.asarray(products.reshape(9, block * block), np.float32)
