"""Rotated and mirrored pictures made upright."""

from typing import Any, NamedTuple, Self, TypeVar, cast

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from realtime.pixels.side_data import side_data_of

Pixels = TypeVar("Pixels", bound=NDArray[Any])


class Orientation(NamedTuple):
    """What makes a decoded picture upright, by quarter turns."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> Self:
        """Read it from the display matrix of a frame of video, to the nearest quarter turn."""
        matrix = side_data_of(frame).get("DISPLAYMATRIX")
        if matrix is None:
            return cls()
        a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
        if abs(b) > abs(a):  # x' = ax + cy, y' = bx + dy
            return cls(True, c < 0, b < 0)
        return cls(False, a < 0, d < 0)

    @classmethod
    def of_exif(cls, number: int) -> Self:
        """That of a photo, by its number in EXIF, 1 to 8; of another number upright."""
        return cls(number in {5, 6, 7, 8}, number in {2, 3, 6, 7}, number in {3, 4, 7, 8})

    def apply(self, picture: Pixels) -> Pixels:
        """Rotate and mirror a picture (H, W, 3), or (W, H, 3), upright."""
        if self.transpose:
            picture = cast(Pixels, cv2.transpose(picture))
        if self.flip_x or self.flip_y:
            code = -1 if self.flip_x and self.flip_y else int(self.flip_x)
            picture = cast(Pixels, cv2.flip(picture, code))
        return picture
