"""Which cameras there are, which of them the user means, and in which way each gives its pictures best."""

import difflib
import os
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av.device

from engines.errors import MediaError

if TYPE_CHECKING:
    from realtime.inputs.v4l2 import Mode

LINUX = sys.platform.startswith("linux")
RAW_PIXELS = 640 * 480  # up to this size a USB 2 camera gives its full rate uncompressed
USUAL_RATE = Fraction(25)  # frames a second that a picture should have, unless told


def camera_lines() -> list[str]:
    """The cameras of this machine as lines of text: number, name, and on Linux each format with its sizes and rates."""
    if not LINUX:
        return [f"{number}  {name}" for number, name in enumerate(names_elsewhere())]
    from realtime.inputs import v4l2

    lines = []
    for device in v4l2.devices():
        if not device.captures:
            continue
        lines.append(f"{device.path}  {device.name} ({device.driver})")
        found: dict[str, list[Mode]] = {}
        for mode in v4l2.modes(device.path):
            found.setdefault(mode.pixel_format, []).append(mode)
        for pixel_format, modes in found.items():
            sizes = dict.fromkeys(f"{mode.width}x{mode.height}{at_rate(mode.rate)}" for mode in modes)
            lines.append(f"    {pixel_format}  {', '.join(sizes)}")
    return lines


def at_rate(rate: Fraction) -> str:
    """The rate of a size in words, frames/s; nothing where it is not told."""
    return f" at {float(rate):g}" if rate else ""


def names_elsewhere() -> list[str]:
    """The names of the cameras of Windows and macOS, in their order."""
    kind = {"win32": "dshow", "darwin": "avfoundation"}.get(sys.platform)
    if kind is None:
        return []
    found = av.device.enumerate_input_devices(kind)
    return [device.description for device in found if "video" in device.media_types]


def find_camera(camera: str) -> int | str:
    """What OpenCV opens for the camera that a user names: by number, by the path of its device, or by a part of its name.

    Raises MediaError where there is none, or this user may not open it; it says which there are.
    """
    if not LINUX:
        if camera.isdecimal():
            return int(camera)
        return named(camera, dict(enumerate(names_elsewhere())))
    path = f"/dev/video{camera}" if camera.isdecimal() else camera
    if not Path(path).exists():
        from realtime.inputs import v4l2

        found = {device.path: device.name for device in v4l2.devices()}
        path = path if camera.isdecimal() or "/" in camera else str(named(camera, found))
        if path not in found:
            choice = ", ".join(f"{each} ({name})" for each, name in found.items()) or ", ".join(nodes())
            remedy = f"choose one of {choice}" if choice else "there is none: plug one in, or play a clip with --input"
            raise MediaError(f"--webcam {camera}: no such camera; {remedy}")
    if not Path(path).is_char_device():
        raise MediaError(f"--webcam {camera}: is no camera; for a video file use --input {camera}")
    if not os.access(path, os.R_OK | os.W_OK):
        raise MediaError(f"--webcam {camera}: may not be opened; sudo usermod -aG video $USER, then log in anew")
    return os.path.realpath(path)


def nodes() -> list[str]:
    """The paths of Linux's video devices, also of those that may not be opened."""
    return sorted(str(path) for path in Path("/dev").glob("video*"))


def named(camera: str, found: dict[str, str] | dict[int, str]) -> int | str:
    """The first of the cameras, each under its path or number, with these words in its name. Raises MediaError for none."""
    for place, name in found.items():
        if camera.lower() in name.lower():
            return place
    near = difflib.get_close_matches(camera, list(found.values()), n=1)
    remedy = f"did you mean '{near[0]}'?" if near else "shm-live --list-cameras shows which there are"
    raise MediaError(f"--webcam {camera}: no such camera; {remedy}")


def wants_mjpeg(modes: Sequence["Mode"], size: tuple[int, int] | None, rate: Fraction | None) -> bool:
    """Whether a camera is to be asked for MJPEG: where it has it, and its raw pictures of that size come too slowly.

    `modes` are those the camera tells of, or nothing, where the size alone decides.
    """
    if size is None:
        return False
    if not modes:
        return size[0] * size[1] > RAW_PIXELS
    fitting = [mode for mode in modes if (mode.width, mode.height) == size] or list(modes)
    raw = max((mode.rate for mode in fitting if mode.pixel_format not in {"MJPG", "JPEG", "H264", "HEVC"}), default=Fraction(0))
    packed = max((mode.rate for mode in fitting if mode.pixel_format == "MJPG"), default=Fraction(0))
    return packed > raw and raw < (rate or USUAL_RATE)
