"""What int8 is told about the range of numbers."""

import numpy as np
import pytest

from engines import Frame
from engines.geometry import BASE, MODELS
from engines.weights import FOLDER, INT8, verified
from train.data.library import Library
from train.learning.calibration import observe, scene_frames


@pytest.fixture(scope="module")
def frames(library: Library) -> list[Frame]:
    return list(scene_frames(library, count=3))


def test_frames_are_those_of_training_and_always_the_same(library: Library, frames: list[Frame]) -> None:
    height, width = (2 * side for side in MODELS[BASE])
    assert {frame.shape for frame in frames} <= {(height, width, 3), (width, height, 3)}
    for again, frame in zip(scene_frames(library, count=3), frames, strict=True):
        np.testing.assert_array_equal(again, frame)
    assert not np.array_equal(frames[0], frames[1])


def test_ranges_are_the_mean_of_the_frames_extremes(frames: list[Frame]) -> None:
    """MRN's first convolution takes the frame as it is, in [0, 1]; ReLU6 is before some of MPN's."""
    dim = [frame // shade for frame, shade in zip(frames, (1, 2, 4), strict=True)]
    ranges = observe(dim, FOLDER / BASE, BASE, verified()["dimensions"]["mrn"]["widths"][0] + 1)
    assert set(ranges) == set(INT8)
    extremes = [(frame.min() / 255, frame.max() / 255) for frame in dim]
    assert ranges["mrn-features"]["doubled"] == pytest.approx(np.mean(extremes, axis=0), abs=1e-4)
    relu6 = [found for tensor, found in ranges["mpn-low"].items() if tensor.startswith("hardtanh")]
    assert len(relu6) > 10
    assert all(0 <= low < high <= 6 for low, high in relu6)
