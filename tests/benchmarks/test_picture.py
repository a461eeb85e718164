from fractions import Fraction
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest

from benchmarks import picture as picture_module
from benchmarks.cli import main
from benchmarks.picture import DEMO_WIDTH, EVERY, WIDTH
from realtime.outputs.video_file import VideoSink
from realtime.packet import Packet
from tests.realtime.plain_engine import plain_engine


def draw(*arguments: object) -> int:
    with patch("sys.argv", ["bench", "picture", *map(str, arguments)]), plain_engine(), pytest.raises(SystemExit) as end:
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


def test_the_demo_shows_each_frame_beside_its_composite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = tmp_path / "clip.mp4"
    with VideoSink(clip, width=96, height=72, rate=Fraction(25)) as sink:
        for index in range(4):
            picture = np.full((72, 96, 3), 250 - 5 * index, np.uint8)  # nearly all background, to the plain engine
            sink.write(Packet(picture, Fraction(index, 25), index, Fraction(1, 25), picture=picture))
    monkeypatch.setattr(picture_module, "SAMPLE", clip)
    assert draw(tmp_path / "demo.webp", "--demo") == 0
    found, animation = cv2.imreadanimation(str(tmp_path / "demo.webp"))
    assert found
    assert len(animation.frames) == 4 // EVERY
    assert list(animation.durations) == [40 * EVERY] * (4 // EVERY)
    frame, composed = np.hsplit(animation.frames[0][..., :3], 2)
    assert frame.shape[1] == DEMO_WIDTH
    assert frame.mean() > 240
    assert np.abs(frame.astype(int) - composed).mean() > 5


def test_nothing_is_replaced_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out.png").write_bytes(b"precious")
    assert draw(tmp_path / "out.png") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "out.png").read_bytes() == b"precious"
    assert draw(tmp_path / "out.png", "-y") == 0
    assert draw(tmp_path / "out.png", "--demo", "-y") == 2
    assert ".webp" in capsys.readouterr().err
