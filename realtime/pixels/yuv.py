"""RGB to and from the pixel formats of video: matrices, ranges, subsampled colour and alpha."""

from typing import Any, TypeVar, cast

import cv2
import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from engines.engine import Frame, Mask
from engines.errors import MediaError
from realtime.pixels.wide_colour import FULL, Deep, is_wide, to_bt709

Pixels = TypeVar("Pixels", bound=NDArray[Any])

# Matrices by their numbers in FFmpeg and H.273.
UNKNOWN_MATRIX = (0, 2, 3)  # of RGB, which YUV cannot have; unspecified, reserved
DERIVED = 12  # from the primaries
DERIVED_FROM: dict[int, Colorspace] = {ColorPrimaries.BT709: Colorspace.ITU709, ColorPrimaries.BT2020: Colorspace.BT2020}
UNREAD = {  # not by FFmpeg's scaler
    8: "YCgCo",
    10: "YCbCr of constant luminance",
    11: "YDzDx",
    12: "YCbCr derived from rare primaries",
    13: "YCbCr of constant luminance",
    14: "ICtCp",
    15: "IPT-C2",
    16: "YCgCo-Re",
    17: "YCgCo-Ro",
}
EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND


class FrameConverter:
    """Converts pictures to frames of a pixel format that encoders and devices take; YUV becomes one of limited range.

    Where colour is subsampled, as in yuv420p, an odd height or width grows by one: the last row or column is repeated.

    Args:
        matrix: of YUV: BT.601 as webcams have it, or BT.709 as video files do.
        pixel_format: FFmpeg's name of it, such as yuva444p10le or bgra. One with alpha is planar YUV or packed RGB.
    """

    def __init__(self, matrix: Colorspace, pixel_format: str = "yuv420p") -> None:
        self._format = VideoFormat(pixel_format, 2, 2)
        self._matrix = matrix
        self._converter = VideoReformatter()
        self._largest = (1 << self._format.components[-1].bits) - 1  # level
        self._step_x, self._step_y = 2 // self._format.chroma_width(2), 2 // self._format.chroma_height(2)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the frame that a picture becomes."""
        return width + width % self._step_x, height + height % self._step_y

    @property
    def bits(self) -> int:
        """Of a sample in the format."""
        return self._format.components[0].bits

    @property
    def is_yuv(self) -> bool:
        """Whether frames have a matrix and a limited range: they are neither RGB nor grey alone."""
        return not self._format.is_rgb and len(self._format.components) > 1

    def __call__(self, picture: Frame | Deep, alpha: Mask | None = None) -> VideoFrame:
        """Convert a picture, uint8 RGB (H, W, 3), or for YUV one of uint16, whose white is 65,280, to a frame without a time.

        `alpha`, for a format that has it, is float32 (H, W) in [0, 1]. It is rounded to the format's levels.
        """
        picture = self._grown(picture)
        levels = None if alpha is None else quantise(self._grown(alpha), 0, self._largest)
        if levels is not None and self._format.is_rgb:
            return self._reformatted(np.asarray(np.dstack([picture, levels]), np.uint8), "rgba")
        frame = self._reformatted(picture, "rgb24" if picture.dtype == np.uint8 else "rgb48le")
        if levels is not None:
            fill(frame.planes[3], levels)
        return frame

    def matte(self, alpha: Mask) -> VideoFrame:
        """Convert alpha, float32 (H, W) in [0, 1], to a grey frame without a time, for a format without alpha."""
        alpha = self._grown(alpha)
        if not self.is_yuv:
            return self._reformatted(np.asarray(quantise(alpha, 0, 255), np.uint8), "gray")
        frame = VideoFrame(alpha.shape[1], alpha.shape[0], self._format.name)
        scale = (self._largest + 1) >> 8  # levels of black and white in limited range are stated in 8 bits
        levels = quantise(alpha, 16 * scale, 235 * scale)
        fill(frame.planes[0], levels)
        for plane in frame.planes[1:]:
            fill(plane, np.full((plane.height, plane.width), 128 * scale, levels.dtype))
        frame.colorspace, frame.color_range = self._matrix, ColorRange.MPEG
        return frame

    def _reformatted(self, picture: Frame | Deep, source: str) -> VideoFrame:
        return self._converter.reformat(
            VideoFrame.from_numpy_buffer(cast(Frame, np.ascontiguousarray(picture)), source),
            format=self._format.name,
            src_color_range=ColorRange.JPEG,
            dst_colorspace=self._matrix if self.is_yuv else None,
            dst_color_range=ColorRange.MPEG if self.is_yuv else ColorRange.JPEG,
            threads=1,
        )

    def _grown(self, pixels: Pixels) -> Pixels:
        width, height = self.size(pixels.shape[1], pixels.shape[0])
        right, below = width - pixels.shape[1], height - pixels.shape[0]
        if not right and not below:
            return pixels
        return cast(Pixels, cv2.copyMakeBorder(pixels, 0, below, 0, right, cv2.BORDER_REPLICATE))


