"""Coarse masks over HTTP: the matte made of one, and what each network gives."""

import base64
import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from engines.engine import Frame, Mask, Matte, Profiled
from realtime.serve.limits import Limits
from tests.realtime.plain_engine import PlainEngine

pytest.importorskip("fastapi_offline", reason="the extra web is not installed")
from fastapi.testclient import TestClient

from realtime.serve.app import create_app


class Following(PlainEngine):
    """An engine whose matte is the mask that was given."""

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        matte = super().__call__(frame, mask)
        if mask is None:
            return matte
        alpha = np.asarray(cv2.resize(mask, frame.shape[1::-1]), np.float32)
        return replace(matte, alpha=alpha, coarse=mask)

    def profile(self, frame: Frame, mask: Mask | None = None) -> Profiled:
        return Profiled(self(frame, mask), {"mpn": 1.0, "qun": 2.0, "mrn": 3.0})


@pytest.fixture
def client() -> TestClient:
    app = create_app(Following(), limits=Limits(pixels=10_000))
    return TestClient(app, base_url="http://127.0.0.1:8400")


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


PHOTO = png(np.full((60, 80, 3), 255, np.uint8))  # nobody, for MPN's place
HALF = np.zeros((30, 40), np.uint8)
HALF[:, :20] = 255


def opened(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("mask", [HALF, HALF // 255, np.repeat(HALF[..., None], 3, axis=2)], ids=["grey", "labels", "RGB"])
def test_a_mask_becomes_a_matte(client: TestClient, mask: np.ndarray) -> None:
    alpha = client.post("/v1/refine", files={"photo": PHOTO, "mask": png(mask)})
    assert alpha.headers["content-type"] == "image/png"
    levels = opened(alpha.content)
    assert levels.shape == (60, 80)
    assert (levels[:, :36] == 255).all()
    assert (levels[:, 44:] == 0).all()
    cut_out = opened(client.post("/v1/refine?show=cutout", files={"photo": PHOTO, "mask": png(mask)}).content)
    assert (cut_out[..., 3] == levels).all()


def test_the_steps_of_a_photo_and_of_a_mask(client: TestClient) -> None:
    for files, shape, level in (({"photo": PHOTO}, (8, 8), 0), ({"photo": PHOTO, "mask": png(HALF)}, HALF.shape, 255)):
        answer = client.post("/v1/steps", files=files).json()
        assert answer.pop("ms") == {"mpn": 1, "qun": 2, "mrn": 3}
        pictures = {name: opened(base64.b64decode(url.partition("base64,")[2])) for name, url in answer.items()}
        assert set(pictures) == {"coarse", "unified", "alpha"}
        assert pictures["coarse"].shape == shape
        assert pictures["alpha"].shape == (60, 80)
        assert pictures["coarse"][0, 0] == pictures["alpha"][0, 0] == level


@pytest.mark.parametrize("address", ["/v1/refine", "/v1/steps"])
@pytest.mark.parametrize(
    ("mask", "code", "told"),
    [
        (b"no picture", 422, "the mask: is broken"),
        (b'{"images": []}', 422, "the mask: is broken"),
        (b"", 400, "the mask is missing or empty"),
        (png(HALF.T), 422, "the photo: its mask has another shape (30x40 for a photo of 80x60)"),
        (png(np.zeros((600, 800), np.uint8)), 413, "the mask has more than"),
    ],
)
def test_a_wrong_mask_is_told(client: TestClient, address: str, mask: bytes, code: int, told: str) -> None:
    answer = client.post(address, files={"photo": PHOTO, "mask": mask})
    assert (answer.status_code, told in answer.json()["detail"]) == (code, True), answer.text


def test_refining_needs_a_mask(client: TestClient) -> None:
    for sent in ({"content": PHOTO}, {"files": {"photo": PHOTO}}):
        answer = client.post("/v1/refine", **sent)  # type: ignore[arg-type]
        assert (answer.status_code, "the mask is missing" in answer.json()["detail"]) == (400, True)
    assert client.post("/v1/refine?show=other", files={"photo": PHOTO, "mask": png(HALF)}).status_code == 400
