"""--model reaches the engine from every command that runs one, and -y replaces what each writes."""

from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest

from realtime.commands import image, live, refine, video
from tests.realtime.clips import make_clip
from tests.realtime.plain_engine import plain_engine


@pytest.mark.parametrize(
    ("main", "default", "words"),
    [
        (image.main, "large", "photo.png out.png"),
        (video.main, "large", "clip.mp4 out.mp4"),
        (refine.main, "base", "photo.png mask.png out.png"),
        (live.main, "base", "--input clip.mp4 --no-window --record out.mkv"),
    ],
)
def test_every_command_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, main: Callable[[], None], default: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("photo", "mask"):
        cv2.imwrite(f"{name}.png", np.zeros((40, 60, 3), np.uint8))
    make_clip(Path("clip.mp4"))
    for given, model in (([], default), (["--model", "base", "-y"], "base"), (["--model", "large", "-y"], "large")):
        arguments = ["command", *words.split(), *given]
        with plain_engine() as engine, patch("sys.argv", arguments), pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        assert engine.asked["model"] == model
        assert engine.calls


@pytest.mark.parametrize(
    ("main", "words"),
    [
        (image.main, "photo.png out.png"),
        (video.main, "clip.mp4 out.mp4"),
        (live.main, "--input clip.mp4 --no-window --record out.mkv"),
    ],
)
def test_people_are_seen_from_nearer_unless_it_is_turned_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, main: Callable[[], None], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("photo.png", np.zeros((40, 60, 3), np.uint8))
    make_clip(Path("clip.mp4"))
    for given, closer in (([], True), (["--no-closer", "-y"], False)):
        with plain_engine() as engine, patch("sys.argv", ["command", *words.split(), *given]), pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        assert engine.asked["closer"] is closer
