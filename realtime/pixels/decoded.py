"""Decoded frames as pictures: upright, in RGB of 8 bits, with what these leave out and what is clear in them."""

from typing import NamedTuple

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from engines.engine import Frame
from realtime.pixels.high_range import HighRange, beyond_standard_range
from realtime.pixels.opacity import flatten, opacity_of, premultiply
from realtime.pixels.orientation import Orientation
from realtime.pixels.yuv import beyond_8_bits, to_rgb, to_rgb48


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
