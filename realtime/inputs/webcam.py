"""A camera of this machine.

Through OpenCV, which drives those of Linux, Windows and macOS alike and asks each for the nearest size and rate that it has;
FFmpeg's devices refuse what a camera does not have exactly, and lack cameras of Media Foundation.
"""

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engines.engine import Frame
from engines.errors import MediaError
from realtime.inputs.cameras import LINUX, find_camera, wants_mjpeg
from realtime.inputs.live_source import HOLD, RestoredSource
from realtime.packet import Packet
from realtime.quiet import quiet_opencv

if TYPE_CHECKING:
    from realtime.inputs.v4l2 import Mode


class Webcam(RestoredSource):
    """A camera, waited for where it is unplugged.

    Args:
        camera: its number, a part of its name, or on Linux the path of its device.
        size: (width, height) to ask for; the camera may give the nearest that it has.
        rate: frames a second to ask for; the same holds.
        hold, tell: see `RestoredSource`.

    `path` is that of its device on Linux, else None.
    Raises MediaError where there is no such camera, it cannot be opened, another program uses it, or it gives no picture.
    """

    def __init__(
        self,
        camera: str,
        *,
        size: tuple[int, int] | None = None,
        rate: Fraction | None = None,
        hold: float = HOLD,
        tell: Callable[[str], object] = print,
    ) -> None:
        super().__init__(hold=hold, tell=tell)
        self.name = f"camera {camera}"
        self._camera = camera
        self._size = size
        self._rate = rate
        self._device = find_camera(camera)
        self.path = self._device if isinstance(self._device, str) else None
        self._card = self._name_of_device()
        # s, 10 unless told: a stalled read holds up the end.
        os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1")
        first = self._open()
        if first is None:
            self.close()
            raise MediaError(f"--webcam {camera}: {self._why_no_picture()}")
        self.height, self.width = first.shape[:2]
        told = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = Fraction(told).limit_denominator(1001) if told > 1 else None
        self._tell_what_differs()

    def __iter__(self) -> Iterator[Packet]:
        with quiet_opencv():  # it would say every second that no picture has come
            yield from super().__iter__()

    def _open(self) -> Frame | None:
        """Opens the device and gives its first picture, uint8 BGR, if any comes."""
        with quiet_opencv():
            self._capture = cv2.VideoCapture(self._device, cv2.CAP_V4L2 if LINUX else cv2.CAP_ANY)
            if wants_mjpeg(self._modes(), self._size, self._rate):
                self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            if self._size is not None:
                self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0])
                self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1])
            if self._rate is not None:
                self._capture.set(cv2.CAP_PROP_FPS, float(self._rate))
            came, picture = self._capture.read() if self._capture.isOpened() else (False, None)
        return np.asarray(picture, np.uint8) if came else None

    def _tell_what_differs(self) -> None:
        if self._size not in {None, (self.width, self.height)}:
            assert self._size is not None
            self._tell(f"{self.name} gives {self.width}x{self.height}, not {self._size[0]}x{self._size[1]}")
        if self._rate is not None and self.rate is not None and abs(self.rate - self._rate) > Fraction(1, 2):
            self._tell(f"{self.name} gives {float(self.rate):g} frames/s, not {float(self._rate):g}")

    def _read(self) -> Frame | None:
        if not self._capture.isOpened():
            return None
        came, picture = self._capture.read()
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8) if came else None

    def _reopen(self) -> None:
        self._capture.release()
        if self.path is not None and self._name_of_device() != self._card:
            # Plugged in again it may have another number, and its old one may be another camera's.
            from realtime.inputs import v4l2

            same = [device.path for device in v4l2.devices() if device.name == self._card and device.captures]
            if not same:
                return
            self._device = self.path = same[0]
        self._open()

    def _modes(self) -> "list[Mode]":
        if self.path is None:
            return []
        from realtime.inputs import v4l2

        try:
            return v4l2.modes(self.path)
        except OSError:
            return []

    def _name_of_device(self) -> str | None:
        if self.path is None:
            return None
        from realtime.inputs import v4l2

        try:
            return v4l2.query(self.path).name
        except OSError:
            return None

    def _why_no_picture(self) -> str:
        if self.path is not None:
            from realtime.inputs import v4l2

            try:
                device = v4l2.query(self.path)
            except OSError as error:
                return f"is no camera ({error.strerror}); shm-live --list-cameras shows which there are"
            if not device.captures:
                return "gives no pictures, it takes them; shm-live --list-cameras shows which do"
            if device.driver != v4l2.LOOPBACK and (users := v4l2.users(self.path)):
                return f"is in use by {', '.join(users)}; end that first, or choose another camera"
        return "gives no picture; close other programs that use it, or plug it in again"

    def close(self) -> None:
        """Gives the camera back."""
        super().close()
        self._capture.release()
