"""A camera of this machine.

It is read through OpenCV, which drives cameras of Linux, Windows and macOS alike and negotiates the nearest size and rate;
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
from engines.geometry import Size
from realtime.choices import HOLD
from realtime.inputs.cameras import LINUX, find_camera, prefers_mjpeg
from realtime.inputs.reconnecting import ReconnectingSource
from realtime.packet import Packet
from realtime.pixels.opencv_log import silence_opencv

if TYPE_CHECKING:
    from realtime.inputs.v4l2 import Mode


class Webcam(ReconnectingSource):
    """A camera, waited for when it is unplugged.

    Args:
        camera: its number, a part of its name, or on Linux the path of its device.
        size: to ask for; the camera may deliver the nearest that it has.
        rate: frames a second to ask for; the same applies.
        hold, notify: see `ReconnectingSource`.

    `path` is that of its device on Linux, else None.
    Raises MediaError if there is no such camera, it cannot be opened, another program uses it, or it delivers no picture.
    """

    def __init__(
        self,
        camera: str | int,
        *,
        size: Size | None = None,
        rate: Fraction | None = None,
        hold: float = HOLD,
        notify: Callable[[str], object] = print,
    ) -> None:
        super().__init__(hold=hold, notify=notify)
        camera = str(camera)
        self.name = f"camera {camera}"
        self._size = size
        self._rate = rate
        self._device = find_camera(camera)
        self.path = self._device if isinstance(self._device, str) else None
        self._card = self._name_of_device()
        # In seconds, by default 10: a stalled read delays the end.
        os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1")
        first = self._open()
        if first is None:
            self.close()
            raise MediaError(f"{camera}: {self._why_no_picture()}")
        self.height, self.width = first.shape[:2]
        reported = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = Fraction(reported).limit_denominator(1001) if reported > 1 else None
        self._notify_differences()

    def __iter__(self) -> Iterator[Packet]:
        with silence_opencv():  # which logs every second that no picture came
            yield from super().__iter__()

    def _open(self) -> Frame | None:
        """Open the device and return its first picture, uint8 BGR, if one comes."""
        with silence_opencv():
            self._capture = cv2.VideoCapture(self._device, cv2.CAP_V4L2 if LINUX else cv2.CAP_ANY)
            if prefers_mjpeg(self._modes(), self._size, self._rate):
                self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            if self._size is not None:
                self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._size.width)
                self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size.height)
            if self._rate is not None:
                self._capture.set(cv2.CAP_PROP_FPS, float(self._rate))
            came, picture = self._capture.read() if self._capture.isOpened() else (False, None)
        return np.asarray(picture, np.uint8) if came else None

    def _notify_differences(self) -> None:
        actual = Size(self.height, self.width)
        if self._size is not None and self._size != actual:
            self._notify(f"{self.name} gives {actual}, not {self._size}")
        if self._rate is not None and self.rate is not None and abs(self.rate - self._rate) > Fraction(1, 2):
            self._notify(f"{self.name} gives {float(self.rate):g} frames/s, not {float(self._rate):g}")

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
                return f"is not a camera ({error.strerror}); choose another"
            if not device.captures:
                return "takes pictures instead of giving them; choose another camera"
            if device.driver != v4l2.LOOPBACK and (users := v4l2.users(self.path)):
                return f"is in use by {', '.join(users)}; end that first, or choose another camera"
        return "gives no picture; close other programs that use it, or plug it in again"

    def close(self) -> None:
        """Release the camera."""
        super().close()
        self._capture.release()
