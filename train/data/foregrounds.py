"""Clean foreground colours (F of equation 1) of photos that have only an alpha matte."""

from functools import lru_cache

import cv2
import numpy as np

from train.data.library import Picture, Subject, read_background, read_subject


@lru_cache(maxsize=2048)
def foreground_of(subject: Subject, long_side: int) -> Picture:
    """F and alpha as uint8 (h, w, 4): the data's, or estimated (Germer et al. 2020; 0.1 to 0.5 s a photo)."""
    picture = read_subject(subject, long_side)
    if subject.foreground is not None:
        colours = read_background(subject.foreground, long_side)
        size = (picture.shape[1], picture.shape[0])
        return np.dstack([cv2.resize(colours, size, interpolation=cv2.INTER_LINEAR), picture[..., 3]])
    from pymatting import estimate_foreground_ml  # slow to import, and only the fine photos need it

    estimate = estimate_foreground_ml(picture[..., :3] / 255.0, picture[..., 3] / 255.0)
    colours = np.asarray((estimate * 255 + 0.5).clip(0, 255), np.uint8)
    return np.dstack([colours, picture[..., 3]])
