"""Malformed requests of many kinds: each is answered in one line that is no 500, and leaves no file behind."""

import io
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some
from PIL import Image

from realtime.serve.limits import Limits
from tests.realtime.plain_engine import PlainEngine

pytest.importorskip("fastapi_offline", reason="the extra web is not installed")
from fastapi.testclient import TestClient

from realtime.serve.app import create_app

HEADS = (
    b"",
    b"\xff\xd8\xff\xe0",
    b"GIF89a",
    b"RIFF\xff\xff\xff\xffWEBPVP8X",
    b"II*\0",
    b"BM",
    b"\0\0\0\x20ftypheic",
    b"P6\n9 9 ",
)
BOMB = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\x7f\xff\xff\xff" * 2 + b"\x08\x02\0\0\0" + b"\0" * 20  # claims 4 exapixels


def whole(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)).save(file, kind)
    return file.getvalue()


WHOLE = [whole(kind) for kind in ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP")]


@some.composite
def damaged(draw: some.DrawFn) -> bytes:
    """A picture that is cut, or has some bytes replaced."""
    data = bytearray(draw(some.sampled_from(WHOLE)))
    for place in draw(some.lists(some.integers(0, len(data) - 1), max_size=4)):
        data[place] = draw(some.integers(0, 255))
    return bytes(data[: draw(some.integers(0, len(data)))])


BODIES = some.one_of(some.just(BOMB), damaged(), some.builds(bytes.__add__, some.sampled_from(HEADS), some.binary(max_size=60)))
TEXTS = some.text(max_size=120) | some.sampled_from(["../x", "http://a", "blur:nan", "#00b14", "nan,nan", "1e999", "-1%,2%"])
PARAMETERS = some.dictionaries(some.sampled_from(["bg", "keep", "light_wrap", "model"]), TEXTS, max_size=2)


@pytest.fixture(scope="module")
def service() -> TestClient:
    return TestClient(create_app(PlainEngine(), limits=Limits(pixels=10_000)), base_url="http://127.0.0.1:8400")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=some.sampled_from(["image", "alpha"]), body=BODIES, parameters=PARAMETERS)
@example(path="image", body=WHOLE[0], parameters={"keep": "\n"})
def test_nothing_breaks_it(
    service: TestClient, path: str, body: bytes, parameters: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    answer = service.post(f"/v1/{path}", params=parameters, content=body)
    assert answer.status_code in {200, 400, 413, 422}
    if answer.status_code != 200:
        assert "\n" not in answer.json()["detail"]
        assert str(tmp_path) not in answer.text
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, parameters=PARAMETERS | some.fixed_dictionaries({"show": TEXTS, "format": TEXTS, "smooth": TEXTS}))
def test_nothing_breaks_videos(
    body: bytes, parameters: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    service = TestClient(create_app(PlainEngine(), limits=Limits()), base_url="http://127.0.0.1:8400")
    with service:
        answer = service.post("/v1/video", params=parameters, content=body)
        assert answer.status_code in {202, 400}
        if answer.status_code == 202:
            address = answer.headers["location"]
            while (job := service.get(address).json())["status"] in ("queued", "running"):
                time.sleep(0.01)
            assert "\n" not in job["detail"]
            assert str(tmp_path) not in job["detail"]
        else:
            assert "\n" not in answer.json()["detail"]
        preview = service.post("/v1/video/preview", params=parameters, content=body)
        assert preview.status_code in {200, 400, 413, 422}
        if preview.status_code != 200:
            assert "\n" not in preview.json()["detail"]
            assert str(tmp_path) not in preview.text
    assert list(tmp_path.iterdir()) == []
