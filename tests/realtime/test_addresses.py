"""What is shown of the address of a stream."""

import pytest

from realtime.addresses import without_password


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://192.168.1.20/stream", "rtsp://192.168.1.20/stream"),
        ("rtsp://me:secret@camera/stream", "rtsp://camera/stream"),
        ("rtsp://me:s@@cret:@camera/stream", "rtsp://camera/stream"),
        ("http://me:secret@[::1]:80/x@y?z#", "http://[::1]:80/x@y?z#"),
        ("https://host/@channel/live", "https://host/@channel/live"),
        ("udp://@239.0.0.1:1234", "udp://239.0.0.1:1234"),
        ("rtsp://me:s/cret@camera/stream", "rtsp://...@camera/stream"),
        ("rtsp://me:7/cret@camera/stream", "rtsp://...@camera/stream"),  # which could be a port
        ("rtsp://me:/cret@camera", "rtsp://...@camera"),
        ("rtsp://me:s@a/cret@camera:554/stream", "rtsp://...@camera:554/stream"),
        ("http://me:s?#cret@[::1]:80/stream", "http://...@[::1]:80/stream"),
    ],
)
def test_users_and_passwords_are_not_shown(address: str, shown: str) -> None:
    assert without_password(address) == shown
