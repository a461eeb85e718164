import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from engines.atomic import UNFINISHED
from engines.errors import MediaError
from realtime.commands.live import fill_in_values, main
from realtime.inputs.cameras import find_camera
from tests.realtime.clips import frame_times, frames
from tests.realtime.compositing.test_backgrounds import write_video
from tests.realtime.inputs.test_network_stream import server
from tests.realtime.pixels.test_matrices import turns_to_ictcp


def shm_live(*arguments: str) -> int:
    """Runs the command and gives its exit code."""
    with patch("sys.argv", ["shm-live", *arguments]), pytest.raises(SystemExit) as exit_:
        main()
    return int(exit_.value.code or 0)


def wait_until(holds: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def test_options_without_a_value() -> None:
    assert fill_in_values([]) == []
    assert fill_in_values(["--webcam"]) == ["--webcam", "0"]
    assert fill_in_values(["--webcam", "--bg", "red"]) == ["--webcam", "0", "--bg", "red"]
    assert fill_in_values(["--webcam", "/dev/video2", "--loop"]) == ["--webcam", "/dev/video2", "--loop"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="device paths are Linux's")
def test_a_missing_camera_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no such camera") as caught:
        find_camera("97")
    assert "choose one of /dev/video" in str(caught.value) or "plug one in" in str(caught.value)
    (tmp_path / "a.mp4").touch()
    with pytest.raises(MediaError, match="is not a camera"):
        find_camera(str(tmp_path / "a.mp4"))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "--webcam"),
        (["--webcam", "--input", "a.mkv"], "one source"),
        (["--webcam", "--loop"], "--loop"),
        (["--webcam", "97"], "--webcam 97: no such camera"),
        (["--webcam", "text.mp4"], "for a video file use --input text.mp4"),
        (["--webcam", "rtsp://me:secret@camera/x"], "--webcam rtsp://camera/x: is an address; name it with --input"),
        (["--input", "0"], "--input 0: is no video file; for a camera use --webcam 0"),
        (["--input", "/dev/video0"], "for a camera use --webcam /dev/video0"),
        (["--input", "a.png"], "--input a.png: is a picture, not a video; use shm-image for it"),
        (["--input", "missing.mp4"], "missing.mp4"),
        (["--input", "text.mp4"], "text.mp4"),
        (
            ["--input", "rstp://me:secret@camera/x"],
            "rstp://camera/x: is no address that can be read",
        ),
        (["--input", "a.mkv", "--size", "big"], "--size big: give WIDTHxHEIGHT"),
        (["--input", "a.mkv", "--size", "20x20"], "--size 20x20: give WIDTHxHEIGHT"),
        (
            ["--input", "a.mkv", "--size", "20000x20000"],
            "--size 20000x20000: has more than 64 megapixels; give a smaller one, or raise --max-megapixels",
        ),
        (  # it was a traceback
            ["--input", "a.mkv", "--no-window", "--size", "70000x900", "--record", "b.mkv"],
            "--record: width 70000: must be a whole number from 1 to 65536",
        ),
        (["--input", "a.mkv", "--fit", "contain"], "--fit is for --bg; leave it out, or add --bg"),
        (["--input", "a.mkv", "--hold", "1"], "--hold is for a camera or a stream; leave it out"),
        (["--input", "a.mkv", "--smooth", "2"], "--smooth"),
        (["--input", "a.mkv", "--bg", "blur:x"], "--bg blur:x: is not a strength of blur"),
        (["--input", "a.mkv", "--virtual-camera", "/dev/video97"], "--virtual-camera /dev/video97: no such device"),
        (["--input", "a.mkv", "--fps", "20"], "--fps"),
        (["--input", "a.mkv", "--no-window"], "--no-window"),
        (["--input", "a.mkv", "--snapshots", "missing"], "--snapshots"),
        (["--input", "a.mkv", "--record", "there.mkv"], "there.mkv: exists already; use --overwrite"),
        (["--input", "a.mkv", "--record", "a.mkv"], "is the same file as --input a.mkv"),
        (["--input", "a.mkv", "--record", "a.mkv", "-y"], "is the same file as --input a.mkv"),
        (
            ["--input", "a.mkv", "--bg", "red", "--bg", "there.mkv", "--record", "there.mkv", "-y", "--no-window"],
            "is the same file as --bg there.mkv",
        ),
        (
            ["--input", "a.mkv", "--bg", "waves", "--record", "waves/sea.mkv", "-y", "--no-window"],
            "is the same file as --bg waves/sea.mkv",
        ),
        (
            ["--input", "a.mkv", "--record", "a.avi"],
            "a.avi: unknown kind of video file '.avi'; end its name in .mp4, .m4v, .mov, .mkv, .webm\n",
        ),
        (["--input", "a.mkv", "--bg", "red", "--bg", "missing.jpg"], "--bg missing.jpg: no such file"),
        (["--input", "a.mkv", "--bg", "missing.jpg"], "missing.jpg"),
        (
            ["--input", "a.mkv", "--bg", "red", "--bg", "", "--no-window", "--pipe", "rgb24"],
            "--bg: is empty; name a background",
        ),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "a.mkv", [0, 255])
    for there in (tmp_path / "there.mkv", tmp_path / "waves" / "sea.mkv"):
        there.parent.mkdir(exist_ok=True)
        write_video(there, [0, 255])
    (tmp_path / "text.mp4").write_text("no video " * 100)
    Image.new("RGB", (64, 48)).save("a.png")
    with patch("realtime.outputs.window.check_display"):
        assert shm_live(*arguments) == 2
    errors = capsys.readouterr().err
    assert word in errors
    assert errors.count("\n") == 1


