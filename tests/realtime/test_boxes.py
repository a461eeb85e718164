"""The boxes of files, also of damaged ones."""

import io
import struct

from realtime.boxes import Box, boxes


def test_boxes_follow_one_another_by_their_lengths() -> None:
    file = io.BytesIO(
        struct.pack(">I4s8x", 16, b"ftyp") + struct.pack(">I4sQ4x", 1, b"free", 20) + struct.pack(">I4s", 0, b"mdat")
    )
    assert list(boxes(file)) == [Box(b"ftyp", 8, 16), Box(b"free", 32, 36), Box(b"mdat", 44, None)]


def test_what_no_file_can_hold_ends_them() -> None:
    assert list(boxes(io.BytesIO(b""))) == []
    assert list(boxes(io.BytesIO(b"\0\0\0\x08fre"))) == []
    assert list(boxes(io.BytesIO(struct.pack(">I4s", 4, b"free")))) == [Box(b"free", 8, None)]
    assert list(boxes(io.BytesIO(struct.pack(">I4sQ", 1, b"free", (1 << 64) - 1)))) == [Box(b"free", 16, (1 << 64) - 1)]
