"""A clip of two people, as discs, who walk past each other; and `shm-video` on it with an engine that takes dark for people."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

import av
import cv2
import numpy as np
import pytest

from realtime.commands.video import main
from tests.realtime.plain_engine import plain_engine

COUNT, RATE = 50, 25
HER, HIM = 8, 24  # radii


def place(index: int) -> tuple[tuple[int, int] | None, tuple[int, int]]:
    """Where she and he are: she walks to the right, below, and comes only in frame 5; he walks to the left, above."""
    return None if index < 5 else (20 + 2 * index, 100), (150 - 2 * index, 40)


def write_walk(path: Path) -> Path:
    """A video of the two, dark on white, without loss."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 176, 120, "gray"
        for index in range(COUNT):
            picture = np.full((120, 176), 255, np.uint8)
            for centre, radius in zip(place(index), (HER, HIM), strict=True):
                if centre is not None:
                    cv2.circle(picture, centre, radius, 0, -1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "gray")))
        container.mux(stream.encode(None))
    return path


def run(*arguments: object) -> int:
    """Run shm-video for the matte without loss, and return its exit code."""
    options = ["--output-kind", "alpha", "--codec", "ffv1", "--smooth", "0"]
    with patch("sys.argv", ["shm-video", *map(str, arguments), *options]), plain_engine(), pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)
