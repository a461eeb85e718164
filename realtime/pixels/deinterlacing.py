"""Interlaced video as whole pictures: as many as before, at their own times."""

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction

from av.filter import Graph
from av.video.frame import VideoFrame

BWDIF = {"mode": "send_frame", "parity": "auto", "deint": "interlaced"}  # frames that are whole pass as they are


class Deinterlacer:
    """Deinterlaces by FFmpeg's bwdif, from the first frame on that consists of two fields.

    Attributes:
        found: whether there was one.
    """

    def __init__(self) -> None:
        self.found = False

    def __call__(self, frames: Iterable[VideoFrame], time_base: Fraction) -> Iterator[VideoFrame]:
        """`frames` as whole pictures. They keep their times, in units of `time_base`, and their side data.

        Raises av.FFmpegError as FFmpeg does.
        """
        graph: _Graph | None = None
        for frame in frames:
            self.found = self.found or frame.interlaced_frame
            if graph is not None and not graph.takes(frame):
                yield from graph.rest()
                graph = None
            if graph is None and frame.interlaced_frame:
                graph = _Graph(frame, time_base)
            if graph is None:
                yield frame
            else:
                yield from graph.filtered(frame)
        if graph is not None:
            yield from graph.rest()


class _Graph:
    """FFmpeg's filter for frames of one size and format."""

    def __init__(self, frame: VideoFrame, time_base: Fraction) -> None:
        self._form = _form(frame)
        self._times: deque[tuple[int | None, int]] = deque()  # of the frames in it: the filter counts in other units
        self._graph = Graph()
        source = self._graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base)
        self._graph.link_nodes(source, self._graph.add("bwdif", **BWDIF), self._graph.add("buffersink")).configure()
        self._time_base = time_base

    def takes(self, frame: VideoFrame) -> bool:
        return _form(frame) == self._form

    def filtered(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        self._times.append((frame.pts, frame.duration))
        self._graph.push(frame)
        yield from self._ready()

    def rest(self) -> Iterator[VideoFrame]:
        self._graph.push(None)
        yield from self._ready()

    def _ready(self) -> Iterator[VideoFrame]:
        while True:
            try:
                frame = self._graph.pull()
            except (BlockingIOError, EOFError):
                return
            assert isinstance(frame, VideoFrame)
            frame.time_base = self._time_base
            frame.pts, frame.duration = self._times.popleft()
            yield frame


def _form(frame: VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name
