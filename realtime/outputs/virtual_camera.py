"""A virtual camera, which meeting programs see as a webcam.

On Linux it is a v4l2loopback device, written through PyAV; on Windows and macOS, one that pyvirtualcam finds.
"""

import errno
import sys
from contextlib import suppress
from typing import Any

import av
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace

from engines.engine import Frame
from engines.errors import MediaError
from realtime.outputs.output import Output, VideoFormat
from realtime.packet import Packet
from realtime.pixels.yuv import FrameConverter, even

RESEND = 0.2  # s without a new picture until the last is sent again: readers take silence for a fault
MAKE_ONE = (
    "make one: sudo apt install v4l2loopback-dkms && "
    "sudo modprobe v4l2loopback devices=1 video_nr=10 card_label='Matting' exclusive_caps=1"
)


def open_virtual_camera(device: str | None, video_format: VideoFormat, *, webcam: str | None = None) -> Output:
    """Open the virtual camera of that name, or with None the first that is free.

    `webcam`: the path of the camera that pictures come from, which is never used. Raises MediaError if there is no virtual
    camera, the device is not one, or another program writes to it; the message says how to make one.
    """
    if sys.platform.startswith("linux"):
        return LoopbackCamera(loopback(device, webcam), video_format)
    return DriverCamera(device, video_format)


class LoopbackCamera(Output):
    """A v4l2loopback device of Linux: yuv420p in BT.601 and limited range, as webcams deliver it."""

    name = "virtual camera"
    idle_seconds = RESEND

    def __init__(self, path: str, video_format: VideoFormat) -> None:
        self.path = path
        self._convert = FrameConverter(Colorspace.ITU601)
        self._last: VideoFrame | None = None
        self._count = 0
        try:
            self._container = av.open(path, "w", format="v4l2")
            self._stream = self._container.add_stream("rawvideo", rate=video_format.rate)
            self._stream.width, self._stream.height = even(video_format.width), even(video_format.height)
            self._stream.pix_fmt = "yuv420p"
            self._container.start_encoding()
        except (av.FFmpegError, OSError) as error:
            raise MediaError(refused(path, error)) from error

    def write(self, packet: Packet) -> None:
        """Send the picture."""
        assert packet.picture is not None
        self._last = self._convert(packet.picture)
        self._send(self._last)

    def idle(self) -> None:
        """Send the last picture again."""
        if self._last is not None:
            self._send(self._last)

    def _send(self, frame: VideoFrame) -> None:
        frame.pts = self._count
        self._count += 1
        try:
            self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            raise MediaError(refused(self.path, error)) from error

    def close(self) -> None:
        """Release the device."""
        from realtime.inputs import v4l2  # Linux only

        self._container.close()
        with suppress(OSError):
            v4l2.free_loopback(self.path)


class DriverCamera(Output):
    """The virtual camera of OBS, or another that pyvirtualcam knows. Its licence is GPL-2, so it is an optional extra."""

    name = "virtual camera"
    idle_seconds = RESEND

    def __init__(self, device: str | None, video_format: VideoFormat) -> None:
        try:
            import pyvirtualcam
        except ModuleNotFoundError as error:
            remedy = "type: pip install 'semantic-human-matting[virtualcam]', and install OBS Studio, which brings the camera"
            raise MediaError(f"pyvirtualcam is not installed; {remedy}") from error
        try:
            self._camera: Any = pyvirtualcam.Camera(
                video_format.width, video_format.height, float(video_format.rate), device=device
            )
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise MediaError(f"{reason}; install OBS Studio and start its virtual camera once") from error
        self._last: Frame | None = None

    def write(self, packet: Packet) -> None:
        """Send the picture."""
        self._last = packet.picture
        self._camera.send(packet.picture)

    def idle(self) -> None:
        """Send the last picture again."""
        if self._last is not None:
            self._camera.send(self._last)

    def close(self) -> None:
        """Release the device."""
        self._camera.close()


def loopback(path: str | None, webcam: str | None) -> str:
    """Find a v4l2loopback device that can be written to; see `open_virtual_camera`."""
    from realtime.inputs import v4l2  # Linux only

    if path is None:
        ours = [device for device in v4l2.devices() if device.driver == v4l2.LOOPBACK and device.path != webcam]
        for device in ours:
            if not (device.takes_pictures or device.captures):
                v4l2.free_loopback(device.path)
        ours = [v4l2.query(device.path) for device in ours]
        free = [device.path for device in ours if device.takes_pictures]
        if not free:
            busy = f"other programs write to {', '.join(device.path for device in ours)}; end one, or " if ours else ""
            raise MediaError(f"{busy or 'there is no v4l2loopback device; '}{MAKE_ONE}")
        return free[0]
    try:
        device = v4l2.query(path)
    except FileNotFoundError as error:
        raise MediaError(f"{path}: no such device; {MAKE_ONE}") from error
    except PermissionError as error:
        remedy = "type: sudo usermod -aG video $USER, then log in again"
        raise MediaError(f"{path}: no permission to open it; {remedy}") from error
    except OSError as error:
        raise MediaError(f"{path}: is not a video device; {MAKE_ONE}") from error
    if device.driver != v4l2.LOOPBACK:
        kind = f"is not a virtual camera, but {device.name} (driver {device.driver})"
        raise MediaError(f"{path}: {kind}; {MAKE_ONE}")
    if path == webcam:
        raise MediaError(f"{path}: is the camera that the pictures come from; name another")
    if not (device.takes_pictures or device.captures):
        v4l2.free_loopback(path)
        device = v4l2.query(path)
    if not device.takes_pictures:
        raise MediaError(f"{path}: another program writes to it; end that, or name another")
    return path


def refused(path: str, error: av.FFmpegError | OSError) -> str:
    """Explain why a virtual camera takes no pictures."""
    if error.errno == errno.EBUSY:
        return f"{path}: another program uses it in another size; end that, or name another"
    return f"{path}: takes no pictures ({error.strerror}); name another, or reload v4l2loopback"
