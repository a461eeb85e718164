"""RGB pictures as yuv420p, which encoders, meeting programs and pipes take."""

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from engines.engine import Frame


class ToYuv:
    """Turns pictures, uint8 RGB (H, W, 3), into yuv420p frames of limited range.

    yuv420p halves colour both ways, so an odd height or width grows by one: the last row or column is repeated.
    """

    def __init__(self, matrix: Colorspace) -> None:
        """`matrix` is how colours are coded: BT.601 as webcams do, or BT.709 as films do."""
        self._matrix = matrix
        self._converter = VideoReformatter()

    def __call__(self, picture: Frame) -> VideoFrame:
        """The frame of a picture, without a time."""
        height, width = picture.shape[:2]
        if height % 2 or width % 2:
            picture = np.asarray(cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE), np.uint8)
        return self._converter.reformat(
            VideoFrame.from_numpy_buffer(np.ascontiguousarray(picture), "rgb24"),
            format="yuv420p",
            src_color_range=ColorRange.JPEG,
            dst_colorspace=self._matrix,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )


def even(pixels: int) -> int:
    """A height or width as yuv420p has it."""
    return pixels + pixels % 2


def usual_matrix(width: int, height: int) -> Colorspace:
    """What players take the colours of an untagged stream for: television before high definition was BT.601."""
    return Colorspace.ITU709 if width >= 1280 or height > 576 else Colorspace.ITU601
