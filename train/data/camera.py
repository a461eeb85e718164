"""What a camera does to a picture: light, colour, blur, noise, compression. All on uint8 RGB (h, w, 3), by chance."""

import random

import cv2
import numpy as np

from train.data.library import Picture
from train.recipe import Augment

UNTOUCHED = 0.3  # of the pictures have no blur, noise or compression


def tint(picture: Picture, dice: random.Random, strength: float = 1.0) -> Picture:
    """Exposure, contrast, gamma, white balance and saturation, through one table a channel."""
    levels = np.arange(256, dtype=np.float32) / 255
    gamma = 2 ** (dice.uniform(-0.7, 0.7) * strength)
    gain = 2 ** (dice.uniform(-0.5, 0.4) * strength)
    contrast = 1 + dice.uniform(-0.3, 0.3) * strength
    tables = []
    for _ in range(3):
        balance = 1 + dice.uniform(-0.12, 0.12) * strength
        tables.append(((levels**gamma * gain * balance - 0.5) * contrast + 0.5).clip(0, 1) * 255)
    result = cv2.LUT(picture, np.stack(tables, axis=-1)[None].astype(np.uint8))
    if dice.random() < 0.5 * strength:
        grey = cv2.cvtColor(cv2.cvtColor(result, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        keep = 0.0 if dice.random() < 0.1 else dice.uniform(0.4, 1.4)
        result = cv2.addWeighted(result, keep, grey, 1 - keep, 0)
    return np.asarray(result, np.uint8)


def blur(picture: Picture, dice: random.Random, most: float = 2.0) -> Picture:
    """Out of focus, or moved."""
    if dice.random() < 0.6:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), dice.uniform(0.3, most)), np.uint8)
    length = dice.randint(3, max(3, round(4 * most)))
    kernel = np.zeros((length, length), np.float32)
    angle = dice.uniform(0, np.pi)
    centre = (length - 1) / 2
    offset = np.array([np.cos(angle), np.sin(angle)]) * centre
    start, end = (np.round(centre - offset).astype(int).tolist(), np.round(centre + offset).astype(int).tolist())
    cv2.line(kernel, start, end, 1.0)
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.uint8)


def noise(picture: Picture, dice: random.Random, most: float = 14.0) -> Picture:
    """Sensor noise, stronger in the dark than a camera's own curve would have it, smoothed half of the time as cameras do."""
    generator = np.random.default_rng(dice.getrandbits(32))
    grain = generator.standard_normal(picture.shape, np.float32) * dice.uniform(1, most)
    if dice.random() < 0.5:
        grain = cv2.GaussianBlur(grain, (0, 0), 0.8) * 1.8
    return np.asarray((picture + grain).clip(0, 255), np.uint8)


def compress(picture: Picture, dice: random.Random) -> Picture:
    """JPEG, as webcams send it."""
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, dice.randint(25, 90)])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(np.asarray(decoded, np.uint8)[..., ::-1])


def expose(picture: Picture, dice: random.Random, augment: Augment) -> Picture:
    """Light and colour, by its chance. The same dice change a second picture in the same way."""
    return tint(picture, dice, 0.8) if dice.random() < augment.light else picture


def grain(picture: Picture, dice: random.Random, augment: Augment) -> Picture:
    """Blur, noise and compression, each by its own chance. Three pictures in ten have none of them: the chances are of all."""
    if dice.random() < UNTOUCHED:
        return picture
    for chance, change in ((augment.blur, blur), (augment.noise, noise), (augment.compression, compress)):
        if dice.random() < chance / (1 - UNTOUCHED):
            picture = change(picture, dice)
    return picture
