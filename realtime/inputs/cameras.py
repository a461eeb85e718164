"""The cameras of this machine: listing them, finding the one a user means, and choosing its pixel format."""

import difflib
import os
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av.device

from engines.errors import MediaError
from engines.geometry import Size

if TYPE_CHECKING:
    from realtime.inputs.v4l2 import Mode

LINUX = sys.platform.startswith("linux")
RAW_PIXELS = 640 * 480  # up to this size a USB 2 camera delivers its full rate uncompressed
USUAL_RATE = Fraction(25)  # frames a second that a camera should deliver where no rate was asked for
COMPRESSED = {"MJPG", "JPEG", "H264", "HEVC"}


def describe_cameras() -> list[str]:
    """Lines of text, one a camera: number and name, and on Linux each pixel format with its sizes and rates."""
    if not LINUX:
        return [f"{number}  {name}" for number, name in enumerate(camera_names())]
    from realtime.inputs import v4l2

    lines = []
    for device in v4l2.devices():
        if not device.captures:
            continue
        lines.append(f"{device.path}  {device.name} ({device.driver})")
        by_format: dict[str, list[Mode]] = {}
        for mode in v4l2.modes(device.path):
            by_format.setdefault(mode.pixel_format, []).append(mode)
        for pixel_format, modes in by_format.items():
            sizes = dict.fromkeys(f"{mode.width}x{mode.height}{_at_rate(mode.rate)}" for mode in modes)
            lines.append(f"    {pixel_format}  {', '.join(sizes)}")
    return lines


def _at_rate(rate: Fraction) -> str:
    return f" at {float(rate):g}" if rate else ""


def camera_names() -> list[str]:
    """The names of the cameras of Windows and macOS, in their order."""
    kind = {"win32": "dshow", "darwin": "avfoundation"}.get(sys.platform)
    if kind is None:
        return []
    devices = av.device.enumerate_input_devices(kind)
    return [device.description for device in devices if "video" in device.media_types]


def find_camera(camera: str) -> int | str:
    """What OpenCV opens for a camera given by number, by the path of its device, or by a part of its name.

    Raises MediaError if there is no such camera or this user has no permission; the message lists those that exist.
    """
    if not LINUX:
        if camera.isdecimal():
            return int(camera)
        return match_camera(camera, dict(enumerate(camera_names())))
    path = f"/dev/video{camera}" if camera.isdecimal() else camera
    if not Path(path).exists():
        from realtime.inputs import v4l2

        found = {device.path: device.name for device in v4l2.devices()}
        path = path if camera.isdecimal() or "/" in camera else str(match_camera(camera, found))
        if path not in found:
            # Video devices that this user may not open have no names.
            choice = ", ".join(f"{each} ({name})" for each, name in found.items())
            choice = choice or ", ".join(sorted(map(str, Path("/dev").glob("video*"))))
            remedy = f"choose one of {choice}" if choice else "this machine has none: plug one in"
            raise MediaError(f"{camera}: no such camera; {remedy}")
    if not Path(path).is_char_device():
        raise MediaError(f"{camera}: is not a camera; name a camera, not a file")
    if not os.access(path, os.R_OK | os.W_OK):
        raise MediaError(f"{camera}: no permission to open it; type: sudo usermod -aG video $USER, then log in again")
    return os.path.realpath(path)


def match_camera(camera: str, found: dict[str, str] | dict[int, str]) -> int | str:
    """The path or number of the first camera whose name contains `camera`. Raises MediaError if none does."""
    for key, name in found.items():
        if camera.lower() in name.lower():
            return key
    near = difflib.get_close_matches(camera, list(found.values()), n=1)
    names = f"choose one of {', '.join(found.values())}" if found else "this machine has none: plug one in"
    remedy = f"did you mean '{near[0]}'?" if near else names
    raise MediaError(f"{camera}: no such camera; {remedy}")


def prefers_mjpeg(modes: Sequence["Mode"], size: Size | None, rate: Fraction | None) -> bool:
    """Whether to ask a camera for MJPEG: where it has it, and delivers raw frames of that size too slowly.

    `modes`: what the camera lists; if it lists none, the size alone decides.
    """
    if size is None:
        return False
    if not modes:
        return size.height * size.width > RAW_PIXELS
    fitting = [mode for mode in modes if (mode.height, mode.width) == size] or list(modes)
    raw = max((mode.rate for mode in fitting if mode.pixel_format not in COMPRESSED), default=Fraction(0))
    mjpeg = max((mode.rate for mode in fitting if mode.pixel_format == "MJPG"), default=Fraction(0))
    return mjpeg > raw and raw < (rate or USUAL_RATE)
