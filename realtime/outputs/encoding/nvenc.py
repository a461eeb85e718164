"""Whether NVIDIA's encoders can be used here."""

from fractions import Fraction
from typing import Any

import av
from av.video.codeccontext import VideoCodecContext


def nvenc_refusal(encoder: str) -> str | None:
    """Why one of FFmpeg's NVENC encoders cannot be used; None if it can. FFmpeg lists it everywhere: only opening it tells."""
    try:
        context: Any = VideoCodecContext.create(encoder, "w")  # PyAV's own type of it is wrong
        context.width, context.height, context.pix_fmt, context.framerate = 256, 256, "yuv420p", Fraction(30)
        context.time_base = Fraction(1, 30)
        context.open()
    except av.FFmpegError as error:
        return f"NVENC cannot be opened here ({error.strerror})"
    except ValueError:
        return "this FFmpeg has no NVENC"
    return None
