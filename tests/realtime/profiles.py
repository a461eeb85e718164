"""Colour profiles (ICC, version 2) made by hand: a matrix and a curve for RGB, a curve for grey."""

import struct

DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))  # XYZ of red, green, blue at D50
WHITE = (0.9642, 1.0, 0.8249)


def rgb_profile(colorants: tuple[tuple[float, float, float], ...] = DISPLAY_P3, gamma: float = 2.2) -> bytes:
    """By default nearly Display P3, as telephones write it."""
    tags = {name: _xyz(xyz) for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants, strict=True)}
    return _profile(b"RGB ", {**tags, b"rTRC": _curve(gamma), b"gTRC": _curve(gamma), b"bTRC": _curve(gamma)})


def grey_profile(gamma: float) -> bytes:
    return _profile(b"GRAY", {b"kTRC": _curve(gamma)})


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", 2) + b"t\0" + bytes(78), b"wtpt": _xyz(WHITE), **tags}
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data
    head = struct.pack(
        ">I4sI4s4s4s12x4s28x3i48x",
        start + len(body),
        b"\0" * 4,
        0x02100000,
        b"mntr",
        space,
        b"XYZ ",
        b"acsp",
        63190,
        65536,
        54061,
    )
    return head + table + body
