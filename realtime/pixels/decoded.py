"""Decoded frames as pictures: upright, in RGB of 8 bits, with what these leave out and what is clear in them."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorTrc, VideoReformatter
from numpy.typing import NDArray

from engines.engine import Frame
from realtime.pixels.high_range import HighRange, beyond_standard_range
from realtime.pixels.opacity import flatten, opacity_of, premultiply
from realtime.pixels.orientation import Orientation
from realtime.pixels.wide_colour import Deep
from realtime.pixels.yuv import beyond_8_bits, to_rgb, to_rgb48

# By FFmpeg's names of formats of floating point, before "pf16le" or "f16le".
CHANNELS = {"gray": 1, "ya": 2, "gbr": 3, "gbra": 4}
WHITE = 65_535  # level in RGB of 16 bits, as FFmpeg has it
WHITER = 1.002  # light from which on it is more than white, as half floats are rounded
BAND = 64  # rows at a time: they stay in a core's cache


class Decoded(NamedTuple):
    """Of a `Packet`: frame, opacity and fine."""

    picture: Frame
    opacity: NDArray[np.uint8] | None
    fine: NDArray[np.int16] | None


class Pictures:
    """Makes pictures of the frames of one video, which are rotated and mirrored as the first one is.

    Attributes:
        orientation: of them all.
        high_range: of the first one, or None.
    """

    def __init__(self, first: VideoFrame) -> None:
        # Of one frame alone: PyAV's side data and its frame refer to each other, and all would wait to be collected.
        self.orientation = Orientation.of(first)
        self.high_range = HighRange.of(first)
        self._converter, self._opacity_converter, self._fine_converter = (VideoReformatter() for _ in range(3))

    def __call__(self, frame: VideoFrame, size: tuple[int, int], *, fine: bool = False, high_range: bool = False) -> Decoded:
        """The picture of a frame that is scaled to `size` (H, W) before it is rotated.

        With `fine`, what 8 bits leave out of it; with `high_range`, of a video of that: see `beyond_standard_range`.
        Raises av.FFmpegError for a pixel format that cannot be converted.
        """
        frame = in_srgb(frame)
        picture = to_rgb(frame, size, self._converter)
        beyond = self._beyond(frame, picture, high_range) if fine else None
        opacity = opacity_of(frame, size, self._opacity_converter)
        if opacity is not None:
            alpha = opacity * np.float32(1 / 255)
            picture = flatten(picture, alpha)
            beyond = None if beyond is None else premultiply(beyond, alpha)
            opacity = self.orientation.apply(opacity)
        beyond = None if beyond is None else self.orientation.apply(beyond)
        return Decoded(self.orientation.apply(picture), opacity, beyond)

    def _beyond(self, frame: VideoFrame, picture: Frame, high_range: bool) -> NDArray[np.int16] | None:
        kept = self.high_range
        if not high_range or kept is None:
            return beyond_8_bits(frame, picture, self._fine_converter)
        if frame.color_trc != kept.transfer:
            return None  # spliced in: of standard range
        deep = to_rgb48(frame, (picture.shape[0], picture.shape[1]), self._fine_converter)
        return beyond_standard_range(deep, picture, kept)


def in_srgb(frame: VideoFrame) -> VideoFrame:
    """A decoded frame of linear light, in floating point, as RGB of 16 bits with sRGB's curve; another one as it is.

    Only OpenEXR is decoded to such frames. By its convention colours are multiplied by alpha; those returned are not, and what
    shines where alpha is 0 stays as it is. Brighter than white is white.
    """
    count = _channels(frame)
    if not count:
        return frame
    planes = _planes(frame, count)
    colours = planes[:1] * 3 if count < 3 else [planes[2], planes[0], planes[1]]
    alpha = planes[-1] if count % 2 == 0 else None
    levels = np.empty((frame.height, frame.width, 3 if alpha is None else 4), np.uint16)
    for top in range(0, frame.height, BAND):
        rows = np.s_[top : top + BAND]
        opacity = None if alpha is None else _between_0_and_1(alpha[rows])
        for channel, plane in enumerate(colours):
            light = plane[rows].astype(np.float32)
            if opacity is not None:
                with np.errstate(over="ignore"):
                    np.divide(light, opacity, out=light, where=opacity > 0)
            levels[rows, :, channel] = _levels()[_between_0_and_1(light).astype(np.float16).view(np.uint16)]
        if opacity is not None:
            levels[rows, :, 3] = np.rint(opacity * np.float32(WHITE))
    shown = VideoFrame.from_ndarray(levels, "rgb48le" if alpha is None else "rgba64le")
    shown.color_trc, shown.color_primaries = ColorTrc.IEC61966_2_1, frame.color_primaries
    return shown


def brighter_than_white(frame: VideoFrame) -> bool:
    """Whether such a frame, of linear light, has light that `in_srgb` cuts off."""
    count = _channels(frame)
    colours = _planes(frame, count)[: count - (count % 2 == 0)] if count else []
    return any(bool((plane > WHITER).any()) for plane in colours)


def _channels(frame: VideoFrame) -> int:
    """The number of channels of a frame of linear light in floating point; 0 of another one."""
    kind = frame.format.name.partition("f16" if "f16" in frame.format.name else "f32")[0].removesuffix("p")
    return CHANNELS.get(kind, 0) if frame.color_trc == ColorTrc.LINEAR else 0


def _planes(frame: VideoFrame, count: int) -> list[NDArray[np.floating[Any]]]:
    """The channels of a frame, each (H, W), in FFmpeg's order: green, blue, red, alpha, or grey, alpha."""
    kind: Any = np.float16 if frame.format.components[0].bits == 16 else np.float32
    width = frame.width * (2 if count == 2 else 1)  # grey and its alpha are side by side
    buffers: list[Any] = list(frame.planes)  # PyAV's types do not say that they are buffers
    rows = [np.frombuffer(each, kind).reshape(frame.height, -1)[:, :width] for each in buffers]
    return [rows[0][:, ::2], rows[0][:, 1::2]] if count == 2 else rows


def _between_0_and_1(values: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    return np.clip(np.nan_to_num(values.astype(np.float32), nan=0, posinf=1, neginf=0), 0, 1) + np.float32(0)  # -0 is 0


@cache
def _levels() -> Deep:
    """The level of sRGB in 16 bits of each half float from 0 to 1, by its bits: finer than a tenth of a level of 10 bits."""
    light = np.arange(np.float16(1).view(np.uint16) + 1, dtype=np.uint16).view(np.float16).astype(np.float64)
    levels = WHITE * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(levels), np.uint16)