def quantise(alpha: Mask, black: int, white: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Alpha, float32 (H, W) in [0, 1], in the levels from `black` to `white`, rounded: of 8 bits if those are enough."""
    if white <= 255:
        return np.asarray(cv2.convertScaleAbs(alpha, alpha=white - black, beta=black), np.uint8)
    return np.rint(alpha * (white - black) + black).astype(np.uint16)


def fill(plane: VideoPlane, levels: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    """Set the levels (H, W) of a plane, whose rows are padded at some widths."""
    rows = np.frombuffer(plane, levels.dtype).reshape(plane.height, -1)  # type: ignore[call-overload]
    rows[:, : plane.width] = levels


def check_matrix(name: object, frame: VideoFrame) -> None:
    """Raise MediaError if the colours of a decoded frame are coded in a way that is not read."""
    if _unread(frame) is not None:
        raise unreadable(f"{name}:", frame)


def unreadable(begin: str, frame: VideoFrame) -> MediaError:
    """What to raise for a decoded frame that FFmpeg's scaler refuses. `begin`: of the message, up to "its colours"."""
    if (coding := _unread(frame)) is None:
        return MediaError(f"{begin} its colours ({frame.format.name}) cannot be read; convert it to H.264 first")
    return MediaError(f"{begin} its colours are coded as {coding}, which is not read; convert it to BT.709 first")


def _unread(frame: VideoFrame) -> str | None:
    """How the colours of a decoded frame are coded, if that is not read."""
    if frame.format.is_rgb or len(frame.format.components) < 3 or _matrix(frame) is not None:
        return None
    return UNREAD.get(frame.colorspace)


def _matrix(frame: VideoFrame) -> Colorspace | None:
    """The matrix that FFmpeg's scaler has to be told; None where the one that the frame states will do."""
    if frame.format.is_rgb:
        return None
    if frame.colorspace in UNKNOWN_MATRIX:
        return default_matrix(frame.width, frame.height)
    return DERIVED_FROM.get(frame.color_primaries) if frame.colorspace == DERIVED else None


def to_rgb(frame: VideoFrame, size: tuple[int, int], converter: VideoReformatter) -> Frame:
    """Convert a decoded frame to RGB uint8 (H, W, 3), scaled to `size` (H, W), by its own colour matrix and range.

    Wide gamuts and high dynamic range, as phones record them, are mapped to the colours of BT.709.
    """
    if is_wide(frame):
        return to_bt709(to_rgb48(frame, size, converter), frame.color_primaries, frame.color_trc)
    components = frame.format.components
    if frame.format.is_rgb and components[0].bits > 8:  # of which FFmpeg's scaler makes many levels brighter by one
        return np.asarray(cv2.convertScaleAbs(to_rgb48(frame, size, converter), alpha=1 / 256), np.uint8)
    if frame.format.is_rgb or len(components) < 3:
        rgb = _to_format("rgb24", frame, size, converter)
        return np.ascontiguousarray(rgb.to_ndarray(), np.uint8)  # rows are padded at some widths
    # Straight to rgb24, FFmpeg's scaler makes YUV darker by one level to three.
    green, blue, red = (_levels(plane) for plane in _to_format("gbrp", frame, size, converter, EXACT).planes)
    return np.asarray(cv2.merge([red, green, blue]), np.uint8)


def to_rgb48(frame: VideoFrame, size: tuple[int, int], converter: VideoReformatter) -> Deep:
    """Convert a decoded frame to RGB uint16 (H, W, 3), whose white is 65,280, without mapping its gamut."""
    deep = np.asarray(_to_format("rgb48le", frame, size, converter).to_ndarray(), np.uint16)
    white, components = FULL, frame.format.components
    if frame.format.is_rgb or len(components) < 3:  # of RGB, and of grey, FFmpeg's scaler makes their largest value of 16 bits
        bits = 16 if frame.format.is_rgb else min(16, components[0].bits)
        white = (1 << 16) - (1 << (16 - bits))
    return deep if white == FULL else np.rint(deep * np.float32(FULL / white)).astype(np.uint16)


def _to_format(
    name: str, frame: VideoFrame, size: tuple[int, int], converter: VideoReformatter, how: Interpolation | None = None
) -> VideoFrame:
    height, width = size
    return converter.reformat(
        frame,
        width,
        height,
        format=name,
        src_colorspace=_matrix(frame),
        interpolation=how,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )


def _levels(plane: VideoPlane) -> NDArray[np.uint8]:
    """The levels (H, W) of a plane of 8 bits, whose rows are padded at some widths."""
    rows: NDArray[np.uint8] = np.frombuffer(plane, np.uint8)  # type: ignore[call-overload]
    return rows.reshape(plane.height, plane.line_size)[:, : plane.width]


def beyond_8_bits(frame: VideoFrame, picture: Frame, converter: VideoReformatter) -> NDArray[np.int16] | None:
    """What `to_rgb` leaves out of a decoded frame: 256 times its picture, plus this, is RGB of 16 bits, whose white is 65,280.

    None if the frame has no more than 8 bits.
    """
    if frame.format.components[0].bits <= 8:
        return None
    deep = to_rgb48(frame, (picture.shape[0], picture.shape[1]), converter)
    if is_wide(frame):
        deep = to_bt709(deep, frame.color_primaries, frame.color_trc, deep=True)
    return (deep - (picture.astype(np.uint16) << 8)).view(np.int16)  # it is small: wrapping around gives its sign


def with_fine(picture: Frame, fine: NDArray[np.int16]) -> Deep:
    """The picture of 16 bits that a picture of 8 and what these leave out make up; see `beyond_8_bits`."""
    return np.asarray(np.clip((picture.astype(np.int32) << 8) + fine, 0, (1 << 16) - 1), np.uint16)


def even(pixels: int) -> int:
    """A height or width rounded up to what yuv420p can have."""
    return pixels + pixels % 2


def default_matrix(width: int, height: int) -> Colorspace:
    """The matrix that players assume for an untagged stream: BT.601 for standard definition, else BT.709."""
    return Colorspace.ITU709 if width >= 1280 or height > 576 else Colorspace.ITU601
