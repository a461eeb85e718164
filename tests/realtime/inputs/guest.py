"""Runs inside the guest of webcam-vm: drives shm-live with a real V4L2 webcam, and keeps what comes out of its virtual camera.

    python -m tests.realtime.inputs.guest CLIP_OR_VIVID BACKGROUND WIDTHxHEIGHT

Everything goes to $OUT: the pictures that a reader of /dev/video10 got, what shm-live said, and its exit code.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2

from realtime.inputs import v4l2

OUT = Path(os.environ.get("OUT", "."))
LIVE = [sys.executable, "-c", "from realtime.commands.live import main; main()"]
VIVID = Path("/sys/bus/platform/drivers/vivid")
LOG = OUT / "log.txt"


def wait_until(holds: Callable[[], object], what: str, seconds: float = 1500) -> None:
    end = time.monotonic() + seconds
    while not holds():
        time.sleep(2)
        if time.monotonic() > end:
            sys.exit(f"{what}: waited in vain; shm-live said:\n{LOG.read_text()}")
    print(f"{what}: {time.monotonic() - end + seconds:.0f} s", flush=True)


def times_logged(words: str) -> int:
    """How often this was said: a camera of a slow machine may falter by itself."""
    return LOG.read_text().count(words)


cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it is asked long before there is a picture


def grab(name: str, camera: str = "/dev/video10", skip: int = 3) -> bool:
    """Keeps the picture that comes after some, as a meeting program would get it. The reader is gone afterwards."""
    capture = cv2.VideoCapture(camera, cv2.CAP_V4L2)
    picture = None
    for _ in range(skip + 1):
        came, picture = capture.read()
        if not came:
            capture.release()
            return False
    capture.release()
    return picture is not None and cv2.imwrite(str(OUT / name), picture)


def changed(name: str, before: str) -> bool:
    """Keeps a picture, and says whether it is another one than that before: an emulated engine takes long for a frame."""
    if not grab(name):
        return False
    now, then = (cv2.imread(str(OUT / each)) for each in (name, before))
    return now is not None and then is not None and cv2.absdiff(now, then).mean() > 5


def feed(clip: str, size: str, more: str = "") -> None:
    """Restarts the webcam, as webcam-vm does it, with another filter added, as soon as its reader has let go of it."""
    width, height = size.split("x")
    scale = f"scale={width}:{height}:force_original_aspect_ratio=increase,crop={width}:{height},fps=25{more},format=yuyv422"
    words = f"ffmpeg -nostdin -loglevel error -re -stream_loop -1 -i {clip} -an -vf {scale} -f v4l2 /dev/video0"
    for _ in range(100):
        v4l2.free_loopback("/dev/video0")
        try:
            subprocess.Popen(words.split(), stderr=subprocess.DEVNULL).wait(20)
        except subprocess.TimeoutExpired:
            return  # it plays
        time.sleep(0.3)
    sys.exit("the camera could not be given back")


def main() -> None:
    clip, background, size = sys.argv[1:]
    vivid = clip == "vivid"
    with (OUT / "cameras.txt").open("w") as file:
        subprocess.run([*LIVE, "--list-cameras"], stdout=file, check=True)
    if vivid:
        wait_until(lambda: grab("camera.png", "/dev/video0"), "the camera itself")
    # There is nobody in the pattern: only a view that includes the frame itself shows whether the camera is on.
    asked = ["--size", "700x500", "--fps", "21", "--view", "split"] if vivid else []
    words = ["--webcam", "--bg", background, "--virtual-camera", "/dev/video10", "--no-window", "--hold", "2", *asked]
    with LOG.open("w") as said:
        live = subprocess.Popen([*LIVE, *words, "--record", str(OUT / "record.mkv")], stderr=said, stdin=subprocess.PIPE)
    assert live.stdin is not None
    wait_until(lambda: live.poll() is not None or grab("first.png"), "the first picture")

    gone, back = times_logged("gives no picture"), times_logged("gives pictures again")
    if vivid:
        other = [*LIVE, "--webcam", "--no-window", "--record", "other.mp4"]
        busy = subprocess.run(other, stderr=subprocess.PIPE, text=True)
        (OUT / "busy.txt").write_text(f"{busy.returncode}\n{busy.stderr}")
        (VIVID / "unbind").write_text("vivid.0")
    else:
        os.kill(int(Path("/tmp/camera.pid").read_text()), signal.SIGKILL)
    wait_until(lambda: times_logged("gives no picture") > gone, "it is said that the camera is gone")
    wait_until(lambda: changed("gone.png", "first.png"), "a picture without the camera")
    if vivid:
        (VIVID / "bind").write_text("vivid.0")
    else:
        feed(clip, size, ",hflip")
    wait_until(lambda: times_logged("gives pictures again") > back, "it is said that the camera is back")
    wait_until(lambda: changed("back.png", "gone.png"), "a picture after the camera is back")
    live.stdin.write(b"split\n")
    live.stdin.flush()
    wait_until(lambda: changed("split.png", "back.png"), "the split view on or off, as asked for by a line")
    live.send_signal(signal.SIGTERM)
    (OUT / "code.txt").write_text(str(live.wait(300)))
    (OUT / "freed.txt").write_text(str(v4l2.query("/dev/video10").takes_pictures))


if __name__ == "__main__":
    main()
