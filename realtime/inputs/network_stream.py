"""A network stream: RTSP of a camera, HTTP, HLS, RTMP, SRT.

It is read through PyAV: OpenCV's reader can neither limit how long it waits nor report what went wrong.
"""

import os
import time
from collections.abc import Callable

import av
from av.video.frame import VideoFrame

from engines.arguments import check_max_pixels
from engines.engine import Frame
from engines.errors import MediaError
from engines.geometry import Size
from realtime.addresses import without_password
from realtime.choices import HOLD, MAX_PIXELS
from realtime.inputs.network.connection import SCHEMES, Connection, is_address
from realtime.inputs.network.faults import is_telling
from realtime.inputs.pictures import check_pixels, check_smallest, square_size
from realtime.inputs.reconnecting import SILENT, ReconnectingSource
from realtime.pixels.decoded import Pictures
from realtime.pixels.resize import resize_to_fit
from realtime.pixels.yuv import check_matrix, unreadable

REFUSED = 10.0  # s from one attempt with a password that is refused to the next: many cameras lock out who tries often
LEAP = 10.0  # s ahead of the one before, at which a picture in pieces is due: their clock has jumped, as at an advertisement


class NetworkStream(ReconnectingSource):
    """A stream, reconnected when it breaks off. A video file on a server plays at its own pace, once or in a loop.

    Pictures are rotated and mirrored as the first one is, and scaled to square pixels. Damaged parts are skipped. Interlaced
    pictures are deinterlaced; each then comes when the next one has arrived.

    Attributes:
        interlaced: whether the first one was.

    Args:
        address: such as rtsp://192.168.1.20/stream; a user and a password in it are never shown.
        loop: start a video file again at its end.
        size: to resize its pictures to, cropping what is over.
        hold, notify: see `ReconnectingSource`.
        max_pixels: of a picture; larger ones are refused before they are decoded.
        explain: what to tell the user of an error that does not end the stream.

    Raises TooManyPixels for these; MediaError if it cannot be reached, or has no video; ValueError for what is no address.
    """

    def __init__(
        self,
        address: str,
        *,
        loop: bool = False,
        size: Size | None = None,
        hold: float = HOLD,
        notify: Callable[[str], object] = print,
        max_pixels: int = MAX_PIXELS,
        explain: Callable[[MediaError], str] = str,
    ) -> None:
        address = os.fspath(address) if isinstance(address, os.PathLike) else address
        if not isinstance(address, str):
            raise ValueError(f"{address!r}: is not the address of a stream, which is a text")
        if not is_address(address):
            shown = without_password(address) if "://" in address else address
            known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
            raise ValueError(f"{shown}: is not the address of a stream, which begins with {known}; PacedVideo plays a file")
        check_max_pixels(max_pixels)
        super().__init__(hold=hold, notify=notify)
        self.name = without_password(address)
        self._address = address
        self._loop = loop
        self._max_pixels = max_pixels
        self._explain = explain
        self._refused = -REFUSED  # when the server last did not take the password
        self._shown = False  # whether a picture came after the first
        self._begin: float | None = None
        self._connection = Connection(address, self.name, max_pixels)
        try:
            first = self._first()
            check_matrix(self.name, first)
            self._to_picture = Pictures(first)
            native = self._size_of(first)
            native = Size(native.width, native.height) if self._to_picture.orientation.transpose else native
            check_smallest(self.name, *native)
            check_pixels(self.name, *native, max_pixels)
        except BaseException:
            self.close()
            raise
        self.rate = self._connection.rate
        self.interlaced = self._connection.interlaced
        self._size = size
        self.height, self.width = size or native

    def _first(self) -> VideoFrame:
        asked, told = time.monotonic(), False
        try:
            while (frame := self._connection.next()) is None:
                if self._connection.over:
                    raise MediaError(f"{self.name}: has no picture; name a stream with video")
                if not told and time.monotonic() - asked > SILENT:  # cameras may send a key frame every ten seconds only
                    self._notify(f"{self.name} gives no picture yet; waiting for its first whole one")
                    told = True
        except (av.FFmpegError, OSError) as error:
            fault = self._connection.fault(error)
            raise MediaError(f"{self.name}: cannot be read ({fault.reason}); {fault.remedy}") from error
        return frame

    def _read(self) -> Frame | None:
        try:
            frame = self._connection.next()
        except MediaError as error:
            self._fault = self._explain(error).removeprefix(f"{self.name}: ")
            return None
        except (av.FFmpegError, OSError) as error:
            fault = self._connection.fault(error)
            if is_telling(error):
                self._fault = f"{fault.reason}; {fault.remedy}"
            if fault.refused:
                self._refused = time.monotonic()
            return None
        if frame is None:
            if self._connection.finished and self._connection.is_file:
                if not self._shown:
                    raise MediaError(f"{self.name}: has one picture alone; save it as a file, and name that to shm-image")
                if self._connection.shortfall is not None:
                    self._notify(self._connection.shortfall)
                self._ended = not self._loop
                self._reopen()
            return None
        self._fault, self._shown = None, True
        if self._connection.paced and frame.time is not None:
            self._wait(frame.time)
        try:
            picture, self._opacity, _ = self._to_picture(frame, self._size_of(frame))
        except av.FFmpegError as error:  # they may change midway
            raise unreadable(f"{self.name}: now", frame) from error
        return picture if self._size is None else resize_to_fit(picture, self.height, self.width, "cover")

    def _size_of(self, frame: VideoFrame) -> Size:
        return square_size(Size(frame.height, frame.width), self._connection.pixel_aspect)

    def _wait(self, moment: float) -> None:
        """Wait until a picture of this time is due. One that comes late delays those that follow."""
        now = float(self._clock.now())
        leapt = self._connection.segmented and self._begin is not None and self._begin + moment - now > LEAP
        if self._begin is None or now - self._begin > moment or leapt:
            self._begin = now - moment
        while (left := self._begin + moment - float(self._clock.now())) > 0 or (self._paused and self._connection.is_file):
            if self._closed.wait(min(max(left, 0.01), 0.1)):
                return

    def _reopen(self) -> None:
        if self._connection.over and not self._ended and time.monotonic() - self._refused > REFUSED:  # else it is still tried
            self._begin = None
            self._connection = Connection(self._address, self.name, self._max_pixels)

    def close(self) -> None:
        """Disconnect."""
        super().close()
        self._connection.close()
