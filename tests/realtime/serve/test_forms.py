"""Forms of several files: a background of the client's own, and forms that are wrong."""

import io
import time
from collections.abc import Iterator
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

FORM = "multipart/form-data; boundary=x"


def picture(colour: str, size: tuple[int, int] = (64, 48)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def part(name: str, data: bytes = b"data") -> bytes:
    return f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="a"\r\n\r\n'.encode() + data + b"\r\n"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    app = create_app(PlainEngine(), limits=Limits(bytes=100_000, pixels=10_000))
    with TestClient(app, base_url="http://127.0.0.1:8400") as ready:
        yield ready
    assert list(tmp_path.iterdir()) == []


def test_a_background_is_sent_with_a_photo(client: TestClient) -> None:
    files = {"photo": picture("white"), "background": picture("red", (30, 30))}
    answer = client.post("/v1/image", files=files)
    assert answer.status_code == 200
    assert (np.asarray(Image.open(io.BytesIO(answer.content))) == (255, 0, 0)).all()


def test_a_background_is_sent_with_a_video(client: TestClient, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    data = clip.read_bytes()
    clip.unlink()
    for background, told in ((picture("red"), ""), (b"no picture", "the background: ")):
        address = client.post("/v1/video", files={"background": background, "video": data}).headers["location"]
        while (job := client.get(address).json())["status"] in ("queued", "running"):
            time.sleep(0.02)
        assert job["detail"].startswith(told)
        assert job["status"] == ("failed" if told else "done")
        preview = client.post("/v1/video/preview", files={"background": background, "video": data})
        assert preview.status_code == (422 if told else 200)
        if told:
            assert preview.json()["detail"] == job["detail"]
        else:
            red, green, blue = Image.open(io.BytesIO(preview.content)).convert("RGB").getpixel((2, 2))  # type: ignore[misc]
            assert red > 200 > 60 > max(green, blue)


@pytest.mark.parametrize(
    ("files", "code", "told"),
    [
        ({"photo": b"no photo", "background": picture("red")}, 422, "the photo: is broken"),
        ({"photo": picture("red"), "background": b"no picture"}, 422, "the background: "),
        ({"photo": picture("red"), "background": b"#EXTM3U\nhttp://127.0.0.1/a.ts\n"}, 422, "the background: "),
        ({"photo": picture("red"), "background": picture("red", (200, 200))}, 413, "the background has more than"),
        ({"photo": picture("red"), "background": b""}, 400, "the background is missing or empty"),
        ({"background": picture("red")}, 400, "the photo is missing"),
        ({"photo": picture("red"), "../photo": picture("red")}, 400, "photo and background"),
    ],
)
def test_what_is_wrong_with_a_part_is_said(
    client: TestClient, files: dict[str, bytes], code: int, told: str, tmp_path: Path
) -> None:
    answer = client.post("/v1/image", files=files)
    assert (answer.status_code, told in answer.json()["detail"]) == (code, True), answer.text
    assert str(tmp_path) not in answer.text


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x--"),
        (f"multipart/form-data; boundary={'x' * 300}", b""),
        (FORM, b"photo"),
        (FORM, b"--x--\r\n"),
        (FORM, part("photo")),
        (FORM, part("photo")[:20]),
        (FORM, part("photo") + part("photo") + b"--x--\r\n"),
        (FORM, b"--x\r\n\r\ndata\r\n--x--\r\n"),
        (FORM, b"--x\r\nbad header\r\n\r\ndata\r\n--x--\r\n"),
    ],
)
def test_forms_that_are_wrong_are_told_so(
    client: TestClient, content_type: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.post("/v1/image", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 400, answer.text
    assert "\n" not in answer.json()["detail"]
    assert [record.name for record in caplog.records if "multipart" in record.name] == []  # it wrote a line for each
