"""Layers of composed clips: people with their true alpha, and backgrounds with nobody in them."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engines import Frame, Mask
from train.data.foregrounds import estimate_foreground
from train.data.library import shrink
from train.evaluation.scores import Item, read_frame, read_item


@dataclass(frozen=True)
class MovingLayer:
    """A layer that moves in a clip: RGB uint8 (H, W, 3), and alpha float32 (H, W) of a person."""

    colours: Frame
    alpha: Mask | None = None


def cut_out(item: Item, long_side: int) -> MovingLayer:
    """The person of a picture with its true alpha and clean foreground colours (Germer et al. 2020)."""
    frame, alpha = read_item(item)
    frame, alpha = shrink(frame, long_side), shrink(alpha, long_side)
    return MovingLayer(estimate_foreground(frame, alpha.astype(np.float64)), np.asarray(alpha, np.float32))


def plate(item: Item, long_side: int) -> MovingLayer:
    """The background of a picture with its true alpha; the person's region is filled with the colours around it.

    The half with less of the person is used twice, the second time mirrored, so that the filled region is at the sides and real
    background in the middle, where the next person is placed.
    """
    frame, alpha = read_item(item)
    frame, alpha = shrink(frame, long_side), shrink(alpha, long_side)
    person = cv2.dilate(np.asarray(alpha > 0.01, np.uint8), np.ones((9, 9), np.uint8))
    filled = frame.astype(np.float32) * (1 - person[..., None])
    weight = (1 - person).astype(np.float32)
    levels = [(filled, weight)]
    while min(levels[-1][1].shape) > 2:
        levels.append((cv2.pyrDown(levels[-1][0]), cv2.pyrDown(levels[-1][1])))  # type: ignore[arg-type]
    flowed = np.asarray(levels[-1][0] / np.maximum(levels[-1][1], 1e-6)[..., None], np.float32)
    for colours, known in reversed(levels[:-1]):
        flowed = np.asarray(cv2.resize(flowed, known.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
        share = np.minimum(known, 1)[..., None]
        flowed = share * colours / np.maximum(known, 1e-6)[..., None] + (1 - share) * flowed
    whole = np.asarray((flowed + 0.5).clip(0, 255), np.uint8)
    middle = alpha.shape[1] // 2
    left, right = whole[:, :middle][:, ::-1], whole[:, -middle:]
    half = left if alpha[:, :middle].sum() < alpha[:, -middle:].sum() else right
    return MovingLayer(np.ascontiguousarray(np.hstack([half, half[:, ::-1]])))


def still(path: Path, long_side: int) -> MovingLayer:
    """A picture with nobody in it. Raises DataError where it cannot be read."""
    return MovingLayer(shrink(read_frame(path), long_side))
