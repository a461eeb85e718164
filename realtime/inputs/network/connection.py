"""The connection of a network stream: opened, read and decoded by FFmpeg, in a thread of its own."""

import string
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from queue import Empty, Full, Queue
from urllib.parse import quote

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from engines.errors import MediaError
from realtime.inputs.containers import DAMAGE, decoder_limit, shown_video
from realtime.inputs.formats import shortfall, states_duration
from realtime.inputs.network.faults import Fault, fault_of
from realtime.inputs.pictures import check_pixels
from realtime.inputs.timestamps import rate_of
from realtime.pixels.deinterlacing import Deinterlacer

OPENING, READING = 10.0, 3.0  # s to wait for a server to answer, and for its next picture
PATIENCE = 1.0  # s that the caller waits for a picture until it looks whether it shall stop, or show something else
BROKEN_OFF = 1.0  # s before its stated end at which a video file on a server has broken off: its sound may go on for longer
SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "srt", "udp", "rtp", "tcp")
SEGMENTED = ("hls", "dash")  # formats whose pictures arrive several seconds at a time
# A server's playlist may name other servers, but no file of this machine. What is below the schemes is allowed with them.
PROTOCOLS = (*SCHEMES, "httpproxy", "tls", "srtp", "crypto", "data")
OPTIONS = {"flags": "low_delay", "protocol_whitelist": ",".join(PROTOCOLS)}
TRANSPORT = {scheme: {"rtsp_transport": "tcp"} for scheme in ("rtsp", "rtsps")}  # UDP loses packets


def is_address(text: str) -> bool:
    """Whether a text is the address of a network stream, not a file."""
    return scheme_of(text) in SCHEMES


def scheme_of(address: str) -> str:
    """What an address begins with, in small letters; empty if it is none. Never an error, which could show a password."""
    scheme, there, _ = address.partition("://")
    return scheme.lower() if there else ""


def as_sent(address: str) -> str:
    """An address as servers and FFmpeg want it: its scheme in small letters, and in RTSP nothing but ASCII behind the host.

    In HTTP, FFmpeg itself sees to that.
    """
    scheme, _, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    if scheme.lower() in TRANSPORT:
        path = quote(path, safe=string.punctuation)
    return f"{scheme.lower()}://{host}{slash}{path}"


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
        self._opened, self._closed = False, threading.Event()
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

    def fault(self, error: Exception) -> Fault:
        """What an error that `next` raised means."""
        return fault_of(error, self._address, waited=READING if self._opened else OPENING)

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
        with av.open(
            as_sent(self._address), timeout=(OPENING, READING), options=options, metadata_errors="replace"
        ) as container:
            self._opened = True
            stream = shown_video(container)
            if stream is None:
                raise MediaError(f"{self._name}: has no video that can be decoded; name a stream that has")
            check_pixels(self._name, stream.height, stream.width, self._max_pixels)
            stream.codec_context.options = limit  # pictures may grow later
            stream.thread_type = "SLICE"  # a thread a frame would delay that many frames
            self.rate = rate_of(stream)
            self.pixel_aspect = stream.sample_aspect_ratio or Fraction(1)
            # A camera's newest picture, as at /snapshot.jpg, is asked for again and again.
            still = container.format.name == "image2" or container.format.name.endswith("_pipe")
            self.is_file = container.duration is not None and not still
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
            for frame in frames:
                check_pixels(self._name, frame.height, frame.width, self._max_pixels)
                yield frame
            decoded = time.monotonic()

    def _put(self, arrived: VideoFrame | Exception | None) -> None:
        while not self._closed.is_set():
            with suppress(Full):
                self._arrived.put(arrived, timeout=0.1)
                return
