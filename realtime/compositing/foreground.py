"""The person's own colours, continued beyond the edge: whatever is done to a cut-out, no old background shines through."""

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.engine import Frame, Matte, kind_of

BLOCK = 4  # pixels of the frame to one of the finest scale that fills: what lies outside may be blurred
SURE = 1 / 2  # alpha from which a pixel shows its own colour alone
NONE = 1e-3  # less alpha than this is none


def extend_foreground(matte: Matte) -> Frame:
    """The foreground of a matte, uint8 RGB (H, W, 3), continued to all pixels where alpha is 0.

    Where alpha is at least 1/2 it is the matte's own. Below, it turns into an average of the foreground nearby, weighted by
    alpha, at the finest scale at which there is any: pull-push, after Gortler et al., 1996. Without any foreground it is black.
    Raises ValueError for what is no matte.
    """
    if not isinstance(matte, Matte):
        raise ValueError(f"a foreground is of a matte, not of {kind_of(matte)}; of a packet, give packet.fetch()")
    height, width = matte.alpha.shape
    small = max(1, width // BLOCK), max(1, height // BLOCK)
    levels = cv2.convertScaleAbs(matte.alpha, alpha=255)
    colours = cv2.multiply(matte.foreground, cv2.cvtColor(levels, cv2.COLOR_GRAY2RGB), scale=1 / 255)
    beyond = filled(
        np.asarray(cv2.resize(colours, small, interpolation=cv2.INTER_AREA), np.float32),
        np.asarray(cv2.resize(levels, small, interpolation=cv2.INTER_AREA), np.float32) * np.float32(1 / 255),
    )
    beyond = np.asarray(cv2.resize(np.rint(np.minimum(beyond, 255)).astype(np.uint8), (width, height)), np.uint8)
    own = np.minimum(matte.alpha * np.float32(1 / SURE), 1)
    return np.asarray(cv2.blendLinear(matte.foreground, beyond, own, 1 - own), np.uint8)


def filled(colours: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colours (h, w, 3), each multiplied by its weight (h, w), without holes: where the weight is small, from half the size."""
    height, width = weight.shape
    own = np.asarray(colours / np.maximum(weight, np.float32(NONE))[..., None], np.float32)
    if height == width == 1 or weight.min() >= SURE:
        return own
    half = (width + 1) // 2, (height + 1) // 2
    coarser = filled(
        np.asarray(cv2.resize(colours, half, interpolation=cv2.INTER_AREA), np.float32).reshape(half[1], half[0], 3),
        np.asarray(cv2.resize(weight, half, interpolation=cv2.INTER_AREA), np.float32).reshape(half[1], half[0]),
    )
    share = np.minimum(weight * np.float32(1 / SURE), 1)[..., None]
    enlarged = np.asarray(cv2.resize(coarser, (width, height)), np.float32).reshape(colours.shape)
    return np.asarray(own * share + enlarged * (1 - share), np.float32)
