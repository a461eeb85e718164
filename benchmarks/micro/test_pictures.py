"""What is done to every frame but the matting: compositing, resizing, conversion of colours."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.frames import make_frames
from engines.engine import Frame, Matte, fit_mask
from engines.geometry import LOW_RESOLUTION
from realtime.compositing.backgrounds import fitted
from realtime.compositing.composite import composite
from realtime.inputs.video_file import to_rgb
from realtime.packet import Packet

SIZES = [(800, 800), (1280, 720), (1920, 1080)]


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def frame(request: pytest.FixtureRequest) -> Frame:
    """A frame of each size."""
    return make_frames(request.param, 1)[0]


def test_composite(benchmark: BenchmarkFixture, frame: Frame) -> None:
    """A person of a third of the frame, with a soft edge, on a picture."""
    height, width = frame.shape[:2]
    alpha = np.zeros((height, width), np.float32)
    cv2.ellipse(alpha, (width // 2, height), (width // 4, height * 5 // 6), 0, 0, 360, 1.0, cv2.FILLED)
    alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), 3), np.float32)
    packet = Packet(frame, Fraction(0), 0, matte=Matte(alpha, frame, alpha, alpha))
    background = np.full_like(frame, 96)
    assert benchmark(composite, packet, background).shape == frame.shape


def test_resize_a_background_to_the_frame(benchmark: BenchmarkFixture, frame: Frame) -> None:
    """A photo of 12 megapixels, cut to the frame's shape."""
    [photo] = make_frames((4000, 3000), 1)
    assert benchmark(fitted, photo, *frame.shape[:2], "cover").shape == frame.shape


def test_resize_a_mask_to_the_frame(benchmark: BenchmarkFixture, frame: Frame) -> None:
    """A mask of the low resolution."""
    mask = np.random.default_rng(0).random(LOW_RESOLUTION, np.float32)
    assert benchmark(fit_mask, mask, frame.shape[:2]).shape == frame.shape[:2]


def test_colours_of_a_decoded_frame(benchmark: BenchmarkFixture, frame: Frame) -> None:
    """yuv420p, as decoders give it, to RGB."""
    height, width = frame.shape[:2]
    decoded = VideoFrame.from_ndarray(frame, "rgb24").reformat(format="yuv420p")
    assert benchmark(to_rgb, decoded, (width, height), VideoReformatter()).shape == frame.shape


def test_colours_of_a_webcams_frame(benchmark: BenchmarkFixture, frame: Frame) -> None:
    """BGR, as OpenCV gives it, to RGB."""
    assert benchmark(cv2.cvtColor, frame, cv2.COLOR_BGR2RGB).shape == frame.shape
