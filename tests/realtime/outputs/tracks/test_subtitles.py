"""Subtitles are kept, in step with the pictures: written and read back by the ffmpeg and ffprobe programs."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from realtime.commands.video import main
from tests.realtime.clips import even_times, make_clip
from tests.realtime.plain_engine import plain_engine

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg program")

WORDS = [(0.1, 0.7, "Eins"), (0.8, 1.0, "<i>Zwei</i>\nDrei"), (1.2, 1.9, "Vier")]
CODECS = {".mp4": "mov_text", ".mov": "mov_text", ".mkv": "subrip", ".webm": "webvtt"}


def clock(seconds: float) -> str:
    return f"00:00:{seconds:06.3f}".replace(".", ",")


def clip_with(path: Path, codec: str) -> Path:
    """A video of 2 s with German subtitles, and a second track in French; both begin as SubRip."""
    plain, words = path.with_name("plain.mp4"), path.with_name("words.srt")
    make_clip(plain, even_times(50))
    words.write_text("\n".join(f"{n}\n{clock(a)} --> {clock(b)}\n{text}\n" for n, (a, b, text) in enumerate(WORDS, 1)))
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        plain,
        "-i",
        words,
        "-i",
        words,
        *("-map", "0", "-map", "1", "-map", "2"),
        "-c",
        "copy",
    ]
    command += ["-c:s", codec, "-metadata:s:s:0", "language=ger", "-metadata:s:s:0", "title=Worte"]
    command += ["-metadata:s:s:1", "language=fre", "-disposition:s:1", "forced", path]
    subprocess.run(command, check=True)
    return path


def run(*arguments: object) -> None:
    with patch("sys.argv", ["shm-video", *map(str, arguments)]), plain_engine(), pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code


def tracks(path: Path) -> list[dict[str, Any]]:
    command = ["ffprobe", "-v", "error", "-select_streams", "s", "-show_streams", "-of", "json", path]
    found: list[dict[str, Any]] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["streams"]
    return found


def words(path: Path, track: int = 0) -> list[tuple[float, float, str]]:
    """What the ffmpeg program shows of a track: begin, end and text."""
    command = ["ffmpeg", "-v", "error", "-i", path, "-map", f"0:s:{track}", "-f", "srt", "-"]
    found = []
    for block in subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().split("\n\n"):
        _, times, text = block.split("\n", 2)
        begin, end = (float(each[6:].replace(",", ".")) for each in times.split(" --> "))
        found.append((begin, end, text))
    return found


@pytest.mark.parametrize("suffix", CODECS)
@pytest.mark.parametrize("source", ["in.mkv", "in.mp4"])
def test_text_is_kept_in_every_container(tmp_path: Path, source: str, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    clip = clip_with(tmp_path / source, {"in.mkv": "subrip", "in.mp4": "mov_text"}[source])
    out = tmp_path / f"out{suffix}"
    run(clip, out)
    first, second = tracks(out)
    assert {first["codec_name"], second["codec_name"]} == {CODECS[suffix]}
    assert (first["tags"]["language"], second["tags"]["language"]) == ("ger", "fra" if suffix == ".mov" else "fre")
    assert "Worte" in first["tags"].values() or source == "in.mp4"  # this ffmpeg program writes no title into MP4
    assert second["disposition"]["forced"] == (suffix != ".mov")  # which has no such flag
    assert words(out) == words(out, 1) == WORDS
    told = capsys.readouterr().err
    converted = CODECS[suffix] != CODECS[clip.suffix]
    assert (f"{out}: its subtitles were converted, {CODECS[clip.suffix]} to {CODECS[suffix]}" in told) == converted
    assert "is without" not in told


def test_text_of_an_excerpt_is_cut_in_step_also_in_joined_segments(tmp_path: Path) -> None:
    clip = clip_with(tmp_path / "in.mkv", "ass")
    for name, options in (("part.mkv", []), ("part.mp4", []), ("joined.mkv", ["--resume"])):
        run(clip, tmp_path / name, "--start", "0.4", "--end", "1.6", *options)
        begins, ends, texts = zip(*words(tmp_path / name), strict=True)
        assert begins == pytest.approx((0.0, 0.4, 0.8), abs=0.01)
        assert ends == pytest.approx((0.3, 0.6, 1.2), abs=0.01)
        assert texts == tuple(text for *_, text in WORDS)
    assert tracks(tmp_path / "part.mkv")[0]["codec_name"] == "ass"


@pytest.mark.parametrize("options", [[], ["--resume"]])
def test_fonts_stay_with_ass_where_it_stays_and_are_named_where_not(
    tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    fonts = {"A b.ttf": ("application/x-truetype-font", bytes(range(256)) * 300), "c.otf": ("font/otf", b"OTTO" * 99)}
    words, clip = clip_with(tmp_path / "words.mkv", "ass"), tmp_path / "in.mkv"
    attached: list[str] = []
    for number, (name, (kind, data)) in enumerate([*fonts.items(), ("notes.txt", ("text/plain", b"notes"))]):
        (tmp_path / name).write_bytes(data)
        attached += ["-attach", str(tmp_path / name), f"-metadata:s:t:{number}", f"mimetype={kind}"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", words, "-map", "0", "-c", "copy", *attached, clip], check=True)
    out = tmp_path / "out.mkv"
    run(clip, out, *options)
    assert f"{out}: is without an attachment of {clip}\n" in capsys.readouterr().err
    (tmp_path / "dumped").mkdir()
    dump = [part for number, name in enumerate(fonts) for part in (f"-dump_attachment:t:{number}", tmp_path / "dumped" / name)]
    subprocess.run(["ffmpeg", "-v", "error", *dump, "-i", out, "-t", "0", "-f", "null", "-"], check=True)
    assert {each.name: each.read_bytes() for each in (tmp_path / "dumped").iterdir()} == {
        name: data for name, (_, data) in fonts.items()
    }
    entries = ["-select_streams", "t", "-show_entries", "stream_tags", "-of", "json"]
    shown = subprocess.run(["ffprobe", "-v", "error", *entries, out], check=True, capture_output=True).stdout
    assert [each["tags"]["mimetype"] for each in json.loads(shown)["streams"]] == [kind for kind, _ in fonts.values()]
    run(clip, tmp_path / "out.mp4", *options)
    assert f"{tmp_path / 'out.mp4'}: is without 2 fonts, an attachment of {clip}\n" in capsys.readouterr().err


def test_pictures_are_copied_where_they_can_be_and_named_where_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = make_clip(tmp_path / "plain.mp4", even_times(50))
    clip = tmp_path / "in.mkv"
    (tmp_path / "words.sup").write_bytes(b"".join(display_set(seconds) for seconds in (0.2, 1.2)))
    inputs = ["-i", plain, "-i", tmp_path / "words.sup", "-map", "0", "-map", "1"]
    subprocess.run(["ffmpeg", "-v", "error", *inputs, "-c", "copy", clip], check=True)
    run(clip, tmp_path / "out.mkv")
    assert [track["codec_name"] for track in tracks(tmp_path / "out.mkv")] == ["hdmv_pgs_subtitle"]
    command = ["ffprobe", "-v", "error", "-select_streams", "s", "-show_entries", "packet=pts_time", "-of", "csv=p=0"]
    times = subprocess.run([*command, tmp_path / "out.mkv"], check=True, capture_output=True, text=True).stdout.split()
    assert [float(time) for time in times] == [0, 1]
    assert "is without" not in capsys.readouterr().err
    for name in ("out.mp4", "%05d.png"):
        run(clip, tmp_path / name)
        told = capsys.readouterr().err
        assert f"{tmp_path / name}: is without a subtitle track (hdmv_pgs_subtitle) of {clip}" in told


def display_set(seconds: float) -> bytes:
    """A display set of Blu-ray's subtitles that clears the screen: a presentation composition and an end."""
    header = b"PG" + round(seconds * 90_000).to_bytes(4, "big") + bytes(4)
    composition = bytes([0, 96, 0, 64, 0x10, 0, 1, 0x80, 0, 0, 0])
    return header + b"\x16" + len(composition).to_bytes(2, "big") + composition + header + b"\x80\x00\x00"