def test_a_folder_of_backgrounds_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write_video(tmp_path / "a.mkv", [0, 255])
    (tmp_path / "waves").mkdir()
    write_video(tmp_path / "waves" / "sea.mkv", [0, 255])
    listed: list[Path] = []
    iterdir = Path.iterdir

    def counted(folder: Path) -> Iterator[Path]:
        listed.append(folder)
        return iterdir(folder)

    monkeypatch.setattr(Path, "iterdir", counted)
    words = ["--input", clip, "--bg", tmp_path / "waves", "--record", tmp_path / "missing" / "out.mkv", "--no-window"]
    assert shm_live(*map(str, words)) == 2
    assert listed.count(tmp_path / "waves") == 1


PLAIN = (
    "from tests.realtime.plain_engine import plain_engine\nfrom realtime.commands.live import main\nwith plain_engine(): main()"
)
ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_with_the_recording_finished(tmp_path: Path, number: signal.Signals, code: int) -> None:
    clip = write_video(tmp_path / "a.mkv", [255, 255], rate=20, size=(480, 360))
    words = ["--input", str(clip), "--loop", "--bg", "#0000ff", "--no-window", "--record", str(tmp_path / "out.mp4")]
    with subprocess.Popen([sys.executable, "-c", PLAIN, *words], stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        wait_until(lambda: process.poll() is not None or any(f.stat().st_size > 1000 for f in tmp_path.glob(f"*{UNFINISHED}*")))
        time.sleep(0.5)
        process.send_signal(number)
        time.sleep(0.01)
        process.send_signal(number)  # an impatient user
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert "frames/s" in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mkv", "out.mp4"]
    recorded = frames(tmp_path / "out.mp4")
    assert len(recorded) >= 2
    assert np.abs(recorded[0].astype(int) - (0, 0, 255)).mean() < 8


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_it_goes_on_where_nobody_reads_its_lines_any_more(tmp_path: Path) -> None:
    """As when its terminal has gone, and it was told to outlive that."""
    clip = write_video(tmp_path / "a.mkv", [255] * 30, rate=20, size=(96, 64))
    words = ["--input", str(clip), "--no-window", "--statistics", "--record", str(tmp_path / "out.mkv")]
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", PLAIN, *words]
    done = subprocess.run(command, stderr=writer, cwd=ROOT, timeout=60, stdin=subprocess.DEVNULL)
    os.close(writer)
    assert done.returncode == 0
    assert frame_times(tmp_path / "out.mkv")[0] == 0


def test_all_outputs_at_once_without_a_window(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mkv", [255] * 30, rate=20, size=(96, 64))
    words = ["--input", str(clip), "--bg", "#0000ff", "--no-window", "--record", str(tmp_path / "out.mkv"), "--pipe", "rgb24"]
    command = [sys.executable, "-c", PLAIN, *words]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    piped = np.frombuffer(done.stdout, np.uint8).reshape(-1, 64, 96, 3)
    assert 2 <= len(piped) <= 31
    assert np.abs(piped[-1].astype(int) - (0, 0, 255)).mean() < 3
    assert frame_times(tmp_path / "out.mkv")[0] == 0


@pytest.mark.parametrize("served", [False, True])
def test_colours_that_turn_rare_midway_end_it_with_the_recording_finished(tmp_path: Path, served: bool) -> None:
    clip, target = turns_to_ictcp(tmp_path / "a.ts", 50), tmp_path / "out.mkv"
    with server(clip.read_bytes(), seconds=2) as address:
        words = ["--input", address if served else str(clip), "--bg", "blur", "--no-window", "--record", str(target)]
        command = [sys.executable, "-c", PLAIN, *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    error = done.stderr.splitlines()[-1]
    assert error.startswith("error: ")
    assert error.endswith(" its colours are coded as ICtCp, which is not read; convert it to BT.709 first")
    times = frame_times(target)
    assert len(times) >= 2
    assert times == sorted(times)


def test_quit_as_a_line_on_standard_input(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mkv", [255] * 30, rate=20)
    words = ["--input", str(clip), "--loop", "--no-window", "--statistics", "--record", str(tmp_path / "out.mkv")]
    command = [sys.executable, "-c", PLAIN, *words]
    done = subprocess.run(command, input="help\nwhat\nquit\n", capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0
    assert "previous background" in done.stderr
    assert "'what' is unknown" in done.stderr
