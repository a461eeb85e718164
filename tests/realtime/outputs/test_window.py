import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest

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


@needs_x
def test_the_window_and_its_keys(tmp_path: Path, x_display: str) -> None:
    """A white clip on a blue background: the screen is blue, and each key shows in it what it does."""
    clip = write_video(tmp_path / "a.mkv", [255] * 10, rate=20, size=(480, 360))
    command = [sys.executable, "-c", PLAIN, "--input", str(clip), "--loop", "--bg", "#0000ff", "--bg", "#ff0000"]
    shot = tmp_path / "shot.png"

    def part_of(colour: tuple[int, int, int]) -> float:
        return float((screenshot(shot)[:360, :480] == colour).all(axis=2).mean())

    def blue() -> float:
        return part_of((0, 0, 255))

    def drawn() -> bool:
        try:
            wait_until(lambda: blue() > 0.98, seconds=20)
        except AssertionError:
            return False
        return True

    def press(key: str) -> None:
        subprocess.run(["xdotool", "key", key], check=True)

    with ExitStack() as stack:
        for _ in range(5):
            process = stack.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
            stack.callback(process.kill)
            if drawn():
                break
            process.kill()  # on busy machines Qt 5 may miss that its window is mapped, and never draw: with bare OpenCV, too
            process.wait()
        else:
            pytest.fail("the window stayed black")
        window = subprocess.check_output(["xdotool", "search", "--name", "^shm-live"], text=True).split()[-1]
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
