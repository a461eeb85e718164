"""The frames that everything is timed on: of the released sample, as the cost of a composite depends on where people are.

OpenCV decodes them: a GPU machine may lack PyAV.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import realtime
from engines.errors import MediaError

if TYPE_CHECKING:
    from engines import Frame

SAMPLES = Path(realtime.__file__).parent / "samples"
SAMPLE = SAMPLES / "sample.mp4"
SCENES = 4
APART = 24  # frames of the clip from one scene to the next: about a second


@cache
def sample_frames(count: int, apart: int = 1) -> tuple[Frame, ...]:
    """`count` frames of the sample, from the first on, `apart` frames from one to the next."""
    import cv2
    import numpy as np

    clip = cv2.VideoCapture(str(SAMPLE))
    frames: list[Frame] = []
    for number in range(apart * (count - 1) + 1):
        found, frame = clip.read()
        if found and number % apart == 0:
            frames.append(np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8))
    clip.release()
    if not frames:
        raise MediaError(f"{SAMPLE}: OpenCV cannot decode it; install the package opencv-python")
    return tuple(frames)


def make_frames(size: tuple[int, int], count: int = SCENES) -> list[Frame]:
    """A few frames of a size (width, height), uint8 RGB: the sample's, cropped to that shape and resized."""
    return [cover(frame, size) for frame in sample_frames(count, APART)]


def cover(frame: Frame, size: tuple[int, int]) -> Frame:
    """A frame scaled to fill a size (width, height), what is over cropped evenly."""
    import cv2
    import numpy as np

    width, height = size
    scale = max(width / frame.shape[1], height / frame.shape[0])
    across, down = max(width, round(frame.shape[1] * scale)), max(height, round(frame.shape[0] * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(frame, (across, down), interpolation=interpolation) if scale != 1 else frame
    left, top = (across - width) // 2, (down - height) // 2
    return np.ascontiguousarray(scaled[top : top + height, left : left + width], np.uint8)
