"""The HTTP service with an engine for tests: what it answers, whom it refuses, and that it keeps nothing."""

import asyncio
import io
import re
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import Base

from realtime.serve.limits import Limits
from tests.realtime.plain_engine import PlainEngine

pytest.importorskip("fastapi_offline", reason="the extra web is not installed")
from fastapi import HTTPException, Request
from fastapi.testclient import TestClient

from realtime.serve.app import create_app
from realtime.serve.bodies import receive
from realtime.serve.editing import Made
from realtime.serve.pages import FOLDER

HOME = "http://127.0.0.1:8400"
LIMITS = Limits(bytes=100_000, pixels=10_000, seconds=5, queue=2)


def client(engine: PlainEngine | None = None, **options: object) -> TestClient:
    return TestClient(create_app(engine or PlainEngine(), limits=LIMITS, **options), base_url=HOME)  # type: ignore[arg-type]


def photo(height: int = 48, width: int = 64) -> bytes:
    """The left half is black, which the engine takes for a person; the right half is white."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[:, : width // 2] = 0
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the service may put files: nothing is left there by any request."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_photo_comes_back_cut_out(temporary: Path) -> None:
    answer = client().post("/v1/image", content=photo())
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    alpha = pixels_of(answer.content)[..., 3]
    assert (alpha[:, :32] == 255).all()
    assert (alpha[:, 32:] == 0).all()
    assert list(temporary.iterdir()) == []


def test_a_photo_comes_back_on_a_background() -> None:
    picture = pixels_of(client().post("/v1/image", params={"bg": "#00b140"}, content=photo()).content)
    assert picture.shape == (48, 64, 3)
    assert (picture[:, 40:] == (0, 0xB1, 0x40)).all()


def test_alpha_comes_alone() -> None:
    assert pixels_of(client().post("/v1/alpha", content=photo()).content).shape == (48, 64)


def test_a_photo_on_a_background_may_be_a_jpeg() -> None:
    for sent in ({"params": {"bg": "#00b140"}, "content": photo()}, {"files": {"photo": photo(), "background": photo()}}):
        params = {**sent.get("params", {}), "format": "jpg"}  # type: ignore[dict-item]
        answer = client().post("/v1/image", **{**sent, "params": params})  # type: ignore[arg-type]
        assert answer.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(answer.content)).format == "JPEG"
        assert pixels_of(answer.content).shape == (48, 64, 3)
    refused = client().post("/v1/image", params={"format": "jpg"}, content=photo())
    assert (refused.status_code, refused.json()["detail"]) == (400, "format: jpg has no alpha; take png, or give a background")


@pytest.mark.parametrize("length", [10, 66_000])
def test_exif_too_large_for_a_jpeg_is_told(length: int) -> None:
    """It was left out without a word."""
    tags, file = Image.Exif(), io.BytesIO()
    tags[Base.ImageDescription] = "d" * length
    Image.new("RGB", (64, 48)).save(file, "PNG", exif=tags)
    told = "the result.jpg: the EXIF of the photo is too large for .jpg, and is left out" if length > 65_533 else None
    for format, says in (("jpg", told), ("png", None)):
        answer = client().post("/v1/image", params={"bg": "green", "format": format}, content=file.getvalue())
        assert (answer.status_code, answer.headers.get("notes")) == (200, says)
        assert bool(Image.open(io.BytesIO(answer.content)).getexif()) is (says is None)


def test_pictures_of_an_animation_that_are_not_used_are_told() -> None:
    file = io.BytesIO()
    first, second = (Image.new("RGB", (64, 48), colour) for colour in ("black", "white"))
    first.save(file, "GIF", save_all=True, append_images=[second])
    for call, sent in (("image", {"photo": file.getvalue()}), ("refine", {"photo": file.getvalue(), "mask": photo()})):
        answer = client().post(f"/v1/{call}", files=sent)
        assert answer.headers["notes"] == "the photo: has 2 pictures; only the first is used"


def test_a_request_may_ask_for_another_model() -> None:
    base, large = PlainEngine(), PlainEngine()
    service = client(base, load=lambda _: large)
    for address in ("/v1/image", "/v1/alpha"):
        assert service.post(address, params={"model": "large"}, content=photo()).status_code == 200
    assert service.post("/v1/image", content=photo()).status_code == 200
    assert (base.calls, large.calls) == (1, 2)


@pytest.mark.parametrize("bg", ["/etc/passwd", "background.jpg", "http://127.0.0.1/a.jpg", "concat:a|b", "~", "blur:99", "#12"])
def test_no_file_or_address_of_a_client_is_opened(bg: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("background.jpg").write_bytes(photo())
    engine = PlainEngine()
    answer = client(engine).post("/v1/image", params={"bg": bg}, content=photo())
    assert answer.status_code == 400
    assert "bg" in answer.json()["detail"] or "blur" in answer.json()["detail"]
    assert engine.calls == 0


@pytest.mark.parametrize(
    ("body", "parameters", "code", "told"),
    [
        (b"", {}, 400, "empty"),
        (b"no photo", {}, 422, "the photo: is broken"),
        (photo()[:100], {}, 422, "the photo: is broken"),
        (photo(8, 8), {}, 422, "too small"),
        (photo(200, 200), {}, 413, "megapixels"),
        (b"0" * 100_001, {}, 413, "0.1 MB"),
        (photo(), {"light_wrap": "nan"}, 400, "light_wrap"),
        (photo(), {"light_wrap": "2"}, 400, "light_wrap"),
        (photo(), {"keep": "nobody"}, 400, "nobody"),
        (photo(), {"model": "huge"}, 400, "model"),
        (photo(), {"model": "large"}, 400, "model: this service has the model base alone"),
        (photo(), {"keep": "60,10"}, 422, "the photo"),
    ],
)
def test_what_is_wrong_is_said(body: bytes, parameters: dict[str, str], code: int, told: str, temporary: Path) -> None:
    answer = client().post("/v1/image", params=parameters, content=body)
    assert (answer.status_code, told in answer.json()["detail"]) == (code, True), answer.text
    assert str(temporary) not in answer.text
    assert list(temporary.iterdir()) == []


VIDEO_PARAMETERS = "use bg, format, keep, light_wrap, model, show, smooth"


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        ("image", "use bg, format, keep, light_wrap, model"),
        ("alpha", "use keep, model"),
        ("refine", "use show"),
        ("steps", "this call takes none"),
        ("video", VIDEO_PARAMETERS),
        ("video/preview", VIDEO_PARAMETERS),
    ],
)
def test_a_parameter_that_does_not_exist_is_refused(call: str, remedy: str) -> None:
    engine = PlainEngine()
    answer = client(engine).post(f"/v1/{call}", params={"modle": "large"}, content=photo())
    assert (answer.status_code, answer.json()) == (400, {"detail": f"modle: is no parameter of this call; {remedy}"})
    assert client(engine, token="secret").post(f"/v1/{call}", params={"modle": "large"}).status_code == 401
    long = client(engine).post(f"/v1/{call}", params={"no\n" * 100: ""}, content=photo()).json()["detail"]
    assert len(long) < 150
    assert "\n" not in long
    assert engine.calls == 0


def refusal(send: Callable[[], Awaitable[dict[str, Any]]], folder: Path, *, seconds: float = 5) -> int:
    """The status that a body gets which comes in these parts, without a length."""
    request = Request({"type": "http", "method": "POST", "headers": []}, send)
    with pytest.raises(HTTPException) as refused:
        asyncio.run(receive(request, folder, ("photo",), most=100_000, seconds=seconds))
    return refused.value.status_code


def test_bodies_without_an_end_are_cut_off(tmp_path: Path) -> None:
    parts = 0

    async def endless() -> dict[str, Any]:
        nonlocal parts
        parts += 1
        return {"type": "http.request", "body": b"0" * 50_000, "more_body": True}

    assert refusal(endless, tmp_path) == 413
    assert parts == 3


def test_clients_that_leave_are_no_error_of_the_service(tmp_path: Path) -> None:
    async def left() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    assert refusal(left, tmp_path) == 400


def test_bodies_that_stall_lose_their_place(tmp_path: Path) -> None:
    async def stalled() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    assert refusal(stalled, tmp_path, seconds=0.01) == 408


def test_a_full_queue_sends_clients_away() -> None:
    """Two requests hold the two places, both at the engine; the third is told when to come back."""
    entered, go_on = threading.Semaphore(0), threading.Event()

    def slow(folder: Path) -> Made:
        entered.release()
        assert go_on.wait(60)
        return Made((folder / "photo").read_bytes(), ())

    with patch("realtime.serve.editing.PhotoEditor.alpha", lambda self, folder, keep: slow(folder)), client() as service:
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(service.post("/v1/alpha", content=b"x"))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for _ in threads:
            assert entered.acquire(timeout=60)
        refused = service.post("/v1/alpha", content=b"x")
        assert service.get("/v1/health").json()["requests"] == 2
        go_on.set()
        for thread in threads:
            thread.join()
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert [answer.status_code for answer in answers] == [200, 200]
        assert service.post("/v1/alpha", content=b"x").status_code == 200


def test_the_token_is_asked_for() -> None:
    service = client(token="secret", loopback=False)
    for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": "Basic secret"}):
        assert service.post("/v1/image", content=photo(), headers=headers).status_code == 401
    assert service.post("/v1/image", content=photo(), headers={"Authorization": "Bearer secret"}).status_code == 200
    assert "HTTPBearer" in service.get("/openapi.json").json()["components"]["securitySchemes"]  # /docs asks for it


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://example.org"}, {"Origin": "null"}, {"Host": "example.org:8400"}, {"Host": "127.0.0.1.example.org"}],
)
def test_pages_of_other_sites_are_refused(headers: dict[str, str]) -> None:
    answer = client().post("/v1/image", content=photo(), headers=headers)
    assert answer.status_code == 403
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_its_own_page_is_served() -> None:
    for host in ("127.0.0.1:8400", "localhost:8400", "[::1]:8400", "localhost", "127.0.0.2:8400", "[::1]"):
        headers = {"Host": host, "Origin": f"http://{host}"}
        assert client().post("/v1/alpha", content=photo(), headers=headers).status_code == 200


@pytest.mark.parametrize(("path", "code"), [("/", 200), ("/v1/health", 200), ("/v1/video/none/result", 404)])
def test_head_is_answered_as_get_without_a_body(path: str, code: int) -> None:
    answer, whole = client().head(path), client().get(path)
    assert (answer.status_code, answer.content) == (code, b"")
    assert answer.headers["content-length"] == str(len(whole.content))
    assert client(token="secret").head("/v1/health").status_code == 401


def test_the_page_loads_nothing_from_elsewhere() -> None:
    service = client()
    page = service.get("/")
    assert page.headers["content-type"].startswith("text/html")
    files = {path.name for path in FOLDER.iterdir()} - {"index.html"}
    assert set(re.findall(r"(?:src|href)=\"page/([^\"]+)\"", page.text)) <= files
    for answer in (page, *(service.get(f"/page/{name}") for name in files)):
        assert answer.status_code == 200
        assert "default-src 'self'; " in answer.headers["content-security-policy"]
        assert "http" not in answer.text
    for name in ("..%2Fapp.py", "%2Fetc%2Fpasswd", "app.py", "."):
        assert service.get(f"/page/{name}").status_code == 404


def test_the_description_loads_nothing_from_elsewhere() -> None:
    service = client()
    page = service.get("/docs").text
    assert "https://" not in page
    assert "//cdn" not in page
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert service.get(f"/static-offline-docs/{name}").status_code == 200
    photos, videos = {"image", "alpha", "refine", "steps"}, {"video", "video/preview", "video/{name}", "video/{name}/result"}
    assert {f"/v1/{name}" for name in {"health", *photos, *videos}} == set(service.get("/openapi.json").json()["paths"])
