"""HEIC pictures, as telephones take them, are read whole or refused by name: a single tile of a grid is no picture."""

import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest

from engines.errors import MediaError
from realtime.commands import image, video
from realtime.compositing.backgrounds import open_background
from realtime.inputs.photos import read_photo
from realtime.inputs.video_file import VideoSource
from tests.realtime.clips import make_clip
from tests.realtime.heif import write_heic
from tests.realtime.plain_engine import PlainEngine, plain_engine

RED, GREEN = (200, 30, 30), (30, 200, 30)
TILES = [np.full((64, 64, 3), colour, np.uint8) for colour in (RED, GREEN)]


@pytest.fixture(autouse=True)
def engine() -> Iterator[PlainEngine]:
    with plain_engine() as engine:
        yield engine


def run(command: object, *arguments: object) -> int:
    with patch("sys.argv", ["shm", *map(str, arguments)]), pytest.raises(SystemExit) as exit_:
        command.main()  # type: ignore[attr-defined]
    return int(exit_.value.code or 0)


def test_a_grid_is_read_whole(tmp_path: Path) -> None:
    pytest.importorskip("pi_heif", reason="needs pi-heif: pip install 'semantic-human-matting[heic]'")
    for tiles in (TILES[:1], TILES):
        photo = read_photo(write_heic(tmp_path / "a.heic", tiles))
        assert np.abs(photo.frame.astype(int) - np.hstack(tiles)).max() <= 6
        assert photo.frames == 1


def test_a_grid_is_a_background_whole(tmp_path: Path) -> None:
    pytest.importorskip("pi_heif", reason="needs pi-heif: pip install 'semantic-human-matting[heic]'")
    grid = write_heic(tmp_path / "a.heic", TILES)
    cv2.imwrite(str(tmp_path / "white.png"), np.full((64, 128, 3), 255, np.uint8))
    assert run(image, tmp_path / "white.png", tmp_path / "out.png", "--bg", grid) == 0
    pixels = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_COLOR_RGB)
    assert pixels is not None
    assert np.abs(pixels.astype(int) - np.hstack(TILES)).max() <= 6


@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
def test_without_the_plug_in_it_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], brand: bytes
) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    photos = tmp_path / "photos"
    photos.mkdir()
    heic = write_heic(photos / "a.HEIC", TILES, brand=brand)
    cv2.imwrite(str(photos / "b.png"), np.zeros((64, 64, 3), np.uint8))
    for name in ("a.heic", "a.jpg"):  # whatever it is called
        (tmp_path / name).write_bytes(heic.read_bytes())
        for use in (read_photo, lambda path: open_background(str(path))):
            with pytest.raises(MediaError, match=r"pi-heif, which reads HEIC pictures.*pip install"):
                use(tmp_path / name)
    assert run(image, photos, tmp_path / "out") == 2
    assert "a.HEIC: pi-heif" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.png"]


def test_it_is_no_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    heic = write_heic(tmp_path / "a.heic", TILES)
    with pytest.raises(MediaError, match="is a picture, not a video"):
        VideoSource(heic)
    assert run(video, heic, tmp_path / "out.mp4") == 2
    assert "a.heic: is a picture, not a video; use shm-image for it" in capsys.readouterr().err


def test_an_animated_png_is_a_video_whatever_its_name(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.apng", codec="apng", pix_fmt="rgb24").rename(tmp_path / "a.png")
    assert run(video, clip, tmp_path / "out.mp4") == 0
    with VideoSource(tmp_path / "out.mp4") as source:
        assert len(list(source)) == 10
