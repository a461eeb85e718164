"""High dynamic range that is kept: pictures of standard range in its signal, PQ or HLG, and what files state about it."""

import struct
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Self, cast

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc
from numpy.typing import NDArray

from engines.engine import Frame
from realtime.pixels.side_data import side_data_of
from realtime.pixels.wide_colour import BAND, DISPLAY_GAMMA, FULL, GAMUTS, HIGH_RANGE, STEPS, Deep, light_of, to_bt709_matrix

MATRICES = (Colorspace.ITU709, Colorspace.BT2020)  # that are written; others become BT.2020's
RATIONALS, POINTS = 10, 4  # of FFmpeg's mastering display metadata: numbers, and how many points are before the luminances
DYNAMIC = {"DYNAMIC_HDR_PLUS": "HDR10+ metadata", "DOVI_METADATA": "Dolby Vision metadata"}  # FFmpeg's names of side data

XY = tuple[Fraction, Fraction]


@dataclass(frozen=True, slots=True)
class Mastering:
    """The display on which a video was graded, as SMPTE ST 2086 has it.

    red, green, blue, white  chromaticities x and y
    darkest, brightest       luminance in cd/m2
    """

    red: XY
    green: XY
    blue: XY
    white: XY
    darkest: Fraction
    brightest: Fraction


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of a video, by their numbers in FFmpeg and H.273; the matrix is that of the YUV to write."""

    transfer: int
    primaries: int
    matrix: int


BT709 = Colours(ColorTrc.BT709, ColorPrimaries.BT709, Colorspace.ITU709)


@dataclass(frozen=True, slots=True)
class HighRange(Colours):
    """The signal, PQ or HLG, of a video of high dynamic range.

    mastering  the display it was graded on, or None
    light      the brightest pixel, and the highest average of a frame, in cd/m2, or None
    dynamic    what it has of metadata that change from frame to frame, in words
    """

    mastering: Mastering | None = None
    light: tuple[int, int] | None = None
    dynamic: tuple[str, ...] = ()

    @classmethod
    def of(cls, frame: VideoFrame) -> Self | None:
        """Read it from the tags and the side data of a frame. None if that is of standard range."""
        if frame.color_trc not in HIGH_RANGE:
            return None
        found = side_data_of(frame)
        light = found.get("CONTENT_LIGHT_LEVEL")
        return cls(
            frame.color_trc,
            frame.color_primaries if frame.color_primaries in GAMUTS else ColorPrimaries.BT2020,
            frame.colorspace if frame.colorspace in MATRICES else Colorspace.BT2020,
            _mastering(found.get("MASTERING_DISPLAY_METADATA")),
            None if light is None else cast(tuple[int, int], struct.unpack_from("=2I", light)),
            tuple(words for name, words in DYNAMIC.items() if name in found),
        )

    def signal(self, picture: Frame) -> Deep:
        """A picture of BT.709, uint8 (H, W, 3), in this signal: 16 bits, (H, W, 3), full at 65,280.

        White is at reference white, 203 cd/m2. In this signal, it is the inverse of `to_bt709`.
        """
        matrix, signals = np.linalg.inv(to_bt709_matrix(self.primaries)).astype(np.float32), _signals(self.transfer)
        deep = np.empty(picture.shape, np.uint16)
        for top in range(0, len(picture), BAND):
            band = cv2.transform(np.take(_bt709_light(), picture[top : top + BAND]), matrix)
            root = np.rint(cv2.sqrt(np.clip(band, 0, 1)) * np.float32(STEPS)).astype(np.uint16)
            np.take(signals, root, out=deep[top : top + BAND], mode="clip")
        return deep


def beyond_standard_range(deep: Deep, picture: Frame, high_range: HighRange) -> NDArray[np.int16]:
    """What a picture of BT.709 leaves out of a signal of high range, RGB of 16 bits (H, W, 3), which is its own plus this."""
    difference = deep.astype(np.int32) - high_range.signal(picture)
    return np.asarray(np.clip(difference, -(1 << 15), (1 << 15) - 1), np.int16)  # more than that no colour has


def with_high_range(picture: Frame, fine: NDArray[np.int16] | None, high_range: HighRange) -> Deep:
    """The signal of a picture, uint8 (H, W, 3), and of what it leaves out; see `beyond_standard_range`."""
    signal = high_range.signal(picture)
    return signal if fine is None else np.asarray(np.clip(signal.astype(np.int32) + fine, 0, FULL), np.uint16)


@cache
def _bt709_light() -> NDArray[np.float32]:
    """Light for each level of 8 bits, 1 for white."""
    return ((np.arange(256) / 255) ** DISPLAY_GAMMA).astype(np.float32)


@cache
def _signals(transfer: int) -> Deep:
    """The signal of each root of light, up to reference white."""
    light = (np.arange(STEPS + 1) / STEPS) ** 2
    return np.rint(np.interp(light, light_of(transfer), np.arange(1 << 16))).astype(np.uint16)


def _mastering(data: bytes | None) -> Mastering | None:
    if data is None:
        return None
    numbers = struct.unpack_from(f"={2 * RATIONALS + 2}i", data)
    has_primaries, has_luminance = numbers[-2:]
    pairs = [numbers[index : index + 2] for index in range(0, 2 * RATIONALS, 2)]
    if not has_primaries or not has_luminance or not all(denominator for _, denominator in pairs):
        return None
    values = [Fraction(*pair) for pair in pairs]
    red, green, blue, white = ((values[2 * index], values[2 * index + 1]) for index in range(POINTS))
    return Mastering(red, green, blue, white, values[-2], values[-1])
