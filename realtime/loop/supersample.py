"""Small photos matted on more pixels than they have, so that alpha at an edge is a mean where it would be all or nothing."""

from dataclasses import replace

import cv2
import numpy as np

from engines.engine import Engine, Frame, Matte

THUMBNAIL = 128  # pixels of the shorter side, below which a photo is left as it is: nobody looks at its edges
ENOUGH = 1080  # pixels of the shorter side, from which next to nothing is gained
MOST = 3  # times as wide and high
MOST_PIXELS = 12_000_000  # of what is matted in place of a photo: a long, thin one would fill the memory


def enlargement(height: int, width: int) -> int:
    """How many times as wide and high a photo is matted."""
    shorter = min(height, width)
    factor = min(MOST, -(-ENOUGH // shorter)) if shorter >= THUMBNAIL else 1
    while factor > 1 and factor**2 * height * width > MOST_PIXELS:
        factor -= 1
    return factor


def matte_supersampled(frame: Frame, engine: Engine) -> Matte:
    """The matte of a frame of any size, of its own size. Where the foreground is the frame's own colours, it is so exactly."""
    height, width = frame.shape[:2]
    factor = enlargement(height, width)
    if factor == 1:
        return engine(frame)
    large = cv2.resize(frame, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    matte = engine(np.ascontiguousarray(large, np.uint8))
    alpha = cv2.resize(matte.alpha, (width, height), interpolation=cv2.INTER_AREA)
    difference = cv2.subtract(matte.foreground, large, dtype=cv2.CV_32F)
    foreground = cv2.add(frame, cv2.resize(difference, (width, height), interpolation=cv2.INTER_AREA), dtype=cv2.CV_8U)
    return replace(matte, alpha=np.asarray(alpha, np.float32), foreground=np.asarray(foreground, np.uint8))
