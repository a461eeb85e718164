"""The frames that everything is timed on: of the released sample, as the cost of a composite depends on where people are."""

from pathlib import Path

import engines
import realtime
from engines.errors import MediaError

SAMPLES = Path(realtime.__file__).parent / "samples"
SAMPLE = SAMPLES / "sample.mp4"


def make_frames(size: tuple[int, int], count: int = 4, apart: int = 24) -> "list[engines.Frame]":
    """`count` frames of a size (width, height), cropped to that shape: of the sample, `apart` of its frames from each other.

    OpenCV decodes them: a GPU machine may lack PyAV. Raises MediaError where it cannot.
    """
    import cv2
    import numpy as np

    from realtime.pixels.resize import resize_to_fit

    width, height = size
    clip = cv2.VideoCapture(str(SAMPLE))
    frames: list[engines.Frame] = []
    for number in range(apart * (count - 1) + 1):
        found, frame = clip.read()
        if found and number % apart == 0:
            rgb = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)
            frames.append(resize_to_fit(rgb, height, width, "cover"))
    clip.release()
    if not frames:
        raise MediaError(f"{SAMPLE}: OpenCV cannot decode it; install the package opencv-python")
    return frames
