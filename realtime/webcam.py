"""Frames that come at their own pace, whether we are ready or not: a webcam, or a clip that plays as one would."""

import itertools
import os
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from engines.engine import Frame
from engines.errors import InputError
from realtime.backgrounds import fitted
from realtime.packet import Packet
from realtime.quiet import quiet_opencv
from realtime.sources import VideoSource

NANOSECOND = Fraction(1, 1_000_000_000)
LATEST = Fraction(1, 4)  # s that a clip may be late before its clock is put back
STALL = 10.0  # s without a picture after which a camera counts as gone
GONE = 0.5  # s: a read that fails sooner than this has not waited for a picture, its camera is away
RAW_PIXELS = 640 * 480  # up to this size a USB 2 camera gives its full rate uncompressed


class Clock:
    """Seconds since it was made, exact, and never stepping back."""

    def __init__(self) -> None:
        self._start = time.monotonic_ns()

    def now(self) -> Fraction:
        """Seconds since the start."""
        return (time.monotonic_ns() - self._start) * NANOSECOND


class LiveSource:
    """Packets at their own pace; `packet.time` is when the frame came, and `delay` how long ago that was.

    Attributes:
        height, width: of the frames, in pixels.
        name: of the source, for the user.
    """

    height: int
    width: int
    name: str

    def __init__(self) -> None:
        self._clock = Clock()
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Packet]:
        raise NotImplementedError

    def delay(self, packet: Packet) -> float:
        """Seconds since the frame of this packet came."""
        return float(self._clock.now() - packet.time)

    def stop(self) -> None:
        """Ends the iteration, from any thread, within about a second even where no frame comes."""
        self._closed.set()

    def close(self) -> None:
        """Ends the iteration and gives back what the source holds. Not while another thread iterates: `stop` is for that."""
        self.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


class Webcam(LiveSource):
    """A camera of this machine, through OpenCV, which drives those of Linux, Windows and macOS alike.

    Args:
        camera: its number, or on Linux the path of its device.
        size: (width, height) to ask for; the camera may give another. Above 640x480 MJPEG is asked for.

    Raises InputError where there is no such camera, it cannot be opened, or it gives no picture.
    """

    def __init__(self, camera: int | str, *, size: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.name = f"camera {camera}"
        self._camera = camera
        check_camera(camera)
        linux = sys.platform.startswith("linux")
        if linux:
            os.environ.setdefault(
                "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1"
            )  # s, 10 unless told: a stalled read holds up the end
        with quiet_opencv():
            self._capture = cv2.VideoCapture(camera, cv2.CAP_V4L2 if linux else cv2.CAP_ANY)
            if size is not None:
                if size[0] * size[1] > RAW_PIXELS:
                    self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
                self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
                self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
            first = self._capture.read()[1] if self._capture.isOpened() else None
        if first is None:
            self.close()
            raise InputError(f"--webcam {camera}: gives no picture; close other programs that use it, or plug it in again")
        self.height, self.width = first.shape[:2]

    def __iter__(self) -> Iterator[Packet]:
        try:
            for index in itertools.count():
                picture = self._next()
                now = self._clock.now()
                if self._closed.is_set():
                    return
                if picture is None:
                    raise InputError(f"--webcam {self._camera}: gives no picture any more; plug it in again and start anew")
                yield Packet(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8), now, index)
        finally:
            self._capture.release()

    def _next(self) -> Frame | None:
        """The next picture, uint8 BGR (H, W, 3); None where none came in STALL seconds, the camera is gone, or at `stop`."""
        begin = time.monotonic()
        while not self._closed.is_set():
            asked = time.monotonic()
            came, picture = self._capture.read()
            if came:
                return np.asarray(picture, np.uint8)
            if time.monotonic() - asked < GONE or time.monotonic() - begin > STALL:
                return None
        return None

    def close(self) -> None:
        """Gives the camera back."""
        super().close()
        self._capture.release()


class PacedClip(LiveSource):
    """A video file played at its own pace, as if a camera gave it.

    Args:
        path: the file.
        loop: whether it starts again at its end, for ever.
        size: (width, height) to bring its frames to, cutting off what is over.

    Raises InputError for what is no video.
    """

    def __init__(self, path: Path, *, loop: bool = False, size: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.name = str(path)
        self._clip = VideoSource(path)
        self._loop = loop
        self.width, self.height = size or (self._clip.width, self._clip.height)

    def __iter__(self) -> Iterator[Packet]:
        self._clock = Clock()  # the clip starts now, not when it was opened
        late = Fraction(0)
        for index, (moment, frame) in enumerate(self._frames()):
            wait = moment + late - self._clock.now()
            if wait < -LATEST:  # decoding does not keep up: better slow than ever later
                late -= wait
            if self._closed.wait(max(0.0, float(wait))):
                return
            if frame.shape[:2] != (self.height, self.width):
                frame = fitted(frame, self.height, self.width, "cover")
            yield Packet(frame, moment + late, index)

    def _frames(self) -> Iterator[tuple[Fraction, Frame]]:
        """Frames with their times in seconds from the start of the first pass."""
        step = 1 / (self._clip.rate or Fraction(25))
        begin = Fraction(0)
        while True:
            first: Fraction | None = None
            end = begin
            for packet in self._clip:
                first = packet.time if first is None else first
                moment = begin + packet.time - first
                end = moment + (packet.duration or step)
                yield moment, packet.frame
            if not self._loop:
                return
            begin = end

    def close(self) -> None:
        """Closes the file."""
        super().close()
        self._clip.close()


def cameras() -> list[str]:
    """The cameras of a Linux machine, each as its path with its name; empty elsewhere."""
    names = []
    for node in sorted(Path("/sys/class/video4linux").glob("video*"), key=lambda node: int(node.name[5:])):
        name = (node / "name").read_text(errors="replace").strip() if (node / "name").is_file() else ""
        names.append(f"/dev/{node.name} ({name})" if name else f"/dev/{node.name}")
    return names


def check_camera(camera: int | str) -> None:
    """Raises InputError where Linux has no such device, or this user may not open it; it says which there are."""
    if not sys.platform.startswith("linux"):
        return
    device = Path(f"/dev/video{camera}" if isinstance(camera, int) else camera)
    if not device.exists():
        found = cameras() or sorted(str(path) for path in Path("/dev").glob("video*"))
        remedy = (
            f"choose one of {', '.join(found)}"
            if found
            else "there is no /dev/video*: plug one in, or play a clip with --input"
        )
        raise InputError(f"--webcam {camera}: no such camera; {remedy}")
    if not device.is_char_device():
        raise InputError(f"--webcam {camera}: is no camera; for a video file use --input {camera}")
    if not os.access(device, os.R_OK | os.W_OK):
        raise InputError(f"--webcam {camera}: may not be opened; sudo usermod -aG video $USER, then log in anew")
