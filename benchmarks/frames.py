"""The frames that everything is timed on."""

import cv2
import numpy as np

from engines.engine import Frame

SCENES = 4
TILE = 512  # pixels: noise is drawn once and laid out like tiles, since 4K frames of it take seconds


def make_frames(size: tuple[int, int], count: int = SCENES) -> list[Frame]:
    """A few frames of a size (width, height), uint8 RGB: a head and shoulders in noise, at a new place in each."""
    width, height = size
    tile = np.random.default_rng(0).normal(110, 25, (TILE, TILE, 3)).clip(0, 255).astype(np.uint8)
    noise = np.tile(tile, (-(-height // TILE), -(-width // TILE), 1))[:height, :width]
    frames = []
    for scene in range(count):
        frame = np.ascontiguousarray(np.roll(noise, scene, axis=1))
        middle = round(width * (0.4 + 0.2 * scene / SCENES))
        for centre, axes in (
            ((middle, height), (width // 3, height // 3)),
            ((middle, height * 9 // 20), (width // 8, height // 5)),
        ):
            cv2.ellipse(frame, centre, axes, 0, 0, 360, (205, 160, 130), cv2.FILLED, cv2.LINE_AA)
        frames.append(frame)
    return frames
