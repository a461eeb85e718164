"""Wide gamuts and high dynamic range, as phones record them, in the colours of BT.709.

As FFmpeg's zscale computes it: signal to light for each channel, a matrix between primaries, and back. Brighter than reference
white is white, and what BT.709 cannot show is cut off.
"""

from functools import cache
from typing import Literal, cast, overload

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorTrc
from numpy.typing import NDArray

from engines.engine import Frame

Deep = NDArray[np.uint16]

HIGH_RANGE = (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)
D65 = (0.3127, 0.3290)
GAMUTS: dict[int, tuple[tuple[float, float], ...]] = {  # x and y of red, green and blue
    ColorPrimaries.BT709: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    ColorPrimaries.BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    ColorPrimaries.SMPTE431: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # DCI-P3; its white becomes D65
    ColorPrimaries.SMPTE432: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # Display P3
}
DISPLAY_GAMMA = 2.4  # of BT.1886, by which pictures tagged BT.709 are shown
GAMMAS: dict[int, float] = {ColorTrc.GAMMA22: 2.2, ColorTrc.GAMMA28: 2.8, ColorTrc.LINEAR: 1.0}
REFERENCE_WHITE = 203.0  # cd/m2, of BT.2408: white in a picture of standard range
HLG_PEAK, PQ_PEAK = 1000.0, 10_000.0  # cd/m2 of a full signal
FULL = 255 << 8  # what FFmpeg's scaler gives for a full signal in 16 bits
STEPS = 4095  # levels of the root of light on the way back to 8 bits: finer than these, also in the dark
BAND = 16  # rows at a time: few enough to stay in a core's cache


def is_wide(frame: VideoFrame) -> bool:
    """Whether a frame has colours or brightness that BT.709 has not."""
    return frame.color_trc in HIGH_RANGE or frame.color_primaries in set(GAMUTS) - {ColorPrimaries.BT709}


@overload
def to_bt709(signal: Deep, primaries: int, transfer: int) -> Frame: ...
@overload
def to_bt709(signal: Deep, primaries: int, transfer: int, *, deep: Literal[True]) -> Deep: ...
def to_bt709(signal: Deep, primaries: int, transfer: int, *, deep: bool = False) -> Frame | Deep:
    """Convert RGB (H, W, 3) of 16 bits, as FFmpeg's scaler gives it, to RGB of BT.709: of uint8, or the same 16 bits if `deep`.

    Of high range without a known gamut, BT.2020 is assumed, which comes with it.
    """
    light, matrix, levels = light_of(transfer), to_bt709_matrix(primaries), _levels(FULL if deep else 255)
    picture = np.empty(signal.shape, levels.dtype)
    for top in range(0, len(signal), BAND):
        band = np.clip(cv2.transform(np.take(light, signal[top : top + BAND]), matrix), 0, 1)
        root = np.rint(cv2.sqrt(band) * np.float32(STEPS)).astype(np.uint16)
        np.take(levels, root, out=picture[top : top + BAND], mode="clip")
    return cast(Frame | Deep, picture)


@cache
def light_of(transfer: int) -> NDArray[np.float32]:
    """Light for each signal of 16 bits, 1 for reference white."""
    signal = np.minimum(np.arange(1 << 16) / FULL, 1.0)
    if transfer == ColorTrc.ARIB_STD_B67:  # BT.2100, with the system gamma of a display of 1000 cd/m2
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
        light = scene**1.2 * HLG_PEAK / REFERENCE_WHITE
    elif transfer == ColorTrc.SMPTE2084:
        root = signal ** (32 / 2523)
        light = (
            (np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)) ** (8192 / 1305) * PQ_PEAK / REFERENCE_WHITE
        )
    elif transfer == ColorTrc.IEC61966_2_1:
        light = np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    else:
        light = signal ** GAMMAS.get(transfer, DISPLAY_GAMMA)
    return light.astype(np.float32)


@cache
def _levels(white: int) -> Frame | Deep:
    """The level of each root of light, of 8 bits or of 16."""
    levels = np.rint(white * np.linspace(0, 1, STEPS + 1) ** (2 / DISPLAY_GAMMA))
    return levels.astype(np.uint8) if white <= 255 else levels.astype(np.uint16)


@cache
def to_bt709_matrix(primaries: int) -> NDArray[np.float32]:
    """The matrix (3, 3) from light of these primaries to that of BT.709's."""
    gamut = GAMUTS.get(primaries, GAMUTS[ColorPrimaries.BT2020])
    return np.asarray(np.linalg.inv(_to_xyz(GAMUTS[ColorPrimaries.BT709])) @ _to_xyz(gamut), np.float32)


def _to_xyz(gamut: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    columns = np.array([[x, y, 1 - x - y] for x, y in gamut]).T
    white = np.array([D65[0], D65[1], 1 - sum(D65)]) / D65[1]
    return columns * np.linalg.solve(columns, white)
