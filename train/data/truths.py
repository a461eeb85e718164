"""Masks and alpha mattes as people bring them: grey ones are taken, others are refused, as they would be misread in silence."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.errors import DataError

COLOURED = 32  # levels between the channels; JPEG tints a grey picture by one or two
AS_STORED = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH  # grey or in colours, turned as its EXIF says, without alpha

Levels = NDArray[np.uint8] | NDArray[np.uint16]


def grey_truth(path: Path, picture: Levels) -> Levels:
    """A mask or matte (H, W) that was read AS_STORED, from `path`. Raises DataError unless it is a grey picture."""
    most = np.iinfo(picture.dtype).max
    if picture.ndim == 3:
        stored = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
        if stored is not None and stored.shape[2:] == (4,) and stored[..., 3].min() < most:
            raise DataError(f"{path}: has alpha of its own; a truth is a grey picture: save that alpha as one")
        if int(np.ptp(picture, axis=2).max()) * 255 > COLOURED * most:
            raise DataError(f"{path}: has colours; a truth is a grey picture, in which a person is 255: save it as one")
        picture = picture[..., 1]
    return picture
