"""The sets and clips that a command names."""

from pathlib import Path

import numpy as np
import pytest

from engines.commands.running import UsageError
from tests.train.conftest import write
from train.commands.models import open_clips
from train.evaluation.scores import open_set, read_item


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Two clips of two frames."""
    for name in ("a", "b"):
        for index in range(2):
            write(tmp_path / name / f"images/{index:04d}.png", np.full((48, 64, 3), 9, np.uint8))
            write(tmp_path / name / f"alphas/{index:04d}.png", np.full((48, 64), 9, np.uint8))
    return tmp_path


def test_a_single_clip_will_do(clips: Path) -> None:
    [clip] = open_clips(clips / "a")
    assert clip.name == "a"
    assert read_item(clip.items[0])[0].shape == (48, 64, 3)
    assert open_set(clips / "a") == clip
    assert [each.name for each in open_clips(clips)] == ["a", "b"]


def test_a_clip_of_one_frame_is_refused(clips: Path) -> None:
    for part in ("images", "alphas"):
        (clips / "b" / part / "0001.png").unlink()
    with pytest.raises(UsageError, match="b has one frame only"):
        open_clips(clips)
