"""A video that comes through a pipe, such as standard input: read once, as it comes."""

import io
import os
import select
import threading

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from engines.arguments import check_whole
from engines.errors import MediaError
from realtime.boxes import boxes
from realtime.choices import MAX_PIXELS, PIPE
from realtime.inputs.containers import decoder_limit, shown_video
from realtime.inputs.formats import self_contained
from realtime.inputs.media.files import Media

CHUNK = 1 << 16  # bytes that are read at once
PATIENCE = 0.1  # s to wait for bytes until the next look whether anybody still wants them
BEGINNING = 1 << 29  # bytes that are kept until all readers are open: many frames of the largest
HEAD = 1 << 12  # bytes that are looked at first
REMEDY = "pipe a video into it, such as from ffmpeg -i FILE -c copy -f matroska -"
MOST_DESCRIPTOR = 2**31 - 1
BEFORE_INDEX = (b"ftyp", b"free", b"skip", b"wide", b"uuid")  # boxes of MP4 that may come first


class PipedVideo(Media):
    """A video from a pipe, in any container that can be read from its beginning to its end without going back.

    Those who open it before `begin` all read the same bytes, from the first on: the pictures one, their sound another. Bytes
    are kept until the last of them has read them, so memory is constant as long as they go on in step.

    Args:
        descriptor: of the pipe; by default standard input.

    Raises MediaError if it is a terminal; ValueError for what is no number of a file.
    """

    seekable = False

    def __init__(self, descriptor: int = 0) -> None:
        check_whole("descriptor", descriptor, MOST_DESCRIPTOR, least=0)
        super().__init__(PIPE)
        if os.isatty(descriptor):
            raise MediaError(f"{self.path}: standard input is a terminal; {REMEDY}")
        self._descriptor = descriptor
        self._data = bytearray()
        self._offset = 0  # bytes before `_data`, which all have read
        self._over = self._begun = self._too_long = False
        self._readers: list[Reader] = []
        self._lock = threading.Lock()  # of all of these
        self._filling = threading.Lock()
        self._failure: BaseException | None = None

    def open(self, *, max_pixels: int | None = MAX_PIXELS) -> InputContainer:
        """Open it from its first byte on. Raises MediaError if it is no video that comes in order, or `begin` was called."""
        if self._begun:
            raise MediaError(f"{self.path}: what comes through a pipe can be read only once; write it to a file first")
        reader = Reader(self)
        head = self._peek()
        if index_at_end(head):
            raise MediaError(f"{self.path}: is an MP4 with its index at its end, out of a pipe's reach; name the file itself")
        options = {"format_whitelist": self_contained(), "protocol_whitelist": "none", **decoder_limit(max_pixels)}
        try:
            container = av.open(reader, "r", options=options, metadata_errors="replace")
        except av.FFmpegError as error:
            self.check()
            if not head:
                raise MediaError(f"{self.path}: nothing has come through the pipe; {REMEDY}") from error
            raise MediaError(f"{self.path}: is not a video that can be read ({error.strerror}); {REMEDY}") from error
        self.check()
        reader.container = container
        with self._lock:
            self._readers.append(reader)
        return container

    def video(self, container: InputContainer) -> VideoStream:
        """The video stream that is shown. Raises MediaError if there is none."""
        stream = None if container.format.name.endswith("_pipe") else shown_video(container)
        if stream is None:
            raise MediaError(f"{self.path}: has no video, or single pictures alone; {REMEDY}")
        return stream

    def begin(self) -> None:
        """Let go of bytes from now on. Nobody can open it any more."""
        with self._lock:
            self._begun = True
            self._trim()

    def close(self, container: InputContainer) -> None:
        """Close what was opened; no bytes are kept for it any more."""
        container.close()
        with self._lock:
            self._readers = [each for each in self._readers if each.container is not container]

    def release(self) -> None:
        """Stop waiting for bytes: for its readers, it ends."""
        self._over = True

    def check(self) -> None:
        """Raise what has ended it too early: MediaError for an error of the system, or an interruption as it is."""
        failure, self._failure = self._failure, None
        if isinstance(failure, OSError):
            reason = failure.strerror
            raise MediaError(f"{self.path}: reading failed ({reason}); check the program that pipes into it") from failure
        if failure is not None:
            raise failure
        if self._too_long:
            raise MediaError(f"{self.path}: no picture comes within {BEGINNING >> 20} MB; write it to a file, and name that")

    def read(self, position: int, size: int) -> bytes:
        """At most so many bytes from a position that has not been let go of; none at the end. Waits for them."""
        while True:
            with self._lock:
                start = position - self._offset
                if start < len(self._data) or self._over:
                    return bytes(self._data[start : start + size])
            self._fill(position)

    def passed(self) -> None:
        """Let go of what all have read."""
        with self._lock:
            self._trim()

    def fail(self, error: BaseException) -> None:
        """End it, for a reason that `check` raises."""
        self._failure, self._over = error, True

    def _fill(self, position: int) -> None:
        with self._filling:
            if position < self._offset + len(self._data):
                return  # another thread has done it
            while not self._over and os.name == "posix" and not select.select([self._descriptor], [], [], PATIENCE)[0]:
                pass
            new = b"" if self._over else os.read(self._descriptor, CHUNK)
            with self._lock:
                self._data += new
                self._too_long = not self._begun and len(self._data) > BEGINNING
                self._over = self._over or not new or self._too_long

    def _peek(self) -> bytes:
        data = b""
        while len(data) < HEAD and (more := self.read(len(data), HEAD - len(data))):
            data += more
        return data

    def _trim(self) -> None:
        if self._begun and self._readers:
            read = min(each.position for each in self._readers) - self._offset
            del self._data[:read]
            self._offset += read


class Reader:
    """The file that PyAV reads from: the bytes of a pipe, from the first on."""

    def __init__(self, pipe: PipedVideo) -> None:
        self.name = str(pipe.path)
        self.container: InputContainer | None = None
        self.position = 0
        self._pipe = pipe

    def read(self, size: int) -> bytes:
        """The next bytes; none at the end."""
        try:
            data = self._pipe.read(self.position, size)
            self.position += len(data)
            self._pipe.passed()
        except BaseException as error:  # of which PyAV would print a traceback, and ask again
            self._pipe.fail(error)
            return b""
        return data


def index_at_end(head: bytes) -> bool:
    """Whether these are the first bytes of an MP4 or a QuickTime file whose samples come before its index."""
    first = next((box.kind for box in boxes(io.BytesIO(head)) if box.kind not in BEFORE_INDEX), None)
    return first == b"mdat"
