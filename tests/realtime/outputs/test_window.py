import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.realtime.clips import frame_times
from tests.realtime.commands.test_live import PLAIN, shm_live, wait_until
from tests.realtime.compositing.test_backgrounds import write_video

TOOLS = ("Xvfb", "xdotool", "import")
needs_x = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in TOOLS),
    reason="needs Xvfb, xdotool and ImageMagick: apt install xvfb xdotool imagemagick",
)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="DISPLAY is Linux's")
@pytest.mark.parametrize("display", ["", ":8742", "nonsense", "localhost:x"])
def test_without_a_display_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], display: str
) -> None:
    monkeypatch.setenv("DISPLAY", display)
    assert shm_live("--input", str(write_video(tmp_path / "a.mkv", [0, 255]))) == 2
    errors = capsys.readouterr().err
    assert "display" in errors
    assert errors.count("\n") == 1


@pytest.fixture
def x_display(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        display = f":{server.stdout.readline().strip()}"
        monkeypatch.setenv("DISPLAY", display)
        yield display
        server.terminate()


def screenshot(path: Path) -> np.ndarray:
    """The whole screen, RGB."""
    subprocess.run(["import", "-window", "root", str(path)], check=True, timeout=20)
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB))


def part_of_screen(colour: tuple[int, int, int], folder: Path) -> float:
    return float((screenshot(folder / "shot.png")[:360, :480] == colour).all(axis=2).mean())


def shown_in_blue(command: list[str], folder: Path, stack: ExitStack) -> "tuple[subprocess.Popen[str], str]":
    """A session that shows blue, and the number of its window."""
    for _ in range(5):
        process = stack.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        stack.callback(process.kill)
        try:
            wait_until(lambda: part_of_screen((0, 0, 255), folder) > 0.98, seconds=20)
            window = subprocess.check_output(["xdotool", "search", "--name", "^shm-live"], text=True).split()[-1]
        except AssertionError:
            process.kill()  # on busy machines Qt 5 may miss that its window is mapped, and never draw: with bare OpenCV, too
            process.wait()
        else:
            return process, window
    pytest.fail("the window stayed black")


@needs_x
def test_the_window_and_its_keys(tmp_path: Path, x_display: str) -> None:
    """A white clip on a blue background: the screen is blue, and each key shows in it what it does."""
    clip = write_video(tmp_path / "a.mkv", [255] * 10, rate=20, size=(480, 360))
    command = [sys.executable, "-c", PLAIN, "--input", str(clip), "--loop", "--bg", "#0000ff", "--bg", "#ff0000"]

    def part_of(colour: tuple[int, int, int]) -> float:
        return part_of_screen(colour, tmp_path)

    def blue() -> float:
        return part_of((0, 0, 255))

    def press(key: str) -> None:
        subprocess.run(["xdotool", "key", key], check=True)

    with ExitStack() as stack:
        process, window = shown_in_blue(command, tmp_path, stack)
        subprocess.run(["xdotool", "windowfocus", window], check=True)
        wait_until(lambda: subprocess.check_output(["xdotool", "getwindowfocus"], text=True).strip() == window)
        press("s")
        wait_until(lambda: blue() < 0.95)
        press("s")
        wait_until(lambda: blue() > 0.98)
        press("n")
        wait_until(lambda: part_of((255, 0, 0)) > 0.98)
        press("a")
        wait_until(lambda: part_of((0, 0, 0)) > 0.98)
        press("a")
        wait_until(lambda: part_of((255, 0, 0)) > 0.98)  # OpenCV keeps one key only
        press("Left")  # whose code in X11 ends in the letter Q
        press("p")
        wait_until(lambda: blue() > 0.98)
        press("q")
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "frames/s" in errors
    assert "Traceback" not in errors


# What a window manager sends when the user clicks on the cross of a window, by Xlib: xdotool would destroy the window instead.
CLICK_ON_CROSS = """
import ctypes, sys

class Message(ctypes.Structure):
    _fields_ = [(name, kind) for name, kind in (
        ("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("sent", ctypes.c_int), ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong), ("of", ctypes.c_ulong), ("format", ctypes.c_int), ("data", ctypes.c_long * 17),
    )]

x = ctypes.CDLL("libX11.so.6")
x.XOpenDisplay.restype, x.XInternAtom.restype = ctypes.c_void_p, ctypes.c_ulong
display, window = ctypes.c_void_p(x.XOpenDisplay(None)), ctypes.c_ulong(int(sys.argv[1]))
protocols, delete = (x.XInternAtom(display, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
message = Message(type=33, window=window, of=protocols, format=32)
message.data[0] = delete
x.XSendEvent(display, window, 0, ctypes.c_long(0), ctypes.byref(message))
x.XFlush(display)
"""


@needs_x
def test_closing_the_window_ends_it_with_the_recording_finished(tmp_path: Path, x_display: str) -> None:
    """OpenCV's Qt has forgotten its last window then: asked for it, it raised an error."""
    clip = write_video(tmp_path / "a.mkv", [255] * 10, rate=20, size=(480, 360))
    words = ["--input", str(clip), "--loop", "--bg", "#0000ff", "--record", str(tmp_path / "out.mkv"), "--overwrite"]
    with ExitStack() as stack:
        process, window = shown_in_blue([sys.executable, "-c", PLAIN, *words], tmp_path, stack)
        for _ in range(5):
            subprocess.run([sys.executable, "-c", CLICK_ON_CROSS, window], check=True)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
                break  # else Qt, which misses a click in twenty on a busy machine, gets another
        _, errors = process.communicate(timeout=1)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert frame_times(tmp_path / "out.mkv")
