"""HEIC pictures made by hand around frames of x265: one picture, or a grid of tiles as telephones write it."""

import struct
from pathlib import Path

import av
import numpy as np

from engines.engine import Frame


def write_heic(path: Path, tiles: list[Frame], *, brand: bytes = b"heic") -> Path:
    """Write square tiles of one size, uint8 RGB, side by side; a single one without a grid."""
    coded, setup = zip(*(_encode(path.with_suffix(f".{number}.mp4"), tile) for number, tile in enumerate(tiles)), strict=True)
    side = tiles[0].shape[0]
    grid = struct.pack(">BBBBHH", 0, 0, 0, len(tiles) - 1, side * len(tiles), side)
    items = [*coded, grid] if len(tiles) > 1 else [*coded]
    main, kinds = len(items), [b"hvc1"] * len(tiles) + [b"grid"] * (len(items) - len(tiles))
    entries = b"".join(
        _box(b"infe", struct.pack(">IHH4sB", 0x02000000 + (number < main), number, 0, kind, 0))  # tiles are hidden
        for number, kind in enumerate(kinds, 1)
    )
    sizes = [(side, side)] * len(tiles) + [(side * len(tiles), side)] * (len(items) - len(tiles))
    properties = _box(b"hvcC", setup[0]) + b"".join(_box(b"ispe", struct.pack(">III", 0, *size)) for size in sizes)
    uses = b"".join(
        struct.pack(">HB", number, 2) + bytes([0x81, 1 + number])
        if kind == b"hvc1"
        else struct.pack(">HBB", number, 1, 1 + number)
        for number, kind in enumerate(kinds, 1)
    )
    parts = [
        _box(b"hdlr", struct.pack(">II4s12xB", 0, 0, b"pict", 0)),
        _box(b"pitm", struct.pack(">IH", 0, main)),
        _box(b"iinf", struct.pack(">IH", 0, len(items)) + entries),
        _box(b"iprp", _box(b"ipco", properties) + _box(b"ipma", struct.pack(">II", 0, len(items)) + uses)),
    ]
    if len(tiles) > 1:
        parts.append(
            _box(b"iref", bytes(4) + _box(b"dimg", struct.pack(f">HH{len(tiles)}H", main, len(tiles), *range(1, main))))
        )
    head = _box(b"ftyp", brand + bytes(4) + b"mif1heic")
    length = len(head) + 12 + sum(map(len, parts)) + 8 + 8 + 14 * len(items)  # of all before the pictures
    locations, start = b"", length + 8
    for number, item in enumerate(items, 1):
        locations += struct.pack(">HHHII", number, 0, 1, start, len(item))
        start += len(item)
    parts.append(_box(b"iloc", struct.pack(">IBBH", 0, 0x44, 0, len(items)) + locations))
    path.write_bytes(head + _box(b"meta", bytes(4) + b"".join(parts)) + _box(b"mdat", b"".join(items)))
    return path


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _encode(path: Path, tile: Frame) -> tuple[bytes, bytes]:
    """One HEVC frame, and the parameter sets of its decoder, as MP4 has them."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=1, options={"x265-params": "log-level=none:keyint=1", "crf": "5"})
        stream.height, stream.width, stream.pix_fmt = tile.shape[0], tile.shape[1], "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(tile), "rgb24")))
        container.mux(stream.encode())
    with av.open(str(path)) as container:
        packet = next(container.demux(video=0))
        result = bytes(packet), bytes(container.streams.video[0].codec_context.extradata or b"")
    path.unlink()
    return result
