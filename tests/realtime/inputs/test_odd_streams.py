"""Network streams at odd addresses, of one picture, and with late key frames."""

import threading
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from engines.errors import MediaError
from realtime.inputs import reconnecting
from realtime.inputs.network.connection import as_sent
from realtime.inputs.network_stream import NetworkStream
from tests.realtime.clips import even_times, make_clip
from tests.realtime.inputs.test_network_stream import server, transport_stream


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("RTSP://me:pass word@camera/my stream/größe", "rtsp://me:pass word@camera/my%20stream/gr%C3%B6%C3%9Fe"),
        ("rtsp://camera/a%20b?c=[d]&e=100%", "rtsp://camera/a%20b?c=[d]&e=100%"),
        ("HTTP://Host/a b", "http://Host/a b"),
        ("udp://239.0.0.1:1234", "udp://239.0.0.1:1234"),
    ],
)
def test_addresses_are_sent_as_servers_want_them(address: str, sent: str) -> None:
    assert as_sent(address) == sent


def test_the_scheme_of_an_address_may_be_in_capitals(tmp_path: Path) -> None:
    with server(transport_stream(tmp_path / "a.ts"), seconds=0.1) as address:
        NetworkStream(address.replace("http", "HTTP")).close()


@pytest.mark.parametrize("path", ["", "/snapshot.jpg"])  # in either, FFmpeg reads a picture in a way of its own
def test_the_picture_of_a_camera_is_asked_for_again_and_again(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(reconnecting, "RETRY", 0.05)
    first, later = (cv2.imencode(".jpg", np.full((64, 96, 3), level, np.uint8))[1].tobytes() for level in (0, 200))
    levels = []
    with server(first, seconds=0, video=True, later=later) as address, NetworkStream(address + path) as stream:
        ending = threading.Timer(20, stream.stop)
        ending.start()
        for packet in stream:
            levels.append(round(packet.frame.mean()))
            if len(levels) == 3:
                stream.stop()
        ending.cancel()
    assert levels == [200] * 3


@pytest.mark.parametrize("loop", [False, True])
def test_a_video_of_one_picture_is_no_stream(tmp_path: Path, loop: bool) -> None:
    clip = make_clip(tmp_path / "a.mp4", even_times(1)).read_bytes()
    with (
        server(clip, seconds=0, video=True) as address,
        NetworkStream(address, loop=loop) as stream,
        pytest.raises(MediaError, match="has one picture alone; save it as a file, and name that to shm-image"),
    ):
        list(stream)


def test_the_wait_for_the_first_key_frame_is_told(tmp_path: Path) -> None:
    """A camera that sends one every ten seconds was waited for without a word."""
    options = {"g": "100", "sc_threshold": "0", "tune": "zerolatency"}
    clip = make_clip(tmp_path / "a.ts", even_times(125), size=(160, 96), options=options)
    with av.open(str(clip)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.pos]
    data, notices = clip.read_bytes(), list[str]()
    begun = data[: 3 * 188] + data[places[20] // 188 * 188 : places[110]]  # with the tables that name its stream
    with server(begun, seconds=4) as address, NetworkStream(address, notify=notices.append) as stream:
        assert notices == [f"{address} gives no picture yet; waiting for its first whole one"]
        assert next(iter(stream)).frame.shape == (96, 160, 3)
    with server(data, seconds=1) as address, NetworkStream(address, notify=notices.append):
        assert len(notices) == 1
