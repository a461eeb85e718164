"""A network stream: RTSP of a camera, HTTP, HLS, RTMP, SRT.

It is read through PyAV: OpenCV's reader can neither limit how long it waits nor report what went wrong.
"""

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from engines.engine import Frame
from engines.errors import MediaError
from engines.geometry import SMALLEST, Size
from realtime.choices import HOLD
from realtime.inputs.reconnecting import ReconnectingSource
from realtime.pixels.resize import resize_to_fit
from realtime.pixels.yuv import to_rgb

OPENING, READING = 10.0, 3.0  # s to wait for a server to answer, and for its next picture
SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "srt", "udp", "rtp", "tcp")
SEGMENTED = ("hls", "dash")  # formats whose pictures arrive several seconds at a time
# A server's playlist may name other servers, but no file of this machine. What is below the schemes is allowed with them.
PROTOCOLS = (*SCHEMES, "httpproxy", "tls", "srtp", "crypto", "data")
OPTIONS = {"flags": "low_delay", "protocol_whitelist": ",".join(PROTOCOLS)}
TRANSPORT = {
    "rtsp": {"rtsp_transport": "tcp"},
    "rtsps": {"rtsp_transport": "tcp"},
}  # UDP loses packets


def is_address(text: str) -> bool:
    """Whether a text is the address of a network stream, not a file."""
    return text.partition("://")[0].lower() in SCHEMES and "://" in text


class NetworkStream(ReconnectingSource):
    """A stream, reconnected when it breaks off. A video file on a server plays at its own pace, once or in a loop.

    Args:
        address: such as rtsp://192.168.1.20/stream; a user and a password in it are never shown.
        loop: start a video file again at its end.
        size: to resize its pictures to, cropping what is over.
        hold, notify: see `ReconnectingSource`.

    Raises MediaError if it cannot be reached, or has no video.
    """

    def __init__(
        self,
        address: str,
        *,
        loop: bool = False,
        size: Size | None = None,
        hold: float = HOLD,
        notify: Callable[[str], object] = print,
    ) -> None:
        super().__init__(hold=hold, notify=notify)
        self.name = re.sub(r"//[^/@]*@", "//", address)
        self._address = address
        self._loop = loop
        self._converter = VideoReformatter()
        self._container: InputContainer | None = None
        self._frames: Iterator[VideoFrame] = iter(())
        try:
            self._connect()
            first = next(self._frames)
        except (av.FFmpegError, OSError) as error:
            reason = getattr(error, "strerror", None) or error
            raise MediaError(f"{self.name}: cannot be read ({reason}); check the address and the network") from error
        except StopIteration:
            raise MediaError(f"{self.name}: has no picture; name a stream with video") from None
        self._coded_size = Size(first.height, first.width)
        if min(self._coded_size) < SMALLEST:
            raise MediaError(f"{self.name}: {self._coded_size} is too small; each side needs at least {SMALLEST} pixels")
        self._size = size
        self.height, self.width = size or self._coded_size

    def _connect(self) -> None:
        """Open the stream. Raises av.FFmpegError or OSError if that fails, MediaError for a stream without video."""
        scheme = urlsplit(self._address).scheme.lower()
        self._container = av.open(
            self._address, timeout=(OPENING, READING), options=OPTIONS | TRANSPORT.get(scheme, {}), metadata_errors="replace"
        )
        if not self._container.streams.video:
            raise MediaError(f"{self.name}: has no video; name a stream that has")
        stream = self._container.streams.video[0]
        stream.thread_type = "SLICE"  # a thread a frame would delay that many frames
        self.rate = stream.average_rate or stream.guessed_rate or None
        self._is_file = self._container.duration is not None
        self._paced = self._is_file or self._container.format.name in SEGMENTED
        self._begin: float | None = None
        self._frames = self._container.decode(stream)

    def _read(self) -> Frame | None:
        try:
            frame = next(self._frames, None)
        except (av.FFmpegError, OSError):
            self._frames = iter(())
            return None
        if frame is None:
            self._ended = self._is_file and not self._loop
            if self._is_file and self._loop:
                self._reopen()
            return None
        if self._paced and frame.time is not None:
            self._wait(frame.time)
        picture = to_rgb(frame, self._coded_size, self._converter)
        return picture if self._size is None else resize_to_fit(picture, self.height, self.width, "cover")

    def _wait(self, moment: float) -> None:
        """Wait until a picture of this time is due. One that comes late delays those that follow."""
        now = float(self._clock.now())
        if self._begin is None or now - self._begin > moment:
            self._begin = now - moment
        while (left := self._begin + moment - float(self._clock.now())) > 0 or (self._paused and self._is_file):
            if self._closed.wait(min(max(left, 0.01), 0.1)):
                return

    def _reopen(self) -> None:
        self._disconnect()
        try:
            self._connect()
        except (av.FFmpegError, OSError, MediaError):
            self._frames = iter(())

    def _disconnect(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            container.close()

    def close(self) -> None:
        """Disconnect."""
        super().close()
        self._disconnect()
