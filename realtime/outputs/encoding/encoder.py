"""The encoder of a video file: what it is asked for, and the frames that it takes."""

import os
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream
from numpy.typing import NDArray

from engines.engine import Frame, Mask
from engines.errors import MediaError
from realtime.choices import OutputKind, Preset
from realtime.outputs.encoding.nvenc import nvenc_refusal
from realtime.outputs.encoding.static_metadata import with_static_metadata
from realtime.outputs.formats import Codec
from realtime.pixels.high_range import BT709, HighRange, with_high_range
from realtime.pixels.opacity import premultiply
from realtime.pixels.wide_colour import Deep
from realtime.pixels.yuv import FrameConverter, with_fine

Fine = NDArray[np.int16]

# Frames/s that an encoder is told, at most: a damaged file may claim millions, and x264 then writes reordered frames that no
# player can decode. Frames keep their own times.
MOST_RATE = Fraction(1000)


class Encoder:
    """How the pictures of one file are encoded.

    Attributes:
        software_because: why software encodes although NVENC was asked for; None if it was not, or does.

    Args:
        path: of the file, for messages.
        codec, kind: what it holds, and shows; see `VideoSink` for these and the rest.
        size: width and height of the pictures, in pixels.

    Raises MediaError for a bit rate that the encoder does not take at that size; ValueError as `VideoSink` does.
    """

    def __init__(
        self,
        path: Path,
        codec: Codec,
        kind: OutputKind,
        size: tuple[int, int],
        *,
        premultiplied: bool,
        crf: int | None,
        bitrate: int | None,
        preset: Preset,
        bit_depth: int,
        high_range: HighRange | None,
        nvenc: bool,
    ) -> None:
        self._codec, self._kind, self._size = codec, kind, size
        self._premultiplied = premultiplied
        codec.check_rate(crf, bitrate, nvenc=nvenc)
        self.software_because = nvenc_refusal(codec.nvenc) if nvenc and codec.nvenc else None
        on_gpu = nvenc and self.software_because is None
        self._name = codec.nvenc if on_gpu else codec.encoder
        self._high_range = high_range if kind != "alpha" else None
        if self._high_range is not None:
            codec.check_high_range(nvenc=nvenc)
        self._bitrate = bitrate
        self._options: Mapping[str, str] = codec.encoder_options(kind, crf=crf, bitrate=bitrate, preset=preset, nvenc=on_gpu)
        if self._high_range is not None:
            self._options, bit_depth = with_static_metadata(self._options, codec, self._high_range), 10
        self._pixel_format = codec.pixel_format(kind, bit_depth=8 if on_gpu else bit_depth)
        self._colours = self._high_range or BT709
        self._convert = FrameConverter(Colorspace(self._colours.matrix), self._pixel_format)
        if bitrate is not None and not on_gpu and min(size) < codec.bitrate_from:
            least = f"from {codec.bitrate_from}x{codec.bitrate_from} pixels on"
            raise MediaError(f"{path}: {codec.title} takes a bit rate {least}, not at {size[0]}x{size[1]}; give a crf")

    def add_stream(
        self, container: OutputContainer, rate: Fraction | None, time_base: Fraction, pixel_aspect: Fraction
    ) -> VideoStream:
        """Add the stream of the pictures to a container, whose encoder is opened later.

        `rate`: average frames per second, a hint. `time_base`: unit of frame times, in seconds.
        """
        assert self._name is not None
        if self._name == "libsvtav1":
            os.environ.setdefault("SVT_LOG", "1")  # errors only: it prints its settings otherwise
        rate = min(rate or Fraction(30), MOST_RATE)
        stream = container.add_stream(self._name, rate=rate, options=dict(self._options))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = self._convert.size(*self._size)
        stream.pix_fmt = self._pixel_format
        if self._bitrate is not None:
            stream.codec_context.bit_rate = self._bitrate
        if self._codec.tag is not None and container.format.name in ("mp4", "mov"):
            stream.codec_context.codec_tag = self._codec.tag
        stream.time_base = stream.codec_context.time_base = time_base
        stream.codec_context.sample_aspect_ratio = pixel_aspect
        stream.codec_context.flags |= Flags.frame_duration  # else the duration of the last frame is lost
        if container.format.name == "fifo":
            stream.codec_context.flags |= Flags.global_header
        stream.codec_context.color_primaries = self._colours.primaries
        stream.codec_context.color_trc = self._colours.transfer
        if self._convert.is_yuv:
            stream.codec_context.colorspace = self._colours.matrix
            stream.codec_context.color_range = ColorRange.MPEG
        if self._kind == "cutout" and self._codec.encoder == "libvpx-vp9":
            stream.metadata["alpha_mode"] = "1"  # without it players take no notice of alpha
        return stream

    def frame(self, picture: Frame | None, alpha: Mask | None, fine: Fine | None) -> VideoFrame:
        """What is encoded of a picture, uint8 RGB (H, W, 3), its alpha, float32 (H, W), or both. `fine`: that of the packet."""
        frame = self._converted(picture, alpha, fine)
        frame.color_primaries, frame.color_trc = self._colours.primaries, self._colours.transfer  # ProRes writes the frame's
        return frame

    def _converted(self, picture: Frame | None, alpha: Mask | None, fine: Fine | None) -> VideoFrame:
        if picture is None:
            assert alpha is not None
            return self._convert.matte(alpha)
        deep: Frame | Deep = picture
        if self._high_range is not None:
            deep = with_high_range(picture, fine, self._high_range)
        elif fine is not None and self._convert.bits > 8:
            deep = with_fine(picture, fine)
        if alpha is not None and self._premultiplied:
            deep = premultiply(deep, alpha)
        return self._convert(deep, alpha)
