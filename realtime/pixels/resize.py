"""Pictures brought to the size of a frame."""

from fractions import Fraction

import cv2
import numpy as np

from engines.engine import Frame
from realtime.choices import Fit


def resize(picture: Frame, height: int, width: int) -> Frame:
    """Resize uint8 RGB (h, w, 3) to (height, width, 3): by areas where it shrinks, else bilinearly."""
    shrinks = height < picture.shape[0] and width < picture.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.ascontiguousarray(cv2.resize(picture, (width, height), interpolation=interpolation), np.uint8)


def resize_to_fit(picture: Frame, height: int, width: int, fit: Fit, *, aspect: Fraction = Fraction(1)) -> Frame:
    """Bring uint8 RGB (h, w, 3) to (height, width, 3).

    "cover" fills the frame and crops what is over, "contain" shows everything between black bars, "stretch" distorts. `aspect`
    is the width over the height of a pixel of the picture, divided by that of a pixel of the frame.
    """
    own_height, own_width = picture.shape[:2]
    shown_width = own_width * aspect
    if fit == "contain":
        scale = min(Fraction(height, own_height), width / shown_width)
        inner_height, inner_width = max(1, round(own_height * scale)), max(1, round(shown_width * scale))
        framed = np.zeros((height, width, 3), np.uint8)
        top, left = (height - inner_height) // 2, (width - inner_width) // 2
        framed[top : top + inner_height, left : left + inner_width] = resize(picture, inner_height, inner_width)
        return framed
    if fit == "cover":
        crop_height = min(own_height, max(1, round(shown_width * height / width)))
        crop_width = min(own_width, max(1, round(own_height * width / height / aspect)))
        top, left = (own_height - crop_height) // 2, (own_width - crop_width) // 2
        picture = picture[top : top + crop_height, left : left + crop_width]
    return resize(picture, height, width)
