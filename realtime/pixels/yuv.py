"""RGB to and from the YUV of video: matrices, ranges and subsampled colour."""

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from engines.engine import Frame
from realtime.pixels.wide_colour import is_wide, to_bt709

UNKNOWN_MATRIX = (2, 3)  # AVCOL_SPC_UNSPECIFIED, AVCOL_SPC_RESERVED


class YuvConverter:
    """Converts pictures, uint8 RGB (H, W, 3), to yuv420p frames of limited range.

    yuv420p halves colour both ways, so an odd height or width grows by one: the last row or column is repeated.
    """

    def __init__(self, matrix: Colorspace) -> None:
        """`matrix`: BT.601 as webcams have it, or BT.709 as video files do."""
        self._matrix = matrix
        self._converter = VideoReformatter()

    def __call__(self, picture: Frame) -> VideoFrame:
        """Convert a picture to a frame without a time."""
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


def to_rgb(frame: VideoFrame, size: tuple[int, int], converter: VideoReformatter) -> Frame:
    """Convert a decoded frame to RGB uint8 (H, W, 3), scaled to `size` (H, W), by its own colour matrix and range.

    Wide gamuts and high dynamic range, as phones record them, are mapped to the colours of BT.709.
    """
    matrix = None
    if frame.colorspace in UNKNOWN_MATRIX and not frame.format.is_rgb:
        matrix = default_matrix(frame.width, frame.height)
    wide = is_wide(frame)
    height, width = size
    rgb = converter.reformat(
        frame,
        width,
        height,
        format="rgb48le" if wide else "rgb24",
        src_colorspace=matrix,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    if wide:
        return to_bt709(np.asarray(rgb.to_ndarray(), np.uint16), frame.color_primaries, frame.color_trc)
    return np.ascontiguousarray(rgb.to_ndarray(), np.uint8)  # rows are padded at some widths


def even(pixels: int) -> int:
    """A height or width rounded up to what yuv420p can have."""
    return pixels + pixels % 2


def default_matrix(width: int, height: int) -> Colorspace:
    """The matrix that players assume for an untagged stream: BT.601 for standard definition, else BT.709."""
    return Colorspace.ITU709 if width >= 1280 or height > 576 else Colorspace.ITU601
