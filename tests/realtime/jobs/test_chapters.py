"""Chapters are kept, and what cannot be kept is named: read back by the ffprobe program."""

import json
import shutil
import subprocess
from pathlib import Path
from unittest.mock import patch

import pytest

from realtime.commands.video import main
from tests.realtime.clips import make_clip
from tests.realtime.plain_engine import plain_engine

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg program")

CHAPTERS = """;FFMETADATA1
[CHAPTER]
TIMEBASE=1/1000
START=0
END=160
title=Hands
[CHAPTER]
TIMEBASE=1/1000
START=160
END=400
title=Hats; and "more"
"""


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A video of 0.4 s with two chapters, and an attached file."""
    (tmp_path / "chapters.txt").write_text(CHAPTERS)
    (tmp_path / "font.ttf").write_bytes(b"font")
    plain, path = make_clip(tmp_path / "plain.mp4"), tmp_path / "in.mkv"
    inputs = [part for name in (plain, tmp_path / "chapters.txt") for part in ("-i", str(name))]
    attached = ["-attach", str(tmp_path / "font.ttf"), "-metadata:s:t", "mimetype=application/x-truetype-font"]
    subprocess.run(
        [
            "ffmpeg",
            "-v",
            "error",
            *inputs,
            *attached,
            "-map",
            "0",
            "-map_chapters",
            "1",
            "-c:v",
            "copy",
            str(path),
        ],
        check=True,
    )
    return path


def run(*arguments: str) -> None:
    with patch("sys.argv", ["shm-video", *arguments]), plain_engine(), pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code


def chapters(path: Path) -> list[tuple[float, float, str]]:
    command = ["ffprobe", "-v", "error", "-show_chapters", "-of", "json", str(path)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["chapters"]
    return [(float(each["start_time"]), float(each["end_time"]), each["tags"]["title"]) for each in found]


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv", "out.webm"])
def test_chapters_are_kept_and_the_rest_is_named(
    tmp_path: Path, clip: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / name
    run(str(clip), str(out))
    assert chapters(out) == [(0.0, 0.16, "Hands"), (0.16, 0.4, 'Hats; and "more"')]
    assert f"{out}: is without a font of {clip}" in capsys.readouterr().err
    again = tmp_path / f"again{out.suffix}"
    run(str(out), str(again))
    assert chapters(again) == chapters(out)
    assert "is without" not in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--resume"]])
def test_sound_beside_which_chapters_would_be_lost_is_converted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    (tmp_path / "chapters.txt").write_text(CHAPTERS)
    make_clip(tmp_path / "plain.mov", audio="pcm_mulaw")
    inputs = ["-i", str(tmp_path / "plain.mov"), "-i", str(tmp_path / "chapters.txt")]
    clip, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    subprocess.run(["ffmpeg", "-v", "error", *inputs, "-map_chapters", "1", "-c", "copy", str(clip)], check=True)
    run(str(clip), str(out), *options)
    assert chapters(out) == [(0.0, 0.16, "Hands"), (0.16, 0.4, 'Hats; and "more"')]
    assert f"{out}: its sound was converted, pcm_mulaw to Opus" in capsys.readouterr().err
    run(str(tmp_path / "plain.mov"), str(tmp_path / "plain.mkv"), *options)
    assert "converted" not in capsys.readouterr().err


def test_chapters_of_an_excerpt_and_of_joined_segments(tmp_path: Path, clip: Path) -> None:
    run(str(clip), str(tmp_path / "part.mkv"), "--start", "0.2")
    assert chapters(tmp_path / "part.mkv") == [(0.0, 0.2, 'Hats; and "more"')]
    run(str(clip), str(tmp_path / "part.mp4"), "--frames", "3")
    assert [title for *_, title in chapters(tmp_path / "part.mp4")] == ["Hands"]
    run(str(clip), str(tmp_path / "joined.mp4"), "--resume")
    assert len(chapters(tmp_path / "joined.mp4")) == 2
