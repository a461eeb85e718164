"""Augmentation by a simulated camera: light, colour, blur, noise, compression. Drawn first, then applied to uint8 (h, w, 3).

`train.rendering` applies the same draws to batches on a device.
"""

import random
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from train.data.library import Picture
from train.recipe import Augment

CLEAN = 0.3  # share of the pictures without blur, noise and compression
MAX_SIGMA = 2.0  # pixels, of a Gaussian blur
MAX_DEFOCUS = 8.0  # pixels, the same, of strong defocus
MAX_NOISE = 14.0  # 8-bit levels, standard deviation
NOISE_SMOOTHING = 0.8  # pixels, sigma of the blur of smoothed noise
NOISE_GAIN = 1.8  # makes up for the contrast that this blur takes
FAINT = 0.5  # levels of alpha, below which a foreground has no colours

Levels = TypeVar("Levels", bound=NDArray[Any])


@dataclass(frozen=True)
class Tint:
    """Exposure, contrast, gamma, white balance and saturation. `colour`: 1 keeps saturation, 0 is grey."""

    gamma: float = 1.0
    gain: float = 1.0
    contrast: float = 1.0
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    colour: float = 1.0


@dataclass(frozen=True)
class Noise:
    """Sensor noise of a standard deviation in 8-bit levels; smoothed as cameras do, or not."""

    seed: int
    sigma: float
    smooth: bool


@dataclass(frozen=True)
class Grain:
    """Blur, noise and JPEG quality (1 to 100), each None where the picture has none of it.

    `blur`: the sigma of a Gaussian in pixels (out of focus), or a square kernel of odd size whose sum is 1 (moved).
    `defocus`: the sigma of a stronger one, before it.
    """

    blur: float | NDArray[np.float32] | None = None
    noise: Noise | None = None
    quality: int | None = None
    defocus: float | None = None


def draw_tint(rng: random.Random, strength: float = 1.0) -> Tint:
    """Draw a change of light and colour."""
    gamma = 2 ** (rng.uniform(-0.7, 0.7) * strength)
    gain = 2 ** (rng.uniform(-0.5, 0.4) * strength)
    contrast = 1 + rng.uniform(-0.3, 0.3) * strength
    red, green, blue = (1 + rng.uniform(-0.12, 0.12) * strength for _ in range(3))
    colour = 1.0
    if rng.random() < 0.5 * strength:
        colour = 0.0 if rng.random() < 0.1 else rng.uniform(0.4, 1.4)
    return Tint(gamma, gain, contrast, (red, green, blue), colour)


def draw_exposure(rng: random.Random, augment: Augment) -> Tint:
    """Draw light and colour of a whole frame."""
    return draw_tint(rng, 0.8) if rng.random() < augment.light else Tint()


def draw_grain(rng: random.Random, augment: Augment) -> Grain:
    """Draw blur, noise and compression, each with its own probability, for all pictures but the share CLEAN."""
    if rng.random() < CLEAN:
        return Grain()
    blur = _draw_blur(rng) if rng.random() < augment.blur / (1 - CLEAN) else None
    noise = None
    if rng.random() < augment.noise / (1 - CLEAN):
        noise = Noise(rng.getrandbits(32), rng.uniform(1, MAX_NOISE), rng.random() < 0.5)
    quality = rng.randint(25, 90) if rng.random() < augment.compression / (1 - CLEAN) else None
    defocus = None
    if augment.defocus and rng.random() < augment.defocus / (1 - CLEAN):
        defocus = MAX_SIGMA * (MAX_DEFOCUS / MAX_SIGMA) ** rng.random()
    return Grain(blur, noise, quality, defocus)


def _draw_blur(rng: random.Random) -> float | NDArray[np.float32]:
    if rng.random() < 0.6:
        return rng.uniform(0.3, MAX_SIGMA)
    length = rng.randint(3, round(4 * MAX_SIGMA)) | 1
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    centre = (length - 1) / 2
    offset = np.array([np.cos(angle), np.sin(angle)]) * centre
    start, end = (np.round(centre - offset).astype(int).tolist(), np.round(centre + offset).astype(int).tolist())
    cv2.line(kernel, start, end, 1.0)
    return np.asarray(kernel / kernel.sum(), np.float32)


def apply_tint(picture: Picture, tint: Tint) -> Picture:
    """A picture in another light, through one table a channel."""
    if tint == Tint():
        return picture
    levels = np.arange(256, dtype=np.float32) / 255
    tables = [
        ((levels**tint.gamma * tint.gain * balance - 0.5) * tint.contrast + 0.5).clip(0, 1) * 255 for balance in tint.balance
    ]
    result = cv2.LUT(picture, np.stack(tables, axis=-1)[None].astype(np.uint8))
    if tint.colour != 1:
        grey = cv2.cvtColor(cv2.cvtColor(result, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        result = cv2.addWeighted(result, tint.colour, grey, 1 - tint.colour, 0)
    return np.asarray(result, np.uint8)


def apply_blur(levels: Levels, grain: Grain) -> Levels:
    """A picture, or the truth about it (h, w) or (h, w, n), through the lens: its blur alone, without noise and compression."""
    blurred: NDArray[Any] = levels
    if grain.defocus is not None:
        blurred = cv2.GaussianBlur(blurred, (0, 0), grain.defocus)
    if isinstance(grain.blur, float):
        blurred = cv2.GaussianBlur(blurred, (0, 0), grain.blur)
    elif grain.blur is not None:
        blurred = cv2.filter2D(blurred, -1, grain.blur)
    return cast(Levels, blurred)


def blurred_matte(foreground: Picture, alpha: Picture, grain: Grain) -> tuple[Picture, Picture]:
    """Foreground (h, w, 3) and alpha (h, w) of a picture that is blurred: equation 1 holds for it with these.

    What a lens blurs is aF, and a.
    """
    if grain.defocus is None and grain.blur is None:
        return foreground, alpha
    straight = alpha.astype(np.float32)
    soft = apply_blur(straight, grain)
    colours = apply_blur(foreground * straight[..., None], grain) / np.maximum(soft, 1e-3)[..., None]
    seen = np.where(soft[..., None] < FAINT, foreground, colours).clip(0, 255)
    return np.asarray(seen + 0.5, np.uint8), np.asarray(soft + 0.5, np.uint8)


def apply_grain(picture: Picture, grain: Grain) -> Picture:
    """A picture with blur, noise and compression, in this order."""
    picture = apply_blur(picture, grain)
    if grain.noise is not None:
        picture = np.asarray(cv2.add(picture, noise_pattern(grain.noise, picture.shape), dtype=cv2.CV_8U), np.uint8)
    if grain.quality is not None:
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, grain.quality])
        picture = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)
    return picture


def noise_pattern(noise: Noise, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """What noise adds to a picture (h, w, 3), in 8-bit levels."""
    pattern = np.random.default_rng(noise.seed).standard_normal(shape, np.float32) * np.float32(noise.sigma)
    if noise.smooth:
        pattern = cv2.GaussianBlur(pattern, (0, 0), NOISE_SMOOTHING) * NOISE_GAIN
    return pattern
