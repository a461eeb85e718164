"""EXIF made by hand, with the types that cameras use: of a photo that lies on its side, and was taken at 48 degrees north."""

import struct

MAKER_NOTE = b"Apple iOS\0 and a place"


def exif(order: str = "little", *, orientation: int = 6) -> bytes:
    """A block of three directories, each with values that do not fit into its entries."""
    form = "<" if order == "little" else ">"

    def directory(place: int, tags: list[tuple[int, int, int, bytes]]) -> bytes:
        entries, values, behind = struct.pack(f"{form}H", len(tags)), b"", place + 2 + 12 * len(tags) + 4
        for tag, kind, count, value in tags:
            inline = value.ljust(4, b"\0")
            if len(value) > 4:
                inline = struct.pack(f"{form}I", behind + len(values))
                values += value + bytes(len(value) % 2)
            entries += struct.pack(f"{form}HHI", tag, kind, count) + inline
        return entries + bytes(4) + values

    def whole(kind: str, *numbers: int) -> bytes:
        return struct.pack(f"{form}{len(numbers)}{kind}", *numbers)

    camera = [
        (0x829A, 5, 1, whole("I", 1, 125)),  # exposure time, a fraction
        (0x9000, 7, 4, b"0232"),  # the version, undefined bytes
        (0x9003, 2, 20, b"2026:11:26 12:00:00\0"),
        (0x927C, 7, len(MAKER_NOTE), MAKER_NOTE),
        (0xA002, 4, 1, whole("I", 60)),  # width and height, before it is put upright
        (0xA003, 3, 1, whole("H", 40)),
    ]
    place = [(1, 2, 2, b"N\0"), (2, 5, 3, whole("I", 48, 1, 8, 1, 0, 1))]

    def first(camera_at: int, place_at: int) -> bytes:
        pointers = [(0x8769, 4, 1, whole("I", camera_at)), (0x8825, 4, 1, whole("I", place_at))]
        tags = [(0x010F, 2, 6, b"Maker\0"), (0x0112, 3, 1, whole("H", orientation)), *pointers]
        return directory(8, tags)

    camera_at = 8 + len(first(0, 0))
    place_at = camera_at + len(directory(camera_at, camera))
    head = struct.pack(f"{form}2sHI", b"II" if order == "little" else b"MM", 42, 8)
    return head + first(camera_at, place_at) + directory(camera_at, camera) + directory(place_at, place)
