from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from engines import Frame
from engines.backends.torch import TorchEngine
from engines.engine import Mask, Matte

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


class RememberingEngine(TorchEngine):
    """Computes what it is asked for once."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.known: dict[tuple[object, ...], Matte] = {}

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        asked = (frame.shape, frame.tobytes(), mask is not None and mask.tobytes())
        if asked not in self.known:
            self.known[asked] = super().__call__(frame, mask)
        return self.known[asked]


@pytest.fixture(scope="session")
def remembering() -> Callable[..., TorchEngine]:
    """`TorchEngine` that is opened once for the same options, and computes a frame once."""
    return cache(RememberingEngine)


@pytest.fixture
def reference_once(remembering: Callable[..., TorchEngine], monkeypatch: pytest.MonkeyPatch) -> None:
    """`check_parity` compares with the same frames each time: PyTorch computes them once for all tests."""
    monkeypatch.setattr("engines.backends.torch.TorchEngine", remembering)


@pytest.fixture(scope="session")
def portrait() -> Frame:
    """The sample photo, RGB."""
    import cv2

    import realtime

    path = next(iter(realtime.__path__)) + "/samples/portrait.jpg"
    return np.ascontiguousarray(cv2.imread(path)[..., ::-1])
