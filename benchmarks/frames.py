"""The frames that everything is timed on: of the clip that ships, for what a composite costs depends on where people are."""

from functools import cache
from pathlib import Path

import realtime
from engines.engine import Frame
from realtime.compositing.backgrounds import fitted
from realtime.inputs.video_file import VideoSource

SAMPLE = Path(realtime.__file__).parent / "samples" / "sample.mp4"
SCENES = 4
APART = 24  # frames of the clip from one scene to the next: about a second


@cache
def sample_frames(count: int, apart: int = 1) -> tuple[Frame, ...]:
    """So many frames of the sample, from its first on, each so many frames behind the one before."""
    with VideoSource(SAMPLE) as clip:
        return tuple(packet.frame for number, packet in zip(range(apart * count), clip, strict=False) if number % apart == 0)


def make_frames(size: tuple[int, int], count: int = SCENES) -> list[Frame]:
    """A few frames of a size (width, height), uint8 RGB: the sample's, cut to that shape and resized."""
    width, height = size
    return [fitted(frame, height, width, "cover") for frame in sample_frames(count, APART)]
