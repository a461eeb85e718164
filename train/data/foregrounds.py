"""Clean foreground colours (F of equation 1) of photos that have only an alpha matte."""

import importlib.util
import sys
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock
from types import ModuleType

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from train.data.library import Picture, Subject, read_background, read_subject

ESTIMATOR = "pymatting.foreground.estimate_foreground_ml"
_estimating = Lock()  # Numba's threads serve one caller at a time: two at once crash the process


@cache
def _estimator() -> ModuleType:
    """PyMatting's module of multi-level estimation, alone: with the package, Numba would compile all its functions, for a
    minute the first time.
    """
    if ESTIMATOR in sys.modules:
        return sys.modules[ESTIMATOR]
    package = importlib.util.find_spec("pymatting")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'pymatting'", name="pymatting")
    path = Path(package.submodule_search_locations[0]) / "foreground/estimate_foreground_ml.py"
    spec = importlib.util.spec_from_file_location(ESTIMATOR, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[ESTIMATOR] = module  # under its own name, by which Numba's cache finds it
    spec.loader.exec_module(module)
    return module


def estimate_foreground(picture: Picture, alpha: NDArray[np.float64]) -> Picture:
    """F of a picture (H, W, 3) with its alpha (H, W) in [0, 1], by multi-level estimation (Germer et al. 2020)."""
    with _estimating:
        threads = torch.get_num_threads()
        # Importing Numba sets the number of OpenMP's threads, which PyTorch shares, to all cores: on a busy machine each of
        # PyTorch's operations in a worker then waited a quarter of a second for the second one.
        import numba

        try:
            estimator = _estimator()
            numba.set_num_threads(min(threads, numba.get_num_threads()))
            colours = estimator.estimate_foreground_ml(picture / 255.0, alpha)
        finally:
            torch.set_num_threads(threads)
    return np.asarray((colours * 255 + 0.5).clip(0, 255), np.uint8)


@lru_cache(maxsize=2048)
def foreground_of(subject: Subject, long_side: int) -> Picture:
    """F and alpha as uint8 (h, w, 4): the data's, or estimated, which takes 0.1 to 0.5 s a photo."""
    picture = read_subject(subject, long_side)
    if subject.foreground is not None:
        colours = read_background(subject.foreground, long_side)
        size = (picture.shape[1], picture.shape[0])
        return np.dstack([cv2.resize(colours, size, interpolation=cv2.INTER_LINEAR), picture[..., 3]])
    return np.dstack([estimate_foreground(picture[..., :3], picture[..., 3] / 255.0), picture[..., 3]])
