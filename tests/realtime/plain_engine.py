"""An engine for tests of what stands around it: dark is person, light is background."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self
from unittest.mock import patch

import cv2
import numpy as np

from engines.engine import Frame, Mask, Matte


class PlainEngine:
    name = "plain"
    device = "a test"
    precision = "fp32"
    model = "base"
    at_once = 1
    one_size = False

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.calls = 0
        self.closed = False
        self.asked: dict[str, Any] = {}  # the options with which it was loaded

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        assert frame.dtype == np.uint8
        assert frame.flags.c_contiguous
        time.sleep(self.seconds)
        self.calls += 1
        alpha = (1 - cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) / np.float32(255)).astype(np.float32)
        small = cv2.resize(alpha, (8, 8)).astype(np.float32)
        return Matte(alpha, frame.copy(), small, small)

    def coarse(self, frame: Frame) -> Mask:
        return self(frame).coarse

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def plain_engine(seconds: float = 0) -> Iterator[PlainEngine]:
    """While this lasts, engines.load() gives one PlainEngine that takes so many seconds a frame."""
    engine = PlainEngine(seconds)

    def load(backend: str = "auto", **options: Any) -> PlainEngine:
        engine.asked = {"backend": backend, **options}
        return engine

    with patch("engines.load", load, create=True):
        yield engine
