"""What is shown of the address of a stream."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from engines.errors import MediaError
from realtime.addresses import address_shown, without_password
from realtime.inputs.photos import read_photo
from realtime.inputs.video_file import VideoSource


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://192.168.1.20/stream", "rtsp://192.168.1.20/stream"),
        ("rtsp://me:secret@camera/stream", "rtsp://camera/stream"),
        ("rtsp://me:s@@cret:@camera/stream", "rtsp://camera/stream"),
        ("http://me:secret@[::1]:80/x?y#z", "http://[::1]:80/x?y#z"),
        ("http://me:secret@[::1]:80/x@y?z#", "http://...@y?z#"),  # what is before the last @ could be a password
        ("rtsp://me:s@example.org/cret@camera/stream", "rtsp://...@camera/stream"),
        ("rtsp://me@example.org:s@example.org:554/cret@camera", "rtsp://...@camera"),
        ("https://host/@channel/live", "https://host/@channel/live"),
        ("udp://@239.0.0.1:1234", "udp://239.0.0.1:1234"),
        ("rtsp://me:s/cret@camera/stream", "rtsp://...@camera/stream"),
        ("rtsp://me:7/cret@camera/stream", "rtsp://...@camera/stream"),  # which could be a port
        ("rtsp://me:/cret@camera", "rtsp://...@camera"),
        ("rtsp://me:s@a/cret@camera:554/stream", "rtsp://...@camera:554/stream"),
        ("http://me:s?#cret@[::1]:80/stream", "http://...@[::1]:80/stream"),
        ("http://10.0.0.2/video.cgi?user=me&pwd=secret&size=2", "http://10.0.0.2/video.cgi?user=...&pwd=...&size=2"),
        (
            "rtsp://10.0.0.2:554/user=me&password=secret&channel=1.sdp?x",
            "rtsp://10.0.0.2:554/user=...&password=...&channel=1.sdp?x",
        ),
        ("rtsp://10.0.0.2/user=me_password=secret_channel=1.sdp", "rtsp://10.0.0.2/user=..."),
        ("http://10.0.0.2/a?loginuse=me&loginpas=secret", "http://10.0.0.2/a?loginuse=...&loginpas=..."),
        ("srt://host:9000?passphrase=secret&mode=caller", "srt://host:9000?passphrase=...&mode=caller"),
        ("https://host/live.m3u8?Access_Token=secret#t", "https://host/live.m3u8?Access_Token=...#t"),
    ],
)
def test_users_and_passwords_are_not_shown(address: str, shown: str) -> None:
    assert without_password(address) == shown


SERVERS = some.sampled_from(["camera", "192.168.1.20", "cam.example.org:554", "[::1]", "[::1]:80", "localhost:8554"])
PATHS = some.sampled_from(["", "/", "/stream", "/a/b?c=d#e", "?c=d"])
SECRETS = some.text(some.characters(codec="utf-8") | some.sampled_from("@@@:/?#[].%1"))


@given(user=SECRETS, password=SECRETS, server=SERVERS, path=PATHS, coded=some.booleans())
@example(user="me", password="s@example.org/cret", server="camera", path="/stream", coded=False)
def test_nothing_of_any_password_is_shown(user: str, password: str, server: str, path: str, coded: bool) -> None:
    if coded:
        user, password = quote(user, safe=""), quote(password, safe="")
    shown = without_password(f"rtsp://{user}:{password}@{server}{path}")
    plain = not any(each in user + password for each in "/?#")
    assert shown in {f"rtsp://{'' if plain else '...@'}{server}{path}", f"rtsp://{server}{path}"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http:/host/a.mp4", "http://host/a.mp4"),  # as a path has it
        ("rtsp://me:secret@host/a", "rtsp://host/a"),
        ("C:/a.mp4", None),
        ("a/b.mp4", None),
        ("12:30.mp4", None),
        ("a b:/c", None),
    ],
)
def test_addresses_are_known_as_paths_too(text: str, shown: str | None) -> None:
    assert address_shown(text) == shown


@pytest.mark.parametrize("read", [VideoSource, read_photo])
def test_an_address_is_no_file_to_read(read: Callable[[str], object]) -> None:
    """It was "no such file", with the password."""
    with pytest.raises(
        MediaError, match=r"^rtsp://host/a: is an address; save .* as a file, or read a stream by NetworkStream$"
    ):
        read("rtsp://me:secret@host/a")
