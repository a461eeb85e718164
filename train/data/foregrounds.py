"""Clean foreground colours (F of equation 1) of photos that have only an alpha matte."""

from functools import lru_cache
from threading import Lock

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from train.data.estimators import estimator
from train.data.library import Picture, Subject, read_background, read_subject

_estimating = Lock()  # Numba's threads serve one caller at a time: two at once crash the process


def estimate_foreground(picture: Picture, alpha: NDArray[np.float64]) -> Picture:
    """F of a picture (H, W, 3) with its alpha (H, W) in [0, 1], by multi-level estimation (Germer et al. 2020)."""
    with _estimating:
        threads = torch.get_num_threads()
        # Importing Numba sets the number of OpenMP's threads, which PyTorch shares, to all cores: on a busy machine each of
        # PyTorch's operations in a worker then waited a quarter of a second for the second one.
        import numba

        try:
            multi_level = estimator("foreground.estimate_foreground_ml")
            numba.set_num_threads(min(threads, numba.get_num_threads()))
            colours = multi_level.estimate_foreground_ml(picture / 255.0, alpha)
        finally:
            torch.set_num_threads(threads)
    return np.asarray((colours * 255 + 0.5).clip(0, 255), np.uint8)


@lru_cache(maxsize=2048)
def foreground_of(subject: Subject, long_side: int) -> Picture:
    """F and alpha as uint8 (h, w, 4): the data's, or estimated, which takes 0.1 to 0.5 s a photo."""
    picture = read_subject(subject, long_side)
    if subject.foreground is None:
        colours = estimate_foreground(picture[..., :3], picture[..., 3] / 255.0)
    else:
        colours = cv2.resize(read_background(subject.foreground, long_side), picture.shape[1::-1])  # type: ignore[assignment]
    return np.dstack([colours, picture[..., 3]])
