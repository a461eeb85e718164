"""What int8 is told about the numbers that convolutions take."""

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


def test_extremes_and_means_are_the_mean_of_the_frames(frames: list[Frame]) -> None:
    """MRN's first convolution takes the frame as it is, in [0, 1]; ReLU6 is before some of MPN's."""
    dim = [frame // shade for frame, shade in zip(frames, (1, 2, 4), strict=True)]
    found = observe(dim, FOLDER / BASE, BASE, verified()["dimensions"]["mrn"]["widths"][0] + 1)
    assert set(found) == set(INT8)
    picture = found["mrn-features"]["doubled"]
    extremes = [(frame.min() / 255, frame.max() / 255) for frame in dim]
    assert (picture.low, picture.high) == pytest.approx(np.mean(extremes, axis=0), abs=1e-4)
    colours = [frame.mean((0, 1)) / 255 for frame in dim]
    np.testing.assert_allclose(picture.means[:3], np.mean(colours, axis=0), atol=2e-3)
    relu6 = [taken for tensor, taken in found["mpn-low"].items() if tensor.startswith("hardtanh")]
    assert len(relu6) > 10
    assert all(0 <= low < high <= 6 and np.all((low <= means) & (means <= high)) for low, high, means in relu6)
