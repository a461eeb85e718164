"""Previews of videos with an engine for tests: what they show, that they end in time, and that nothing is left."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from realtime.serve.limits import Limits
from tests.realtime.clips import even_times, make_clip
from tests.realtime.plain_engine import PlainEngine

pytest.importorskip("fastapi_offline", reason="the extra web is not installed")
from fastapi.testclient import TestClient

from realtime.serve import previews
from realtime.serve.app import create_app

LIMITS = Limits(video_bytes=1_000_000, video_seconds=4, videos=2)
PREVIEW = "/v1/video/preview"

pytestmark = pytest.mark.usefixtures("temporary")


@contextmanager
def serving(engine: PlainEngine, folder: Path, limits: Limits = LIMITS) -> Iterator[TestClient]:
    with TestClient(create_app(engine, limits=limits), base_url="http://127.0.0.1:8400") as client:  # type: ignore[arg-type]
        [videos] = folder.iterdir()  # the folder of the videos, which is empty
        yield client
        assert list(folder.iterdir()) == [videos]
        assert not list(videos.iterdir())


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Three seconds of a ball that moves."""
    return make_clip(tmp_path_factory.mktemp("clips") / "in.mp4", even_times(75)).read_bytes()


def test_a_preview_shows_the_first_two_seconds(clip: bytes, temporary: Path) -> None:
    engine = PlainEngine()
    with serving(engine, temporary) as client:
        answer = client.post(PREVIEW, params={"bg": "#00b140", "smooth": 0}, content=clip)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.size, picture.n_frames, engine.calls) == ((96, 64), 8, 8)  # type: ignore[attr-defined]
    shown = []
    for number in range(8):
        picture.seek(number)
        picture.load()
        assert 240 <= picture.info["duration"] <= 280
        shown.append(np.asarray(picture.convert("RGB")).astype(int))
    assert np.abs(shown[0][2, 2] - (0, 0xB1, 0x40)).max() < 30
    assert all(np.abs(after - before).max() > 50 for before, after in pairwise(shown))


@pytest.mark.parametrize(
    ("show", "corner", "ground"),
    [("cutout", 0, 190), ("alpha", 255, 255), ("foreground", 255, 255)],
)
def test_what_the_result_would_show(clip: bytes, temporary: Path, show: str, corner: int, ground: int) -> None:
    with serving(PlainEngine(), temporary) as client:
        answer = client.post(PREVIEW, params={"show": show, "format": "webm"}, content=clip)
    pixels = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))
    assert abs(int(pixels[2, 2, 3]) - corner) < 5
    assert abs(int(pixels[60, 90, 3]) - ground) < 15


def test_a_preview_is_small_and_has_the_shape_of_the_video(tmp_path: Path, temporary: Path) -> None:
    wide = make_clip(tmp_path / "wide.mp4", even_times(2), size=(1920, 200)).read_bytes()
    with serving(PlainEngine(), temporary) as client:
        picture = Image.open(io.BytesIO(client.post(PREVIEW, content=wide).content))
    assert picture.size == (960, 100)


def test_a_slow_engine_gives_fewer_pictures(clip: bytes, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "ENOUGH", 0.01)
    engine = PlainEngine(0.02)
    with serving(engine, temporary) as client:
        assert client.post(PREVIEW, content=clip).status_code == 200
    assert engine.calls == 1


def test_bad_clips_get_the_line_that_a_job_gives(clip: bytes, temporary: Path) -> None:
    with serving(PlainEngine(), temporary, replace(LIMITS, video_bytes=len(clip), video_seconds=2)) as client:
        for data, options, code, told in (
            (b"", {}, 400, "the video is missing or empty"),
            (b"no video", {}, 422, "the video: is not a video that can be read"),
            (clip, {}, 422, "the video is 3 s long, and 2 s are served at most; cut it first"),
            (clip + b"0", {}, 413, "the body has more than"),
            (clip, {"bg": "/etc/passwd"}, 400, "bg: "),
            (clip, {"keep": "50%,50%@1"}, 400, "keep: names a time"),
            (clip, {"show": "cutout"}, 400, "alpha"),
        ):
            answer = client.post(PREVIEW, params=options, content=data)
            assert (answer.status_code, told in answer.json()["detail"]) == (code, True), answer.text
            assert str(temporary) not in answer.text
    with serving(PlainEngine(), temporary, replace(LIMITS, pixels=1000)) as client:
        answer = client.post(PREVIEW, content=clip)
        assert (answer.status_code, "megapixels" in answer.json()["detail"]) == (413, True)
    with serving(PlainEngine(), temporary, replace(LIMITS, videos=0)) as client:  # as where all places are taken
        assert client.post(PREVIEW, content=clip).status_code == 429
