from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest

from benchmarks.pipeline_picture import WIDTH, main
from tests.realtime.plain_engine import plain_engine


def draw(*arguments: object) -> int:
    with patch("sys.argv", ["pipeline_picture", *map(str, arguments)]), plain_engine(), pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_five_panels_of_the_sample(tmp_path: Path) -> None:
    assert draw(tmp_path / "out.png") == 0
    picture = cv2.imread(str(tmp_path / "out.png"))
    assert picture is not None
    height = picture.shape[0]
    assert picture.shape == (height, WIDTH, 3)
    below = picture[height * 7 // 10 : height * 9 // 10]
    assert np.ptp(below, axis=2).max() == 0  # masks and alpha are grey
    frame, composed = np.hsplit(picture[40 : height // 2], 2)
    assert np.abs(frame.astype(int) - composed).mean() > 5


def test_a_photo_and_a_background_of_ones_own(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "dark.png"), np.zeros((60, 41, 3), np.uint8))  # all person, to the plain engine
    assert draw(tmp_path / "out.png", "--photo", tmp_path / "dark.png", "--bg", "red") == 0
    picture = cv2.imread(str(tmp_path / "out.png"))
    assert picture is not None
    assert picture[200, 900].max() == 0
    assert picture[-100, 200].min() == 255


def test_nothing_is_replaced_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out.png").write_bytes(b"precious")
    assert draw(tmp_path / "out.png") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "out.png").read_bytes() == b"precious"
    assert draw(tmp_path / "out.png", "--photo", tmp_path / "missing.jpg", "-y") == 2
