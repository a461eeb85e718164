"""A client's camera over a WebSocket, with an engine for tests: what comes back, what is dropped, and who is refused."""

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engines.engine import Frame, Mask, Matte
from realtime.serve.limits import Limits
from tests.realtime.plain_engine import PlainEngine

pytest.importorskip("fastapi_offline", reason="the extra web is not installed")
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketTestSession
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from realtime.serve.app import create_app
from tests.realtime.serve.serving import serving

LIMITS = Limits(cameras=2, camera_pixels=10_000)
RED = (255, 0, 0)


def picture(level: int = 0, kind: str = "JPEG", size: tuple[int, int] = (64, 48)) -> bytes:
    """A grey picture; the engine takes black for a person, and white for none."""
    file = io.BytesIO()
    Image.new("RGB", size, (level, level, level)).save(file, kind)
    return file.getvalue()


def client(engine: PlainEngine | None = None, limits: Limits = LIMITS, **options: Any) -> TestClient:
    return TestClient(create_app(engine or PlainEngine(), limits=limits, **options), base_url="http://127.0.0.1:8400")


@contextmanager
def connected(service: TestClient, **settings: object) -> Iterator[WebSocketTestSession]:
    # The test client calls every WebSocket's host "testserver", but for this header.
    with service.websocket_connect("/v1/live", headers={"host": "127.0.0.1:8400"}) as socket:
        socket.send_text(json.dumps(settings))
        yield socket


def answer(socket: WebSocketTestSession) -> tuple[int, np.ndarray]:
    """The number of a frame, and the colour in the middle of its picture."""
    data = socket.receive_bytes()
    pixels = np.asarray(Image.open(io.BytesIO(data[4:])))
    assert pixels.shape == (48, 64, 3)
    return int.from_bytes(data[:4], "big"), pixels[24, 32]


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_frames_come_back_on_a_background_that_can_be_changed(kind: str) -> None:
    with connected(client(), bg="red") as socket:
        socket.send_bytes(picture(255, kind))
        number, colour = answer(socket)
        assert number == 0
        assert np.abs(colour - np.array(RED)).max() < 4
        socket.send_text('{"bg": "blue"}')
        socket.send_bytes(picture(255, kind))
        number, colour = answer(socket)
        assert number == 1
        assert np.abs(colour - np.array((0, 0, 255))).max() < 4


def test_a_background_of_the_client_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with connected(client(), bg="own") as socket:
        socket.send_bytes(b"no picture")
        assert "the background: is broken" in socket.receive_json()["detail"]
        socket.send_bytes(picture(255))  # a frame: it must not become the background in its place
        assert answer(socket)[0] == 0
        socket.send_text(json.dumps({"bg": "own"}))
        socket.send_bytes(picture(90, "PNG"))
        socket.send_bytes(picture(255))
        number, colour = answer(socket)
        assert number == 1
        assert np.abs(colour - 90.0).max() < 4
    assert list(tmp_path.iterdir()) == []


def test_frames_for_which_there_is_no_time_are_dropped() -> None:
    class Held(PlainEngine):
        entered, go_on = threading.Semaphore(0), threading.Semaphore(0)

        def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
            self.entered.release()
            assert self.go_on.acquire(timeout=60)
            return super().__call__(frame, mask)

    engine = Held()
    with connected(client(engine)) as socket:
        socket.send_bytes(picture())
        assert engine.entered.acquire(timeout=60)
        for _ in range(20):
            socket.send_bytes(picture())
        socket.send_text('{"bg": "nothing"}')  # answered after all that was sent before it is read
        assert "bg" in socket.receive_json()["detail"]
        engine.go_on.release(2)
        assert [answer(socket)[0] for _ in range(2)] == [0, 20]
        assert engine.calls == 2


