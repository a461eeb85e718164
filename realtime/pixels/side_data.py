"""What FFmpeg attaches to a decoded frame: its rotation, the display that it was made for."""

from typing import Any, cast

from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame


def side_data_of(frame: VideoFrame) -> dict[str, bytes]:
    """The bytes of each kind, by PyAV's names of the kinds."""
    side_data: Any = frame.side_data  # PyAV's own type of it is wrong
    return {data.type.name: bytes(data) for data in side_data}


def _unnamed(kinds: type[Type], value: object) -> Type:
    kind: Any = object.__new__(kinds)
    kind._name_, kind._value_ = f"UNNAMED_{value}", value
    return cast(Type, kind)


# PyAV names fewer kinds than its FFmpeg has, and raises an error for a frame with another one, such as the EXIF of a picture.
Type._missing_ = classmethod(_unnamed)  # type: ignore[assignment, method-assign]
