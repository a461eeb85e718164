"""A disk that fills while something is stored: the client is told, and nothing is left."""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from realtime.serve.limits import Limits
from tests.realtime.clips import make_clip
from tests.realtime.plain_engine import PlainEngine

pytest.importorskip("fastapi_offline", reason="the extra web is not installed")
from fastapi.testclient import TestClient

from realtime.serve.app import create_app

resource = pytest.importorskip("resource", reason="Windows limits no files")


@contextmanager
def room(size: int) -> Iterator[None]:
    """While this lasts, the system stores so many bytes of a file, and refuses more."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def noise(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)).save(file, kind)
    return file.getvalue()


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with TestClient(create_app(PlainEngine(), limits=Limits()), base_url="http://127.0.0.1:8400") as ready:
        yield ready


@pytest.mark.parametrize(
    ("address", "size"),
    [("/v1/image", 2_000), ("/v1/image", 30_000), ("/v1/video", 2_000)],
    ids=["photo", "result of a photo", "video"],
)
def test_what_does_not_fit_is_a_507(client: TestClient, tmp_path: Path, address: str, size: int) -> None:
    jpeg, before = noise("JPEG"), set(tmp_path.rglob("*"))
    assert 2_000 < len(jpeg) < 30_000 < len(noise("PNG"))
    with room(size):
        answer = client.post(address, content=jpeg)
    assert answer.status_code == 507
    assert answer.json() == {"detail": "the disk of the service is full; try again later, or send less"}
    assert set(tmp_path.rglob("*")) == before
    assert client.post("/v1/image", content=jpeg).status_code == 200


def test_a_result_that_does_not_fit_fails_its_video_alone(client: TestClient, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    data = clip.read_bytes()
    clip.unlink()
    with room(len(data)):
        address = client.post("/v1/video", params={"format": "mov", "show": "cutout"}, content=data).headers["location"]
        while (job := client.get(address).json())["status"] in ("queued", "running"):
            time.sleep(0.02)
    assert (job["status"], "result.mov: " in job["detail"]) == ("failed", True), job
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_camera_s_background_that_does_not_fit_is_told(client: TestClient, tmp_path: Path) -> None:
    """The connection broke off without a word, with two tracebacks in the log."""
    before = set(tmp_path.rglob("*"))
    with client.websocket_connect("/v1/live", headers={"host": "127.0.0.1:8400"}) as socket:
        socket.send_json({"bg": "own"})
        with room(2_000):
            socket.send_bytes(noise("JPEG"))
            assert socket.receive_json() == {"detail": "the disk of the service is full; try again later, or send less"}
        assert set(tmp_path.rglob("*")) == before
        socket.send_bytes(noise("JPEG"))  # a frame
        assert socket.receive_bytes()[:4] == bytes(4)
