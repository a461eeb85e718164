from typing import TYPE_CHECKING

import numpy as np
import pytest

from engines import Frame
from engines.backends.torch import TorchEngine

if TYPE_CHECKING:
    from engines.backends.openvino import OpenVINOEngine


@pytest.fixture(scope="session")
def openvino_engine() -> "OpenVINOEngine":
    pytest.importorskip("openvino")  # a GPU machine may lack it
    from engines.backends.openvino import OpenVINOEngine

    return OpenVINOEngine(precision="fp32")


@pytest.fixture(scope="session")
def torch_engine() -> TorchEngine:
    return TorchEngine(precision="fp32", device="cpu")


@pytest.fixture(scope="session")
def tiled_torch_engine() -> TorchEngine:
    return TorchEngine(precision="fp32", device="cpu", tiled=True)


@pytest.fixture(scope="session")
def portrait() -> Frame:
    """The sample photo, RGB."""
    import cv2

    import realtime

    path = next(iter(realtime.__path__)) + "/samples/portrait.jpg"
    return np.ascontiguousarray(cv2.imread(path)[..., ::-1])
