"""Video devices of Linux (V4L2): their drivers, capabilities, pixel formats, sizes and rates."""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

# From linux/videodev2.h.
QUERYCAP, ENUM_FMT, ENUM_FRAMESIZES, ENUM_FRAMEINTERVALS = 0x80685600, 0xC0405602, 0xC02C564A, 0xC034564B
STREAMON, OUTPUT_STREAM = 0x40045612, 2
CAPTURE, OUTPUT, DEVICE_CAPS = 0x1, 0x2, 0x80000000
DISCRETE = 1  # sizes and rates that are listed one by one; others are given as a range
LOOPBACK = "v4l2 loopback"  # the driver of virtual cameras


@dataclass(frozen=True, slots=True)
class Mode:
    """A mode of a camera: a pixel format such as "MJPG", a size, and its highest rate in frames/s."""

    pixel_format: str
    width: int
    height: int
    rate: Fraction


@dataclass(frozen=True, slots=True)
class Device:
    """A video device: its path, name and driver, and whether it captures pictures or takes them as an output."""

    path: str
    name: str
    driver: str
    captures: bool
    takes_pictures: bool


def devices() -> list[Device]:
    """The video devices of this machine that can be opened, by number."""
    nodes = sorted(Path("/dev").glob("video[0-9]*"), key=lambda node: int(node.name[5:]))
    found = []
    for node in nodes:
        try:
            found.append(query(str(node)))
        except OSError:
            continue
    return found


def query(path: str) -> Device:
    """Query a device. Raises OSError if it is not a video device, is missing or may not be opened."""
    with opened(path) as device:
        answer = bytearray(104)
        fcntl.ioctl(device, QUERYCAP, answer)
    driver, card, _, _, capabilities, own = struct.unpack_from("16s32s32sIII", answer)
    flags = own if capabilities & DEVICE_CAPS else capabilities
    return Device(path, text(card), text(driver), bool(flags & CAPTURE), bool(flags & OUTPUT))


def modes(path: str) -> list[Mode]:
    """The formats, sizes and highest rates that a camera reports. Raises OSError if it cannot be opened."""
    found = []
    with opened(path) as device:
        for (pixel_format,) in enumerated(device, ENUM_FMT, 64, "=II", (CAPTURE,), "=44xI"):
            for kind, *sizes in enumerated(device, ENUM_FRAMESIZES, 44, "=II", (pixel_format,), "=8xI6I"):
                # of a range: the smallest and the largest
                ends = [(sizes[0], sizes[1])] if kind == DISCRETE else [(sizes[0], sizes[3]), (sizes[1], sizes[4])]
                for width, height in ends:
                    rate = highest_rate(device, pixel_format, width, height)
                    name = struct.pack("=I", pixel_format).decode("ascii", "replace").strip()
                    found.append(Mode(name, width, height, rate))
    return found


def highest_rate(device: int, pixel_format: int, width: int, height: int) -> Fraction:
    """The highest rate at a size, in frames/s; 0 if the camera does not report it."""
    asked = (pixel_format, width, height)
    intervals = enumerated(device, ENUM_FRAMEINTERVALS, 52, "=IIII", asked, "=16xIII")
    return max((Fraction(below, above) for _, above, below in intervals if above), default=Fraction(0))


def enumerated(
    device: int, request: int, length: int, question: str, asked: tuple[int, ...], answer: str
) -> Iterator[tuple[int, ...]]:
    """Ask for item 0, 1, 2, ... of a list until it ends. Each question begins with the number of the item."""
    for index in range(1000):
        block = bytearray(length)
        struct.pack_into(question, block, 0, index, *asked)
        try:
            fcntl.ioctl(device, request, block)
        except OSError:
            return
        yield struct.unpack_from(answer, block)


def free_loopback(path: str) -> None:
    """Make a v4l2loopback device with exclusive_caps writable again after its writer has gone.

    Up to version 0.12 the driver does not count a program that only writes, as FFmpeg does, as a writer, and so never sees it
    leave: the device then neither captures nor takes pictures, until a program leaves that has asked to stream. Raises OSError
    if the device cannot be opened.
    """
    with opened(path) as device, suppress(OSError):
        fcntl.ioctl(device, STREAMON, struct.pack("=i", OUTPUT_STREAM))
    query(path)  # the driver updates its capabilities only when it is asked


def users(path: str) -> list[str]:
    """The programs that hold a device open, as far as this user may see, each as "name (process id)"."""
    found = []
    real = os.path.realpath(path)
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            if any(os.path.realpath(link) == real for link in (process / "fd").iterdir()):
                found.append(f"{(process / 'comm').read_text().strip()} ({process.name})")
        except OSError:
            continue
    return found


@contextmanager
def opened(path: str) -> Iterator[int]:
    """Open a device and yield its file descriptor; a program that uses it keeps it."""
    device = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        yield device
    finally:
        os.close(device)


def text(field: bytes) -> str:
    """Decode a name in a zero-padded field."""
    return field.split(b"\0")[0].decode("utf-8", "replace")
