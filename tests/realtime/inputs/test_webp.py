"""Animated WebP as a video."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines.errors import MediaError, TooManyPixels
from realtime.compositing.backgrounds import open_background
from realtime.inputs.timestamps import Excerpt
from realtime.inputs.video_file import VideoSource
from realtime.jobs.video_folders import video_files
from tests.realtime.clips import frame_times, frames, matte, picture
from tests.realtime.commands.test_video import GREEN, BallEngine, assert_ball_on, engine, shm_video
from tests.realtime.compositing.test_backgrounds import packet_at

__all__ = ["engine"]  # the fixture
DURATIONS = [40, 80, 120, 0, 500, 70]  # ms
TIMES = [Fraction(ms, 1000) for ms in (0, 40, 120, 240, 340, 840)]  # 0 is taken for 100, as in browsers


def write_webp(path: Path, *, alpha: bool = False) -> Path:
    first, *rest = (
        Image.fromarray(np.dstack([picture(index), matte(picture(index)).alpha * 255]).astype(np.uint8))
        if alpha
        else Image.fromarray(picture(index))
        for index in range(len(DURATIONS))
    )
    first.save(path, save_all=True, append_images=rest, duration=DURATIONS, lossless=True, exact=True)
    return path


def test_pictures_keep_their_times(tmp_path: Path) -> None:
    with VideoSource(write_webp(tmp_path / "a.webp")) as source:
        for _ in range(2):  # from the beginning again
            packets = list(source)
            assert [packet.time for packet in packets] == TIMES
            assert [packet.duration for packet in packets] == [Fraction(each or 100, 1000) for each in DURATIONS]
            for index, packet in enumerate(packets):
                np.testing.assert_array_equal(packet.frame, picture(index))
        assert (source.shortfall, source.damaged) == (None, 0)
    with VideoSource(tmp_path / "a.webp", excerpt=Excerpt(Fraction("0.2"), frames=2)) as source:
        assert [packet.time for packet in source] == [0, Fraction("0.1")]


def test_what_is_clear_in_it_stays_so(tmp_path: Path) -> None:
    with VideoSource(write_webp(tmp_path / "a.webp", alpha=True)) as source:
        for index, packet in enumerate(source):
            np.testing.assert_array_equal(packet.opacity, matte(picture(index)).alpha * 255)


def test_a_film_of_it(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    webp, out = write_webp(tmp_path / "a.webp"), tmp_path / "out.mp4"
    assert shm_video(monkeypatch, webp, out) == 0
    assert capsys.readouterr().err.count("\n") == 1
    assert frame_times(out) == TIMES
    for index, frame in enumerate(frames(out)):
        assert_ball_on(frame, index, GREEN)
    assert shm_video(monkeypatch, out, tmp_path / "behind.mp4", "--bg", webp) == 0


def test_it_moves_behind_people_and_other_pictures_open_meanwhile(tmp_path: Path) -> None:
    Image.fromarray(picture(0)).save(tmp_path / "still.png")
    with open_background(str(write_webp(tmp_path / "a.webp"))) as background:
        for time, index in zip([*TIMES, Fraction("0.91")], [*range(6), 0], strict=True):
            np.testing.assert_array_equal(background.frame(packet_at(time, 64, 96)), picture(index))
            open_background(str(tmp_path / "still.png")).close()


def test_a_folder_has_the_animated_ones_alone(tmp_path: Path) -> None:
    write_webp(tmp_path / "a.webp")
    Image.fromarray(picture(0)).save(tmp_path / "photo.webp")
    found = video_files(tmp_path, tmp_path / "out")
    assert found.jobs == [(tmp_path / "a.webp", tmp_path / "out/a.mp4")]
    assert found.left_out == 1


def test_damage_is_told(tmp_path: Path) -> None:
    data = write_webp(tmp_path / "a.webp").read_bytes()
    middle = len(data) // 2
    (tmp_path / "hole.webp").write_bytes(data[:middle] + bytes(30) + data[middle + 30 :])
    with VideoSource(tmp_path / "hole.webp") as source:
        count = len(list(source))
        assert 0 < count < 6
        assert source.shortfall == f"{tmp_path}/hole.webp: ends after {count} of 6 pictures; the rest is missing or damaged"
    (tmp_path / "cut.webp").write_bytes(data[:middle])
    with pytest.raises(MediaError, match=r"cut.webp: is a damaged WebP; check the file"):
        VideoSource(tmp_path / "cut.webp")
    with pytest.raises(TooManyPixels, match=r"a.webp: 96x64 is 1 megapixels"):
        VideoSource(tmp_path / "a.webp", max_pixels=6000)
