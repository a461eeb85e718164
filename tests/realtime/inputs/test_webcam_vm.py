"""shm-live with a real V4L2 webcam and a real v4l2loopback virtual camera, in an emulated Linux guest.

SHM_WEBCAM_VM names the script that starts the guest. Each guest takes some minutes:

    SHM_WEBCAM_VM=../shared/webcam-vm/run pytest tests/realtime/inputs/test_webcam_vm.py
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

import realtime
from engines.backends.openvino import OpenVINOEngine
from realtime.inputs.photos import read_photo
from realtime.pixels.resize import resize_to_fit
from tests.realtime.clips import frames

VM = os.path.abspath(os.environ["SHM_WEBCAM_VM"]) if "SHM_WEBCAM_VM" in os.environ else ""  # noqa: PTH100
NOT_UP = 125  # the guest's kernel did not start: on a busy machine its emulated timer fails it now and then
ROOT = Path(__file__).parents[3]
SAMPLES = Path(realtime.__file__).parent / "samples"
BACKGROUND = SAMPLES / "background.jpg"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not VM, reason="takes minutes: set SHM_WEBCAM_VM to webcam-vm's run, which starts a guest with cameras"),
]


class Expected(NamedTuple):
    """The composite that a picture of the camera should become, and where it is which."""

    frame: np.ndarray
    background: np.ndarray
    picture: np.ndarray
    alpha: np.ndarray


def expected(frame: np.ndarray) -> Expected:
    engine = OpenVINOEngine(precision="fp32")
    matte = engine(frame)
    background = resize_to_fit(read_photo(BACKGROUND).flat(), *frame.shape[:2], "cover")
    alpha = matte.alpha[..., None]
    picture = alpha * matte.foreground + (1 - alpha) * background
    return Expected(frame, background, np.rint(picture).astype(np.uint8), matte.alpha)


def split_view(of: Expected) -> np.ndarray:
    """The frame on the left, the picture on the right."""
    middle = of.frame.shape[1] // 2
    return np.concatenate([of.frame[:, :middle], of.picture[:, middle:]], axis=1)


def error(a: np.ndarray, b: np.ndarray, where: np.ndarray | None = None) -> float:
    """Mean difference in levels of 255."""
    difference = np.abs(a.astype(int) - b.astype(int)).mean(axis=2)
    return float(difference.mean() if where is None else difference[where].mean())


def run_guest(out: Path, size: str, camera: list[str], clip: str) -> dict[str, np.ndarray]:
    """Runs `tests.realtime.inputs.guest` and gives the pictures that it kept, RGB."""
    inside = [sys.executable, "-m", "tests.realtime.inputs.guest", clip, str(BACKGROUND), size]
    command = [VM, *camera, "--size", size, "--timeout", "3600", "--", *inside]
    for _ in range(5):
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "OUT": str(out)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode != NOT_UP:
            break
    log = (out / "log.txt").read_text() if (out / "log.txt").exists() else ""
    print(done.stdout, log, sep="\n")
    assert done.returncode == 0
    assert "Traceback" not in log
    return {path.name: np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)) for path in out.glob("*.png")}


@pytest.mark.parametrize("size", ["640x480", "320x240"])
def test_a_person_before_a_camera_comes_out_of_the_virtual_camera_on_another_background(tmp_path: Path, size: str) -> None:
    width, height = map(int, size.split("x"))
    portrait = resize_to_fit(read_photo(SAMPLES / "portrait.jpg").flat(), height, width, "cover")
    still = tmp_path / "portrait.png"
    cv2.imwrite(str(still), portrait[..., ::-1])
    clip, out = tmp_path / "portrait.mkv", tmp_path / "out"
    making = f"ffmpeg -loglevel error -loop 1 -i {still} -t 2 -r 25 -c:v ffv1 -pix_fmt yuv444p {clip}"
    subprocess.run(making.split(), check=True)
    out.mkdir()
    pictures = run_guest(out, size, ["--camera", str(clip)], str(clip))

    want = expected(portrait)
    person, behind = want.alpha > 0.99, want.alpha < 0.01
    assert min(person.mean(), behind.mean()) > 0.1
    first = pictures["first.png"]
    print("levels:", error(first, want.picture), error(first, portrait, person), error(first, want.background, behind))
    assert first.shape == (height, width, 3)
    assert error(first, want.picture) < 4
    assert error(first, portrait, person) < 4
    assert error(first, want.background, behind) < 4
    assert error(first, portrait, behind) > 20

    assert error(pictures["gone.png"], want.background) < 4
    turned = expected(np.ascontiguousarray(portrait[:, ::-1]))
    assert error(pictures["back.png"], turned.picture) < 4
    split = split_view(turned)
    assert error(pictures["split.png"], split) < 4

    assert (out / "code.txt").read_text() == "143"
    assert (out / "freed.txt").read_text() == "True"  # the virtual camera can be used again
    assert "v4l2 loopback" in (out / "cameras.txt").read_text()
    recorded = frames(out / "record.mkv")
    assert error(recorded[0], want.picture) < 4
    assert error(recorded[-1], split) < 4


def test_the_vivid_pattern_at_the_nearest_size_and_unplugged(tmp_path: Path) -> None:
    pictures = run_guest(tmp_path, "640x480", [], "vivid")
    assert pictures["first.png"].shape == (480, 640, 3)
    want = expected(pictures["camera.png"])
    split = split_view(want)
    for name, picture in {"first.png": split, "back.png": split, "split.png": want.picture}.items():
        print(name, error(pictures[name], picture))
        assert error(pictures[name], picture) < 6  # the pattern has a clock in it
    nothing = Expected(np.zeros_like(want.frame), want.background, want.background, np.zeros_like(want.alpha))
    assert error(pictures["gone.png"], split_view(nothing)) < 4
    log = (tmp_path / "log.txt").read_text()
    assert "gives 640x480, not 700x500" in log
    code, busy = (tmp_path / "busy.txt").read_text().split("\n", 1)
    assert code == "2"
    assert "is in use by python" in busy
    assert (tmp_path / "code.txt").read_text() == "143"
    assert "640x480 at" in (tmp_path / "cameras.txt").read_text()
