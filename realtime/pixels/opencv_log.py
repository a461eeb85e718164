"""OpenCV's own log, which is silenced where the program itself reports what is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2


@contextmanager
def silence_opencv() -> Iterator[None]:
    """Switch OpenCV's log off inside the block, for all threads."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
