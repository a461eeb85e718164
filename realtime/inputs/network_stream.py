"""A network stream: RTSP of a camera, HTTP, HLS, RTMP, SRT.

It is read through PyAV: OpenCV's reader can neither limit how long it waits nor report what went wrong.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from queue import Empty, Full, Queue

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from engines.engine import Frame
from engines.errors import MediaError
from engines.geometry import SMALLEST, Size
from realtime.addresses import HIDDEN, without_password
from realtime.choices import HOLD, MAX_PIXELS
from realtime.inputs.containers import DAMAGE, decoder_limit, shown_video
from realtime.inputs.formats import shortfall, states_duration
from realtime.inputs.pictures import check_pixels, square_size
from realtime.inputs.reconnecting import ReconnectingSource
from realtime.inputs.timestamps import rate_of
from realtime.pixels.decoded import Pictures
from realtime.pixels.deinterlacing import Deinterlacer
from realtime.pixels.resize import resize_to_fit
from realtime.pixels.yuv import check_matrix

OPENING, READING = 10.0, 3.0  # s to wait for a server to answer, and for its next picture
PATIENCE = 1.0  # s that the caller waits for a picture until it looks whether it shall stop, or show something else
BROKEN_OFF = 1.0  # s before its stated end at which a video file on a server has broken off: its sound may go on for longer
SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "srt", "udp", "rtp", "tcp")
SEGMENTED = ("hls", "dash")  # formats whose pictures arrive several seconds at a time
LEAP = 10.0  # s ahead of the one before, at which a picture of theirs is due: their clock has jumped, as at an advertisement
# A server's playlist may name other servers, but no file of this machine. What is below the schemes is allowed with them.
PROTOCOLS = (*SCHEMES, "httpproxy", "tls", "srtp", "crypto", "data")
OPTIONS = {"flags": "low_delay", "protocol_whitelist": ",".join(PROTOCOLS)}
TRANSPORT = {
    "rtsp": {"rtsp_transport": "tcp"},
    "rtsps": {"rtsp_transport": "tcp"},
}  # UDP loses packets


def is_address(text: str) -> bool:
    """Whether a text is the address of a network stream, not a file."""
    return scheme_of(text) in SCHEMES


def scheme_of(address: str) -> str:
    """What an address begins with, in small letters; empty if it is none. Never an error, which could show a password."""
    scheme, there, _ = address.partition("://")
    return scheme.lower() if there else ""


class Connection:
    """A stream, opened and decoded in a thread of its own: while FFmpeg waits for a server, nothing can interrupt it.

    Attributes:
        over: whether no more frames come.
        finished: whether the stream has come to its end.
        rate: frames a second, or None if unknown. This and what follows is valid once a frame has come.
        is_file: whether it is a video file on a server, which has an end.
        pixel_aspect: width of a pixel over its height, before it is rotated.
        segmented: whether it comes in pieces, whose clocks may differ.
        paced: whether its frames come earlier than they are due.
        shortfall: a line that says so if a video file ended before its length, or None.
    """

    def __init__(self, address: str, name: str, max_pixels: int) -> None:
        self.over = self.finished = self.is_file = self.segmented = self.paced = False
        self.rate: Fraction | None = None
        self.pixel_aspect = Fraction(1)
        self.shortfall: str | None = None
        self._address, self._name, self._max_pixels = address, name, max_pixels
        self._arrived: Queue[VideoFrame | Exception | None] = Queue(maxsize=1)
        self._deinterlacer = Deinterlacer()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="network-stream", daemon=True)
        self._thread.start()

    @property
    def interlaced(self) -> bool:
        """Whether a frame so far consisted of two fields, of which bwdif made one picture."""
        return self._deinterlacer.found

    def next(self) -> VideoFrame | None:
        """The next frame, or None if none comes within PATIENCE, or none any more.

        Raises av.FFmpegError or OSError, once, if the stream cannot be opened or read; MediaError if it has no video, or
        pictures that are too large.
        """
        if self.over:
            return None
        try:
            arrived = self._arrived.get(timeout=PATIENCE)
        except Empty:
            return None
        if isinstance(arrived, VideoFrame):
            return arrived
        self.over, self.finished = True, arrived is None
        if arrived is not None:
            raise arrived
        return None

    def close(self) -> None:
        """Disconnect. A thread that still waits for a server ends when it gives up."""
        self.over = True
        self._closed.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        try:
            self._decode()
        except Exception as error:  # for the caller
            self._put(error)
        else:
            self._put(None)

    def _decode(self) -> None:
        limit = decoder_limit(self._max_pixels)
        options = OPTIONS | limit | TRANSPORT.get(scheme_of(self._address), {})
        with av.open(self._address, timeout=(OPENING, READING), options=options, metadata_errors="replace") as container:
            stream = shown_video(container)
            if stream is None:
                raise MediaError(f"{self._name}: has no video that can be decoded; name a stream that has")
            check_pixels(self._name, stream.height, stream.width, self._max_pixels)
            stream.codec_context.options = limit  # pictures may grow later
            stream.thread_type = "SLICE"  # a thread a frame would delay that many frames
            self.rate = rate_of(stream)
            self.pixel_aspect = stream.sample_aspect_ratio or Fraction(1)
            self.is_file = container.duration is not None
            self.segmented = container.format.name in SEGMENTED
            self.paced = self.is_file or self.segmented
            last = 0.0
            try:
                for frame in self._deinterlacer(self._frames(container, stream), stream.time_base or Fraction(1, 90_000)):
                    last = frame.time or last
                    self._put(frame)
                    if self._closed.is_set():
                        return
            except DAMAGE:  # where a video file was cut off
                if not self.is_file:
                    raise
            length = (container.duration or 0) / 1e6
            if states_duration(container) and last < length - BROKEN_OFF:
                self.shortfall = shortfall(self._name, last, length)

    def _frames(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """The frames that can be decoded. Raises FFmpeg's errors if that is none for long: it may help to connect anew."""
        decoded = time.monotonic()
        for packet in container.demux(stream):
            try:
                frames = stream.decode(packet)
            except DAMAGE:
                if time.monotonic() - decoded > OPENING:
                    raise
                continue
            yield from frames
            decoded = time.monotonic()

    def _put(self, arrived: VideoFrame | Exception | None) -> None:
        while not self._closed.is_set():
            with suppress(Full):
                self._arrived.put(arrived, timeout=0.1)
                return


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
    ) -> None:
        address = os.fspath(address)
        if not is_address(address):
            shown = without_password(address) if "://" in address else address
            known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
            raise ValueError(f"{shown}: is not the address of a stream, which begins with {known}; PacedVideo plays a file")
        super().__init__(hold=hold, notify=notify)
        self.name = without_password(address)
        self._address = address
        self._loop = loop
        self._max_pixels = max_pixels
        self._begin: float | None = None
        self._connection = Connection(address, self.name, max_pixels)
        try:
            first = self._first()
            check_matrix(self.name, first)
            self._to_picture = Pictures(first)
            native = self._size_of(first)
            native = Size(native.width, native.height) if self._to_picture.orientation.transpose else native
            if min(native) < SMALLEST:
                raise MediaError(f"{self.name}: {native} is too small; each side needs at least {SMALLEST} pixels")
            check_pixels(self.name, *native, max_pixels)
        except BaseException:
            self.close()
            raise
        self.rate = self._connection.rate
        self.interlaced = self._connection.interlaced
        self._size = size
        self.height, self.width = size or native

    def _first(self) -> VideoFrame:
        try:
            while (frame := self._connection.next()) is None:
                if self._connection.over:
                    raise MediaError(f"{self.name}: has no picture; name a stream with video")
        except (av.FFmpegError, OSError) as error:
            reason = getattr(error, "strerror", None) or error
            if isinstance(error, av.error.ExitError):  # "Immediate exit requested": by PyAV, which waits no longer
                reason = f"nothing came for {OPENING:g} s"
            remedy = ", and write a / in a password as %2F, an @ behind the server as %40" if HIDDEN in self.name else ""
            raise MediaError(f"{self.name}: cannot be read ({reason}); check the address and the network{remedy}") from error
        return frame

    def _read(self) -> Frame | None:
        try:
            frame = self._connection.next()
        except (av.FFmpegError, OSError, MediaError):
            return None
        if frame is None:
            if self._connection.finished and self._connection.is_file:
                if self._connection.shortfall is not None:
                    self._notify(self._connection.shortfall)
                self._ended = not self._loop
                self._reopen()
            return None
        if self._connection.paced and frame.time is not None:
            self._wait(frame.time)
        picture, self._opacity, _ = self._to_picture(frame, self._size_of(frame))
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
        if self._connection.over and not self._ended:  # else it is still tried
            self._begin = None
            self._connection = Connection(self._address, self.name, self._max_pixels)

    def close(self) -> None:
        """Disconnect."""
        super().close()
        self._connection.close()