def test_each_camera_has_a_temporal_filter_of_its_own() -> None:
    class Flickering(PlainEngine):
        """A person in every other frame."""

        def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
            matte = super().__call__(frame, mask)
            return replace(matte, alpha=np.full_like(matte.alpha, self.calls % 2))

    service = client(Flickering())
    with connected(service, bg="red") as first, connected(service, bg="red") as second:
        colours = []
        for socket in (first, first, second, second, second):
            socket.send_bytes(picture(255))
            colours.append(answer(socket)[1])
    green = [int(colour[1]) for colour in colours]  # 255 where the white frame is kept, 0 on red
    assert green[0] > 250
    assert 100 < green[1] < 250  # smoothed
    assert green[2] > 250  # a person, and the other camera's memory would have made it less
    assert 100 < green[3] < 250


def told(socket: WebSocketTestSession) -> WebSocketDisconnect:
    with pytest.raises(WebSocketDisconnect) as end:
        socket.receive_bytes()
    return end.value


def test_one_camera_too_many_is_told_so_and_a_place_is_freed() -> None:
    service = client()
    with connected(service) as first:
        with connected(service) as second, connected(service) as third:
            end = told(third)
            assert (end.code, end.reason) == (1013, "2 cameras are served at a time; try again later")
            for socket in (first, second):
                socket.send_bytes(picture())
                assert answer(socket)[0] == 0
        with connected(service) as fourth:
            fourth.send_bytes(picture())
            assert answer(fourth)[0] == 0


def test_the_token_is_asked_for() -> None:
    service = client(token="secret", loopback=False)
    for settings in ({}, {"token": "other"}):
        with connected(service, **settings) as socket:
            assert "token" in told(socket).reason
    with connected(service, token="secret") as socket:
        socket.send_bytes(picture())
        assert answer(socket)[0] == 0


@pytest.mark.parametrize("headers", [{"origin": "https://example.org"}, {"host": "example.org"}])
def test_pages_of_other_sites_are_refused(headers: dict[str, str]) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        client().websocket_connect("/v1/live", headers={"host": "127.0.0.1:8400", **headers}),
    ):
        pass


@pytest.mark.parametrize(
    "first",
    [
        "",
        "{",
        "[]",
        '{"bg": "/etc/passwd"}',
        '{"bg": "http://a"}',
        '{"smooth": 2}',
        '{"light_wrap": NaN}',
        '{"other": 1}',
        b"x",
    ],
)
def test_wrong_settings_are_refused(first: str | bytes) -> None:
    with client().websocket_connect("/v1/live", headers={"host": "127.0.0.1:8400"}) as socket:
        if isinstance(first, bytes):
            socket.send_bytes(first)
        else:
            socket.send_text(first)
        end = told(socket)
        assert end.code == 1008
        assert end.reason.startswith("the first message is the settings")


def test_a_long_reason_fits_into_the_protocol() -> None:
    with serving(PlainEngine()) as address, connect(address.replace("http", "ws") + "/v1/live") as socket:
        socket.send(json.dumps({"keep": "ä" * 90}))
        with pytest.raises(ConnectionClosed) as end:
            socket.recv(timeout=30)
    assert end.value.rcvd is not None
    assert end.value.rcvd.code == 1008
    assert end.value.rcvd.reason.startswith("the first message is the settings")


def test_frames_that_are_none_are_told_so_and_the_next_one_counts() -> None:
    bomb = picture()
    at = bomb.index(b"\xff\xc0") + 5
    bomb = bomb[:at] + b"\xff\xff\xff\xff" + bomb[at + 4 :]
    with connected(client(), bg="red") as socket:
        bad = {
            "JPEG": (b"", b"no frame", picture(0, "PNG"), picture()[:200], bomb),
            "small": (picture(size=(8, 8)),),
            "megapixels": (picture(size=(200, 200)),),
        }
        number = 0
        for says, frames in bad.items():
            for data in frames:
                socket.send_bytes(data)
                error = socket.receive_json()
                assert error["frame"] == number
                assert says in error["detail"]
                number += 1
        socket.send_bytes(picture())
        assert answer(socket)[0] == number


def test_a_camera_that_sends_nothing_loses_its_place() -> None:
    with connected(client(limits=replace(LIMITS, camera_idle=0.05))) as socket:
        assert told(socket).reason == "no frame came for 0.05 s"
