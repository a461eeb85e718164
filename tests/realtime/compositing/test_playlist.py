from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.errors import MediaError
from realtime.compositing.backgrounds import OriginalBackground
from realtime.compositing.playlist import Playlist
from realtime.packet import Packet
from tests.realtime.compositing.test_backgrounds import write_video
from tests.realtime.plain_engine import PlainEngine

RED, BLUE = (255, 0, 0), (0, 0, 255)


def packet(level: int = 0) -> Packet:
    frame = np.full((40, 50, 3), level, np.uint8)
    return Packet(frame, Fraction(0), 0, matte=PlainEngine()(frame))


def test_backgrounds_go_round_and_blur_comes_and_goes(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "b.png"), np.full((50, 50, 3), BLUE[::-1], np.uint8))
    cv2.imwrite(str(tmp_path / "a.png"), np.full((50, 50, 3), RED[::-1], np.uint8))
    (tmp_path / "notes.txt").touch()
    notices: list[str] = []
    with Playlist([str(tmp_path), "lime"], notify=notices.append) as playlist:
        shown = []
        for _ in range(4):
            shown.append(tuple(playlist.frame(packet())[0, 0].tolist()))
            playlist.step(1)
        assert shown == [RED, BLUE, (0, 255, 0), RED]
        playlist.step(-1)
        assert tuple(playlist.frame(packet())[0, 0]) == RED
        playlist.blur()
        assert playlist.name == "blur"
        playlist.blur()
        assert tuple(playlist.frame(packet())[0, 0]) == RED
        (tmp_path / "b.png").unlink()
        playlist.step(1)
        assert "no such file" in notices[-1]
        assert tuple(playlist.frame(packet())[0, 0]) == RED


def test_the_last_picture_of_a_video_that_goes_away_stays(tmp_path: Path) -> None:
    """Such as one on a memory stick. It is opened again at its end."""
    notices: list[str] = []
    with Playlist([str(write_video(tmp_path / "a.mkv", [0, 200, 100], rate=10)), "lime"], notify=notices.append) as playlist:
        (tmp_path / "a.mkv").unlink()
        shown = [playlist.frame(replace(packet(), time=Fraction(index, 10)))[0, 0, 0] for index in range(5)]
        assert shown == [0, 200, 200, 200, 200]  # it was decoded one frame ahead
        assert [line for line in notices if "its last picture stays" in line] == notices != []
        playlist.step(1)
        assert tuple(playlist.frame(packet())[0, 0]) == (0, 255, 0)


def test_only_the_background_that_is_shown_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_now: list[str] = []

    class Counted(OriginalBackground):
        def __init__(self, spec: str) -> None:
            self.spec = spec
            open_now.append(spec)

        def close(self) -> None:
            open_now.remove(self.spec)

    monkeypatch.setattr("realtime.compositing.playlist.open_background", lambda spec, **_: Counted(spec))
    with Playlist(["a", "b", "c"], notify=lambda _: None) as playlist:
        for _ in range(5):
            playlist.step(1)  # faster than frames come
        playlist.frame(packet())
        playlist.step(1)
        assert len(open_now) == 2
        playlist.frame(packet())
        assert len(open_now) == 1
    assert open_now == []


@pytest.mark.parametrize(
    ("specs", "word"),
    [
        (["empty"], "no picture"),
        (["red", "missing.jpg"], "missing.jpg"),
        (["full", "missing.jpg"], "missing.jpg"),  # beside a folder it was told only when it was to be shown
    ],
)
def test_bad_backgrounds_are_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, specs: list[str], word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    for name in ("full/a.png", "full/b.png"):
        cv2.imwrite(name, np.full((8, 8, 3), 200, np.uint8))
    with pytest.raises(MediaError, match=word):
        Playlist(specs)


@pytest.mark.parametrize("spec", ["blur", "none", "checkerboard", "green"])
def test_a_folder_of_the_name_of_a_background_is_not_in_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / spec).mkdir()
    with Playlist([spec]) as playlist:
        assert playlist.name == spec
    with pytest.raises(MediaError, match="no picture"):
        Playlist([f"./{spec}"])


def test_a_file_whose_name_begins_with_a_tilde_is_a_background(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("~beach.png", np.full((8, 8, 3), 200, np.uint8))
    with Playlist(["~beach.png"]) as playlist:
        assert (playlist.frame(packet()) == 200).all()
    with pytest.raises(MediaError, match=r"^~nouser/beach.png: no such file"):
        Playlist(["~nouser/beach.png"])
