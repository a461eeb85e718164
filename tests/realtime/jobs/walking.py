"""A clip of two people, as discs, who walk past each other; and `shm-video` on it with an engine that takes dark for people."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

import av
import cv2
import numpy as np
import pytest

from realtime.commands.video import main
from tests.realtime.clips import frames
from tests.realtime.plain_engine import plain_engine

COUNT, RATE = 50, 25
HER, HIM = 8, 24  # radii


def place(index: int) -> tuple[tuple[int, int] | None, tuple[int, int]]:
    """Where she and he are: she walks to the right, below, and comes only in frame 5; he walks to the left, above."""
    return None if index < 5 else (20 + 2 * index, 100), (150 - 2 * index, 40)


def write_walk(path: Path, scale: int = 1) -> Path:
    """A video of the two, dark on white, without loss; `scale` times as large."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 176 * scale, 120 * scale, "gray"
        for index in range(COUNT):
            picture = np.full((120, 176), 255, np.uint8)
            for centre, radius in zip(place(index), (HER, HIM), strict=True):
                if centre is not None:
                    cv2.circle(picture, centre, radius, 0, -1)
            large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(large, np.uint8), "gray")))
        container.mux(stream.encode(None))
    return path


def run(*arguments: object) -> int:
    """Run shm-video for the matte without loss, and return its exit code."""
    options = ["--output-kind", "alpha", "--codec", "ffv1", "--smooth", "0"]
    with patch("sys.argv", ["shm-video", *map(str, arguments), *options]), plain_engine(), pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def check_shards(clip: Path, out: Path, *options: str) -> None:
    """Three shards give the frames of one process."""
    plain, joined = (out.with_name(f"{out.name}-{way}.mkv") for way in ("plain", "joined"))
    assert run(clip, plain, *options) == 0
    for shard in ("3/3", "1/3", "2/3"):
        assert not joined.exists()
        assert run(clip, joined, *options, "--shard", shard) == 0
    for frame, same in zip(frames(joined), frames(plain), strict=True):
        np.testing.assert_array_equal(frame, same)
