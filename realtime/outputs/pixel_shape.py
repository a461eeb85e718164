"""Pixels that are not square, in Matroska and WebM: PyAV cannot tell FFmpeg their shape; it is put into the head of the file.

Room for it is made by a title of the track, whose place it takes: no other byte moves.
"""

import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from av.container import OutputContainer
from av.video.stream import VideoStream

from realtime.outputs.standard_output import StandardOutput

TITLE = "pixel aspect"  # 12 characters: with its own head 15 bytes, for two elements of 7 and one byte more of Video's size
HEAD = 1 << 16  # bytes of a file in which its tracks are
FORMATS = {"matroska", "webm", "fifo"}  # of PyAV; a fifo is for Matroska
SEGMENT, TRACKS, ENTRY, NAME, VIDEO = b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\xae", b"\x53\x6e", b"\xe0"
DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT = b"\x54\xb0", b"\x54\xba", b"\x54\xb2"
PIXELS = 0  # a DisplayUnit; FFmpeg writes "unknown", 4
CRC = b"\xbf"


class PixelShape(NamedTuple):
    """The size of a track's pictures in pixels, and the width of a pixel over its height."""

    width: int
    height: int
    aspect: Fraction

    def put_into_file(self, path: Path) -> None:
        """Put the shape into a complete file. Raises OSError."""
        with path.open("r+b") as file:
            head = file.read(HEAD)
            file.seek(0)
            file.write(self.put_into(head))

    def put_into(self, head: bytes) -> bytes:
        """The head of such a file, with the shape. Its length stays; without a whole track that has room, all of it."""
        made = bytearray(head)
        for segment in _elements(head, 0, len(head)):
            for tracks in _elements(head, segment.body, segment.end) if segment.kind == SEGMENT else ():
                if tracks.kind != TRACKS or tracks.end > len(head):
                    continue
                for entry in _elements(head, tracks.body, tracks.end):
                    made[entry.body : entry.end] = self._entry(head, entry)
                first = next(_elements(head, tracks.body, tracks.end), None)
                if first is not None and first.kind == CRC:
                    made[first.body : first.end] = zlib.crc32(made[first.end : tracks.end]).to_bytes(4, "little")
        return bytes(made)

    def _entry(self, head: bytes, entry: "_Element") -> bytes:
        """The content of an element of the tracks: with the shape, if it is the track that has room."""
        parts = list(_elements(head, entry.body, entry.end)) if entry.kind == ENTRY else []
        name = next((each for each in parts if each.kind == NAME), None)
        video = next((each for each in parts if each.kind == VIDEO), None)
        if name is None or video is None or head[name.body : name.end] != TITLE.encode():
            return head[entry.body : entry.end]
        made = b""
        for part in parts:
            if part is video:
                made += self._video(head, video, name.end - name.begin)
            elif part is not name:
                made += head[part.begin : part.end]
        return made

    def _video(self, head: bytes, video: "_Element", room: int) -> bytes:
        old = b"".join(
            DISPLAY_UNIT + bytes([0x81, PIXELS]) if each.kind == DISPLAY_UNIT else head[each.begin : each.end]
            for each in _elements(head, video.body, video.end)
        )
        width = DISPLAY_WIDTH + b"\x84" + max(1, round(self.width * self.aspect)).to_bytes(4)
        count = max(video.body - video.begin - len(VIDEO), len(_size(len(old) + room)))
        left = video.end - video.begin + room - len(VIDEO + old + width + DISPLAY_HEIGHT) - count - 1
        height = DISPLAY_HEIGHT + bytes([0x80 | left]) + self.height.to_bytes(left)
        content = old + width + height
        return VIDEO + _size(len(content), count) + content


def reserve_shape(container: OutputContainer, stream: VideoStream, aspect: Fraction) -> PixelShape | None:
    """Make room for the shape of pixels in a file that is being opened; None where it needs none.

    Put the shape into the file at its end. `aspect`: width of a pixel over its height. `stream`: of the pictures' size.
    """
    if aspect == 1 or container.format.name not in FORMATS:
        return None
    stream.metadata["title"] = TITLE
    return PixelShape(stream.codec_context.width, stream.codec_context.height, aspect)


class Reshaped:
    """Writes to standard output; PyAV writes the head of a file at once, and gets the `shape` put into it."""

    def __init__(self, output: StandardOutput) -> None:
        self._output = output
        self.shape: PixelShape | None = None

    def write(self, data: bytes) -> int:
        """Write all of it, and return its length."""
        if self.shape is not None:
            data, self.shape = self.shape.put_into(bytes(data)), None
        return self._output.write(data)


class _Element(NamedTuple):
    """An element of EBML: its kind, and where it, its content and what follows it begin."""

    kind: bytes
    begin: int
    body: int
    end: int


def _elements(data: bytes, begin: int, end: int) -> Iterator[_Element]:
    end = min(end, len(data))
    while begin < end and data[begin]:
        size_at = begin + 9 - data[begin].bit_length()
        if size_at >= end or not data[size_at]:
            return
        body = size_at + 9 - data[size_at].bit_length()
        length = int.from_bytes(data[size_at:body]) & ((1 << 7 * (body - size_at)) - 1)
        unknown = length == (1 << 7 * (body - size_at)) - 1  # of a stream: to its end
        stop = end if unknown else body + length
        yield _Element(data[begin:size_at], begin, body, stop)
        begin = stop


def _size(length: int, count: int = 0) -> bytes:
    """The size of an element's content, in `count` bytes, or as few as it takes."""
    count = count or next(each for each in range(1, 9) if length < (1 << 7 * each) - 1)
    return (length | 1 << 7 * count).to_bytes(count)
