"""Augmentation by a simulated camera: light, colour, blur, noise, compression. All on uint8 RGB (h, w, 3), at random."""

import random

import cv2
import numpy as np

from train.data.library import Picture
from train.recipe import Augment

CLEAN = 0.3  # share of the pictures without blur, noise and compression


def tint(picture: Picture, rng: random.Random, strength: float = 1.0) -> Picture:
    """Exposure, contrast, gamma, white balance and saturation, through one table a channel."""
    levels = np.arange(256, dtype=np.float32) / 255
    gamma = 2 ** (rng.uniform(-0.7, 0.7) * strength)
    gain = 2 ** (rng.uniform(-0.5, 0.4) * strength)
    contrast = 1 + rng.uniform(-0.3, 0.3) * strength
    tables = []
    for _ in range(3):
        balance = 1 + rng.uniform(-0.12, 0.12) * strength
        tables.append(((levels**gamma * gain * balance - 0.5) * contrast + 0.5).clip(0, 1) * 255)
    result = cv2.LUT(picture, np.stack(tables, axis=-1)[None].astype(np.uint8))
    if rng.random() < 0.5 * strength:
        grey = cv2.cvtColor(cv2.cvtColor(result, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        keep = 0.0 if rng.random() < 0.1 else rng.uniform(0.4, 1.4)
        result = cv2.addWeighted(result, keep, grey, 1 - keep, 0)
    return np.asarray(result, np.uint8)


def blur(picture: Picture, rng: random.Random, strongest: float = 2.0) -> Picture:
    """Defocus or motion blur, of at most that sigma in pixels, or four times that length."""
    if rng.random() < 0.6:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, strongest)), np.uint8)
    length = rng.randint(3, max(3, round(4 * strongest)))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    centre = (length - 1) / 2
    offset = np.array([np.cos(angle), np.sin(angle)]) * centre
    start, end = (np.round(centre - offset).astype(int).tolist(), np.round(centre + offset).astype(int).tolist())
    cv2.line(kernel, start, end, 1.0)
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.uint8)


def noise(picture: Picture, rng: random.Random, strongest: float = 14.0) -> Picture:
    """Additive sensor noise of the same deviation at all levels, smoothed half of the time as cameras do."""
    generator = np.random.default_rng(rng.getrandbits(32))
    grain = generator.standard_normal(picture.shape, np.float32) * rng.uniform(1, strongest)
    if rng.random() < 0.5:
        grain = cv2.GaussianBlur(grain, (0, 0), 0.8) * 1.8
    return np.asarray(cv2.add(picture, grain, dtype=cv2.CV_8U), np.uint8)


def compress(picture: Picture, rng: random.Random) -> Picture:
    """JPEG compression, as in a webcam."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, rng.randint(25, 90)])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)


def expose(picture: Picture, rng: random.Random, augment: Augment) -> Picture:
    """Light and colour, with its probability. A generator in the same state changes another picture in the same way."""
    return tint(picture, rng, 0.8) if rng.random() < augment.light else picture


def grain(picture: Picture, rng: random.Random, augment: Augment) -> Picture:
    """Blur, noise and compression, each with its own probability. Three pictures in ten are left clean."""
    if rng.random() < CLEAN:
        return picture
    for probability, change in ((augment.blur, blur), (augment.noise, noise), (augment.compression, compress)):
        if rng.random() < probability / (1 - CLEAN):
            picture = change(picture, rng)
    return picture
